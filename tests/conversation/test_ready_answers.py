"""Answers the engine gives itself: shown, spoken and remembered like a model's, which is not asked."""

from __future__ import annotations

import asyncio

from engine.tutors.profile import TutorProfile
from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage


async def ask(stage: Stage, question: str) -> None:
    stage.conversation.say(question, AVATAR)
    await asyncio.sleep(20)


def counted(stage: Stage, origin: str) -> float:
    return float(stage.metrics.answers.labels(origin)._value.get())


def test_a_calculation_is_said_without_asking_the_model() -> None:
    stage = Stage().play_all(lambda s: ask(s, "What is 17 times 23?"))
    assert stage.sink.last("text")["content"] == "17 × 23 = 391."
    assert "".join(stage.synthesizer.spoken)
    assert stage.history[-2:] == [("user", "What is 17 times 23?"), ("assistant", "17 × 23 = 391.")]
    assert (counted(stage, "calculation"), counted(stage, "model")) == (1, 0)


def test_a_profile_may_leave_sums_to_the_model() -> None:
    stage = Stage(model=FakeModel(text="A lot."), profile=TutorProfile(calculator=False))
    stage.play_all(lambda s: ask(s, "What is 17 times 23?"))
    assert stage.sink.last("text")["content"] == "A lot."
    assert (counted(stage, "calculation"), counted(stage, "model")) == (0, 1)
