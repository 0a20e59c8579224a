"""A language model that breaks off: what came is said, the student is told, and the turn ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from engine.contracts import CutShort, Message
from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage


async def ask(stage: Stage, then_s: float) -> None:
    stage.conversation.say("How do plants eat?", AVATAR)
    await asyncio.sleep(then_s)


APOLOGY = "Sorry, I lost my train of thought. Please ask me again."
THREE = "Plants make sugar from light. They need water too. The roots bring the water up, and the leaves take in air."


def counted(stage: Stage, outcome: str) -> float:
    return stage.metrics.registry.get_sample_value("tutor_turns_total", {"end": outcome}) or 0.0


@dataclass
class LimitedModel(FakeModel):
    """Reaches its length limit after ``fails_after`` words."""

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        dialogue: str = "",
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[str]:
        words = self.text.split()[: self.fails_after]
        for index, word in enumerate(words):
            yield f" {word}" if index else word
        yield CutShort("…")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (0, ""),
        (2, "Plants make… "),
        (12, "Plants make sugar from light. They need water too. "),
    ],
)
def test_what_came_is_said_and_then_an_apology(words: int, said: str) -> None:
    stage = Stage(model=FakeModel(text=THREE, fails_after=words)).play_all(lambda s: ask(s, then_s=20))
    assert stage.sink.last("text")["content"] == said + APOLOGY
    assert stage.sink.kinds("error", "text", "turn_done") == ["error", "text", "turn_done"]
    assert (counted(stage, "failed"), counted(stage, "done")) == (1, 0)
    assert " ".join(stage.synthesizer.spoken).replace("…", "") == (said + APOLOGY).replace("…", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (12, "Plants make sugar from light. They need water too."),
        (9, "Plants make sugar from light. They need water too."),
        (3, "Plants make sugar…"),
    ],
)
def test_an_answer_at_its_length_limit_ends_with_a_whole_sentence(words: int, said: str) -> None:
    stage = Stage(model=LimitedModel(text=THREE, fails_after=words)).play_all(lambda s: ask(s, then_s=20))
    assert stage.sink.last("text")["content"] == said
    assert stage.sink.kinds("error", "text", "turn_done") == ["text", "turn_done"]


def test_an_error_that_ends_a_reply_is_followed_by_its_end() -> None:
    async def type_without_a_face(stage: Stage) -> None:
        stage.conversation.say("Why?", None)
        await asyncio.sleep(5)

    stage = Stage(model=FakeModel(fails_after=0)).play_all(type_without_a_face)
    assert stage.sink.kinds("error", "turn_done") == ["error", "turn_done"]
    assert stage.sink.last("turn_done")["turn"] == 1
