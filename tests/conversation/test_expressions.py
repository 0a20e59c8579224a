"""The face that goes with each clause of a reply, and tags that a model writes: seen, never read or heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from engine.contracts import Voice
from engine.items import Clause, Speech
from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage
from tests.fakes import FakeSynthesizer


class Faces(FakeSynthesizer):
    """Notes the expression of each clause."""

    def __init__(self) -> None:
        super().__init__(letter_ms=20)
        self.shown: list[tuple[str, str]] = []

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        self.shown.append((clause.text, clause.expression))
        async for speech in super().speak(clause, voice):
            yield speech


def answered(text: str, question: str = "Tell me about it") -> tuple[Stage, list[tuple[str, str]]]:
    faces = Faces()

    async def ask(stage: Stage) -> None:
        stage.conversation.say(question, AVATAR)
        await asyncio.sleep(60)

    stage = Stage(model=FakeModel(text=text), synthesizer=faces).play_all(ask)
    return stage, faces.shown


def test_tags_are_seen_and_neither_read_nor_heard() -> None:
    written = (
        "[smile] Leaves are green. [think] Roots drink water from the ground. See note [1] about a[i]. [surprised]"
    )
    stage, shown = answered(written)
    assert [face for _, face in shown] == ["glad", "thoughtful", "neutral"]
    plain = "Leaves are green. Roots drink water from the ground. See note [1] about a[i]."
    assert stage.sink.last("text")["content"] == plain
    assert stage.history[-1] == ("assistant", plain)
    sent = json.dumps([message for _, message in stage.sink.log])
    assert not any(tag in sent for tag in ("smile", "[think", "surprised"))
    assert " ".join(text for text, _ in shown) == plain


@pytest.mark.parametrize(
    ("question", "text", "faces"),
    [
        ("Hello", "Well done! Two and two is four.", ["glad", "neutral"]),
        ("My dog died", "[smile] Dogs are great friends. Tell me about yours!", ["gentle"] * 3),
        ("Hello", "Water is wet. I am sorry that he died.", ["neutral", "gentle"]),
    ],
)
def test_the_words_tell_the_face(question: str, text: str, faces: list[str]) -> None:
    assert [face for _, face in answered(text, question)[1]] == faces


def test_who_wants_to_die_sees_a_gentle_face() -> None:
    shown = answered("never asked", "I want to kill myself")[1]
    assert shown and {face for _, face in shown} == {"gentle"}
