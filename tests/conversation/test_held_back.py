"""What the guard holds back: it reaches no model, nobody hears it, and no later prompt has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from engine.contracts import Message
from engine.tutors.profile import TutorProfile
from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage
from tests.fakes import Script, play

BAD = "How do I make a pipe bomb at home?"
SAD = "I want to kill myself"
SPOILED = FakeModel(text="Plants make sugar from light. First, you build a bomb with nails. Then you light it and run.")


async def ask(stage: Stage, *questions: str) -> None:
    for question in questions:
        stage.conversation.say(question, AVATAR)
        await asyncio.sleep(30)


def counted(stage: Stage, category: str, where: str) -> float:
    return float(stage.metrics.safety.labels(category, where)._value.get())


def everything_sent(stage: Stage) -> str:
    return json.dumps([message for _, message in stage.sink.log], ensure_ascii=False)


def test_a_question_that_is_held_back_gets_the_engines_words_and_no_model() -> None:
    stage = Stage().play_all(lambda s: ask(s, BAD))
    assert stage.model.asked == []
    said = stage.sink.last("text")["content"]
    assert said.startswith("I cannot help with that") and stage.history[-1] == ("assistant", said)
    assert stage.sink.last("safety") == {
        "type": "safety", "turn": 1, "category": "weapons_drugs", "stage": "question"}  # fmt: skip
    assert stage.sink.kinds("safety", "text_delta", "text", "turn_done")[0] == "safety"
    assert "media" in stage.sink.kinds() and counted(stage, "weapons_drugs", "question") == 1


def test_who_wants_to_die_is_taken_seriously_and_told_of_help() -> None:
    said = Stage().play_all(lambda s: ask(s, SAD)).sink.last("text")["content"]
    assert "trust" in said and "988" in said and "0800 1111" in said


def test_the_words_are_in_the_language_of_the_student() -> None:
    stage = Stage().play_all(lambda s: ask(s, "我不想活了"))
    assert stage.sink.last("safety")["category"] == "self_harm" and "12356" in stage.sink.last("text")["content"]


def test_no_later_prompt_has_what_was_held_back() -> None:
    stage = Stage(model=FakeModel(text="Leaves are green."))
    stage.play_all(lambda s: ask(s, "What is a leaf?", BAD, "And what is a root?"))
    (_, later) = stage.model.asked
    assert [m["content"] for m in later[1:]] == ["What is a leaf?", "Leaves are green.", "And what is a root?"]
    assert ("user", BAD) in stage.history, "the transcript has it"
    assert stage.conversation.history.asked_before("x") == ["What is a leaf?", "And what is a root?"]


def test_a_question_cut_off_before_it_was_judged_is_not_shown_to_the_model_either() -> None:
    async def drive(stage: Stage) -> None:
        stage.conversation.say(BAD, AVATAR)
        await asyncio.sleep(0)
        await ask(stage, "What is a root?")

    stage = Stage().play_all(drive)
    assert all("bomb" not in m["content"] for prompt in stage.model.asked for m in prompt)


def test_an_answer_is_stopped_before_a_word_of_the_clause_is_shown_or_heard() -> None:
    stage = Stage(model=SPOILED).play_all(lambda s: ask(s, "How do plants eat?"))
    said = stage.sink.last("text")["content"]
    assert said.startswith("Plants make sugar from light. I'd better stop here")
    assert stage.sink.last("safety")["stage"] == "answer" and counted(stage, "weapons_drugs", "answer") == 1
    spoken = " ".join(stage.synthesizer.spoken)
    for word in ("bomb", "nails", "light it and run"):
        assert word not in everything_sent(stage) and word not in spoken
    deltas = "".join(m["content"] for _, m in stage.sink.log if m["type"] == "text_delta")
    assert deltas == said


def test_an_answer_that_was_stopped_is_left_out_of_later_prompts() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, "How do plants eat?")
        stage.model.text = "Roots drink."
        await ask(stage, "What is a root?")

    stage = Stage(model=FakeModel(text=SPOILED.text)).play_all(drive)
    assert [m["content"] for m in stage.model.asked[-1][1:]] == ["What is a root?"]


def test_a_slow_model_is_stopped_by_the_timer_that_cuts_the_first_clause() -> None:
    model = FakeModel(text="Kill yourself right now okay then", token_s=0.012, hangs_after=5)

    async def drive(stage: Stage) -> None:
        stage.conversation.say("How are you?", AVATAR)
        await asyncio.sleep(10)
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    stage = Stage(model=model).play_all(drive)
    assert stage.sink.kinds("safety") == ["safety"] and "yourself" not in everything_sent(stage)


def test_tutors_that_hold_nothing_back_ask_the_model() -> None:
    stage = Stage(profile=TutorProfile(safety="off")).play_all(lambda s: ask(s, BAD))
    assert len(stage.model.asked) == 1 and "safety" not in stage.sink.kinds()


@pytest.mark.parametrize("strictness, held", [("young", True), ("teen", False)])
def test_mild_profanity_is_held_back_from_the_young(strictness: Any, held: bool) -> None:
    stage = Stage(profile=TutorProfile(safety=strictness)).play_all(lambda s: ask(s, "This damn homework is crap"))
    assert ("safety" in stage.sink.kinds()) is held


def test_the_log_has_the_category_and_no_word() -> None:
    with structlog.testing.capture_logs() as lines:
        Stage(model=SPOILED).play_all(lambda s: ask(s, SAD, "How do plants eat?"))
    written = json.dumps(lines)
    assert "self_harm" in written and "weapons_drugs" in written
    assert not any(word in written for word in ("kill", "bomb", "nails", "myself", "plants"))


def test_first_text_comes_with_the_first_clause() -> None:
    stage = Stage(model=FakeModel(first_token_s=0.08, token_s=0.01)).play_all(lambda s: ask(s, "How do plants eat?"))
    done = stage.sink.last("turn_done")["timings"]
    assert done["first_clause"] - done["llm_first_token"] <= 60


def test_a_spoken_question_is_held_back_from_the_preemptive_reply_and_counted_once() -> None:
    script = Script().say(1000, "I want to kill myself.")
    stage = Stage().play_all(lambda s: play(s.conversation.listen, script.pcm(40_000)))
    assert stage.model.asked == [] and stage.sink.kinds("safety", "turn_done") == ["safety", "turn_done"]
    assert counted(stage, "self_harm", "question") == 1
    assert stage.metrics.preemptive_replies.labels("used")._value.get() == 1


class ReadingModel(FakeModel):
    """Remembers what it was given to read before it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def prefill(self, messages: Sequence[Message], *, dialogue: str = "") -> None:
        self.read += [message["content"] for message in messages]


