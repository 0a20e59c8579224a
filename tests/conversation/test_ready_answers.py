"""Answers the engine gives itself: shown, spoken and remembered like a model's, which is not asked."""

from __future__ import annotations

import asyncio

import pytest

from engine.conversation.conversation import Conversation
from engine.knowledge.items import Passage
from engine.knowledge.quotes import Quote
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


class Book:
    """A knowledge base that knows one sentence."""

    def __init__(self, *, built_in: bool = False) -> None:
        self._built_in = built_in

    def built_in(self, kb_id: str) -> bool:
        return self._built_in

    def exists(self, kb_id: str) -> bool:
        return True

    async def quote(self, kb_id: str, question: str) -> Quote | None:
        if "bees" not in question:
            return None
        return Quote("Bees dance.", Passage("bees.md", "Bees dance. They fly.", 0.8))

    async def search(self, kb_id: str, question: str, count: int) -> list[Passage]:
        return []


def taught(answers: str, book: Book | None = None) -> Stage:
    stage = Stage(model=FakeModel(text="Perhaps they sing."), profile=TutorProfile(answers=answers))
    stage.parts.knowledge = book or Book()
    stage.conversation = Conversation(stage.parts, stage.conversation.profile, "session", "book")
    return stage


@pytest.mark.parametrize("answers", ["exact", "exact_first"])
def test_the_material_answers_in_its_own_words(answers: str) -> None:
    stage = taught(answers).play_all(lambda s: ask(s, "How do bees talk?"))
    text = stage.sink.last("text")
    assert text["content"] == "Bees dance."
    assert text["sources"][0]["document"] == "bees.md"
    assert counted(stage, "material") == 1


def test_what_the_material_does_not_say_is_said_to_be_missing_or_left_to_the_model() -> None:
    exact = taught("exact").play_all(lambda s: ask(s, "How do wasps talk?"))
    assert exact.sink.last("text")["content"] == TutorProfile().nothing_found
    first = taught("exact_first").play_all(lambda s: ask(s, "How do wasps talk?"))
    assert first.sink.last("text")["content"] == "Perhaps they sing."
    assert counted(first, "model") == 1


def test_small_talk_is_left_to_the_model_even_where_answers_are_exact() -> None:
    stage = taught("exact").play_all(lambda s: ask(s, "Hello, how are you?"))
    assert stage.sink.last("text")["content"] == "Perhaps they sing."


def test_the_built_in_course_is_quoted_whatever_the_profile_says() -> None:
    stage = taught("free", Book(built_in=True)).play_all(lambda s: ask(s, "How do bees talk?"))
    assert stage.sink.last("text")["content"] == "Bees dance."


def test_what_the_built_in_course_does_not_say_is_answered_as_if_there_were_none() -> None:
    stage = taught("free", Book(built_in=True)).play_all(lambda s: ask(s, "How do wasps talk?"))
    text = stage.sink.last("text")
    assert text["content"] == "Perhaps they sing."
    assert "sources" not in text


async def ask_on(stage: Stage) -> None:
    await ask(stage, "How do bees talk?")
    await ask(stage, "And why is that?")


def test_a_follow_up_is_not_answered_by_what_was_just_said() -> None:
    stage = taught("free", Book(built_in=True)).play_all(ask_on)
    assert [text for who, text in stage.history if who == "assistant"][-2:] == ["Bees dance.", "Perhaps they sing."]


async def ask_again(stage: Stage) -> None:
    await ask(stage, "How do bees talk?")
    await ask(stage, "How do bees talk?")


def test_the_same_question_gets_the_same_answer() -> None:
    stage = taught("free", Book(built_in=True)).play_all(ask_again)
    assert [text for who, text in stage.history if who == "assistant"][-2:] == ["Bees dance."] * 2
