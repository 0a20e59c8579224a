"""The tutor's greeting, said aloud to a client that asks for it: a reply like any other, and remembered once."""

from __future__ import annotations

import asyncio

from engine.tutors.profile import TutorProfile
from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage
from tests.fakes import Script, play

GREETING = "Hello there! What would you like to learn about today?"


def greeter(**fields: object) -> Stage:
    return Stage(profile=TutorProfile(greeting=GREETING, **fields))


async def greet(stage: Stage, then_s: float) -> None:
    stage.conversation.greet(AVATAR)
    await asyncio.sleep(then_s)


def test_a_greeting_is_spoken_at_once_without_the_model_and_remembered_once() -> None:
    async def drive(stage: Stage) -> None:
        began = asyncio.get_running_loop().time()
        await greet(stage, 20)
        assert stage.sink.at("media") - began <= 0.3

    stage = greeter().play_all(drive)
    assert stage.sink.last("text") | {"timestamp": ""} == {
        "type": "text", "turn": 1, "role": "assistant", "content": GREETING, "timestamp": "",
    }  # fmt: skip
    assert stage.sink.kinds("captions") and stage.sink.kinds()[-1] == "turn_done"
    assert " ".join(stage.synthesizer.spoken) == GREETING
    assert stage.history == [("assistant", GREETING)]
    assert stage.model.asked == []


def test_nobody_is_greeted_who_did_not_ask_and_the_model_knows_the_greeting_anyway() -> None:
    async def drive(stage: Stage) -> None:
        await asyncio.sleep(10)
        assert stage.sink.log == []
        stage.conversation.say("Hi!", AVATAR)
        await asyncio.sleep(20)

    stage = greeter().play_all(drive)
    assert [content for _, content in stage.history] == [GREETING, "Hi!", FakeModel().text]


def test_a_greeting_comes_once_and_not_after_a_question() -> None:
    async def twice(stage: Stage) -> None:
        await greet(stage, 0.1)
        await greet(stage, 20)
        await greet(stage, 20)

    async def late(stage: Stage) -> None:
        stage.conversation.say("Hi!", AVATAR)
        await greet(stage, 20)

    stage = greeter().play_all(twice)
    assert stage.sink.kinds("text", "turn_done", "interrupted") == ["text", "turn_done"]
    assert stage.history == [("assistant", GREETING)]
    stage = greeter().play_all(late)
    assert stage.sink.kinds("text") == ["text"] and stage.sink.last("text")["content"] == FakeModel().text
    assert [content for _, content in stage.history] == [GREETING, "Hi!", FakeModel().text]


def test_a_student_who_types_interrupts_the_greeting_and_only_what_was_heard_is_remembered() -> None:
    async def drive(stage: Stage) -> None:
        await greet(stage, 2.0)
        stage.conversation.say("Hi!", AVATAR)
        await asyncio.sleep(20)

    stage = greeter().play_all(drive)
    interrupted = stage.sink.last("interrupted")
    heard = interrupted["content"]
    assert interrupted["turn"] == 1 and heard and GREETING.startswith(heard) and heard != GREETING
    assert stage.history == [("assistant", heard), ("user", "Hi!"), ("assistant", FakeModel().text)]
    assert stage.sink.last("text")["turn"] == 2


def test_a_student_who_speaks_over_the_greeting_interrupts_it_and_is_answered() -> None:
    script = Script().say(1200, "Wait please, what do plants do?")

    async def drive(stage: Stage) -> None:
        await greet(stage, 0)
        await play(stage.conversation.listen, script.pcm(12_000))

    stage = greeter().play_all(drive)
    assert stage.sink.last("interrupted")["reason"] == "voice" and stage.sink.last("interrupted")["turn"] == 1
    assert "duck" in stage.sink.kinds()
    heard = stage.sink.last("interrupted")["content"]
    assert heard and GREETING.startswith(heard)
    assert stage.history == [
        ("assistant", heard), ("user", "Wait please, what do plants do?"), ("assistant", FakeModel().text),
    ]  # fmt: skip


def test_a_greeting_stopped_before_it_was_heard_was_never_said() -> None:
    async def drive(stage: Stage) -> None:
        await greet(stage, 0.01)
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    assert greeter().play_all(drive).history == []


def test_a_tutor_may_only_show_its_greeting_and_one_without_says_nothing() -> None:
    shown = greeter(speaks_greeting=False).play_all(lambda stage: greet(stage, 5))
    assert shown.sink.kinds()[-3:] == ["text", "finished", "turn_done"]
    assert not shown.sink.kinds("captions", "media")
    assert shown.history == [("assistant", GREETING)]
    assert Stage(profile=TutorProfile(greeting="")).play_all(lambda stage: greet(stage, 5)).sink.log == []


def test_a_greeting_is_no_answer_in_the_metrics() -> None:
    stage = greeter().play_all(lambda stage: greet(stage, 20))
    assert stage.metrics.answers.labels("greeting")._value.get() == 0
    assert stage.metrics.replies.labels("done")._value.get() == 1
