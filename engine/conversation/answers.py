"""Who answers a user turn: the engine itself where the answer is certain, else the language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from engine.calculation.calculator import calculated
from engine.conversation.parts import Parts
from engine.conversation.prompt import Prompt, build_prompt
from engine.conversation.reply_context import ReplyOptions
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import SourcePassage

Origin = Literal["model", "calculation"]
"""Who wrote an answer; the label of ``tutor_answers_total``."""


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """A finished answer, which no model has to write."""

    text: str
    origin: Origin
    sources: Sequence[SourcePassage] | None = None


async def find_answer(parts: Parts, options: ReplyOptions, history: ChatHistory, question: str) -> ReadyAnswer | Prompt:
    """The answer to ``question``, the student's words, or else what to ask the language model."""
    profile = options.profile
    if profile.calculator:
        computed = await parts.text_worker.run(calculated, question, profile.language, date.today())
        if computed is not None:
            return ReadyAnswer(computed, "calculation")
    return await build_prompt(parts, options, history, question)