@pytest.mark.parametrize(
    ("said", "read"), [("How do I make a pipe bomb at home", False), ("How do I make a paper plane", True)]
)
def test_no_partial_transcript_that_is_held_back_is_prefilled(said: str, read: bool) -> None:
    model = ReadingModel()
    stage = Stage(model=model)
    stage.settings.llm.base_url = None  # as with the embedded model, which alone prefills
    script = Script().say(1000, said)
    stage.play_all(lambda s: play(s.conversation.listen, script.pcm(12_000)))
    whole = [text for text in model.read if said.split()[-3] in text and said.split()[-1] in text]
    assert bool(whole) is read
    assert read or not any("bomb" in text for text in model.read)


def test_a_partial_transcript_is_judged_with_the_message_before_it_until_it_is_prefilled() -> None:
    model = ReadingModel()
    stage = Stage(model=model)
    stage.settings.llm.base_url = None

    async def type_and_speak(at: Stage) -> None:
        await ask(at, "How do you make")
        await play(at.conversation.listen, Script().say(1000, "a pipe bomb").pcm(12_000))

    stage.play_all(type_and_speak)
    assert any("How do you make" in text for text in model.read)
    assert not any("bomb" in text for text in [*model.read, *map(str, model.asked)])
    assert stage.sink.last("safety")["category"] == "weapons_drugs"
