"""Who answers a user turn: the engine itself where the answer is certain, else the language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from engine.calculation.calculator import calculated, worth_computing
from engine.conversation.parts import Parts
from engine.conversation.prompt import Prompt, build_prompt
from engine.conversation.reply_context import ReplyOptions
from engine.errors import EngineError
from engine.knowledge.follow_up import search_query
from engine.llm.history import ChatHistory
from engine.protocol.lessons import Origin
from engine.protocol.outgoing import SafetyCategory, SourcePassage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """A finished answer, which no model has to write."""

    text: str
    origin: Origin
    sources: Sequence[SourcePassage] | None = None
    held_back: SafetyCategory | None = None
    """Why the question was not answered; with origin ``safety``."""


async def find_answer(parts: Parts, options: ReplyOptions, history: ChatHistory, question: str) -> ReadyAnswer | Prompt:
    """The answer to ``question``, the student's words, or else what to ask the language model.

    The guard is asked first: words it holds back are neither looked up nor shown to a model.
    """
    profile = options.profile
    caught = await parts.safety.question(question, profile.safety, history.asked_before(question))
    if caught is not None:
        return ReadyAnswer(parts.safety.text(caught, "question", question, profile), "safety", held_back=caught)
    if profile.calculator and worth_computing(question):
        computed = await parts.text_worker.run(calculated, question, profile.language, date.today())
        if computed is not None:
            return ReadyAnswer(computed, "calculation")
    if options.kb_id is not None and (profile.answers != "free" or parts.knowledge.built_in(options.kb_id)):
        query = search_query(question, history.asked_before(question))
        quoted = await _quoted(parts, options, options.kb_id, query)
        again = query != question and profile.answers != "exact" and _said(quoted, history)
        if quoted is not None and not again:
            return quoted
    return await build_prompt(parts, options, history, question)


def _said(answer: ReadyAnswer | None, history: ChatHistory) -> bool:
    """Whether it was said before: a follow-up question wants to know more than that."""
    return answer is not None and any(answer.text == message["content"] for message in history.remembered)


async def _quoted(parts: Parts, options: ReplyOptions, kb_id: str, query: str) -> ReadyAnswer | None:
    """What the course material says; None leaves the answer to the model."""
    if not query:  # small talk: there is nothing to look up
        return None
    try:
        quote = await parts.knowledge.quote(kb_id, query)
    except EngineError as error:
        log.warning("knowledge_base_failed", session=options.session, code=error.code)
        quote = None
    if quote is not None:
        return ReadyAnswer(quote.text, "material", (SourcePassage.model_validate(quote.passage.source()),))
    return ReadyAnswer(options.profile.nothing_found, "material", ()) if options.profile.answers == "exact" else None
