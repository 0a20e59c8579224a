"""Spoken conversations in virtual time: the exact order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import Message
from engine.errors import InvalidField
from engine.settings import Patience
from engine.tutors.profile import TutorProfile
from tests.conversation.conversation_stage import AVATAR, FakeModel, MemorySink, Stage
from tests.fakes import FakeCompletion, FakeEndOfTurn, FakeRecognizer, Script, play

LONG = " ".join(f"This is sentence number {n} of a long story." for n in range(12))

SHORTER = " ".join(LONG.split(" ")[:18])


def speaking(script: Script, ms: int, model: FakeModel | None = None) -> Stage:
    return Stage(model=model).play_all(lambda stage: play(stage.conversation.listen, script.pcm(ms)))


def test_a_spoken_question_is_answered_at_once() -> None:
    script = Script().say(1000, "What do plants do?")
    stage = Stage(completion=FakeCompletion()).play_all(lambda stage: play(stage.conversation.listen, script.pcm(9000)))
    kinds = stage.sink.kinds("speech_started", "speech_stopped", "transcription", "text", "turn_done", "interrupted")
    assert kinds == ["speech_started", "speech_stopped", "transcription", "text", "turn_done"]
    ended = 1000 + script.end_of() / 1000
    assert stage.sink.at("media") - ended <= 0.5, "first picture after the acoustic end"
    timings = stage.sink.last("turn_done")["timings"]
    assert abs(timings["first_media_sent"] / 1000 - (stage.sink.at("media") - ended)) <= 0.05


def test_the_held_reply_is_the_one_that_speaks() -> None:
    stage = speaking(Script().say(1000, "What do plants do?"), 9000)
    assert len(stage.model.asked) == 1, "the reply was begun twice"
    assert stage.sink.last("turn_done")["timings"]["llm_first_token"] < 400


def test_nothing_is_sent_before_the_turn_is_committed() -> None:
    stage = speaking(Script().say(1000, "What do plants do?"), 9000)
    kinds = stage.sink.kinds()
    assert kinds.index("transcription") < kinds.index("text_delta")


def test_going_on_drops_the_preemptive_reply_without_a_trace() -> None:
    script = Script().say(1000, "What do plants do").say(2300, "in the dark?")
    stage = Stage(end_of_turn=FakeEndOfTurn(0.2)).play_all(
        lambda stage: play(stage.conversation.listen, script.pcm(10_000))
    )
    assert [m["content"] for _, m in stage.sink.log if m["type"] == "transcription"] == [
        "What do plants do in the dark?"
    ]
    assert [content for role, content in stage.history if role == "user"] == ["What do plants do in the dark?"]
    assert {m["turn"] for _, m in stage.sink.log if "turn" in m} == {1}


def test_going_on_after_the_turn_was_taken_for_over_makes_it_one_turn() -> None:
    script = Script().say(1000, "What do plants do?").say(2000 + 700, "In the dark of the night?")
    stage = speaking(script, 16_000, FakeModel(SHORTER))
    transcriptions = [m for _, m in stage.sink.log if m["type"] == "transcription"]
    assert [m["content"] for m in transcriptions] == [
        "What do plants do?",
        "What do plants do? In the dark of the night?",
    ]
    assert "continues" not in transcriptions[0] and transcriptions[1]["continues"] == 1
    assert stage.sink.kinds("interrupted", "turn_done") == ["interrupted", "turn_done"]
    assert [m["content"] for m in stage.model.asked[-1] if m["role"] == "user"] == [
        "What do plants do? In the dark of the night?"
    ], "the model is asked once, for all of it"
    assert next(content for role, content in stage.history if role == "user") == "What do plants do?"
    assert stage.metrics.registry.get_sample_value("tutor_turns_reopened_total") == 1


@pytest.mark.parametrize("pause_ms", [350, 420, 500, 600, 800, 1000, 1150])
def test_whatever_the_pause_one_answer_to_the_whole_question(pause_ms: int) -> None:
    script = Script().say(1000, "What do plants do?").say(1000 + 4 * 240 + pause_ms, "In the dark of the night?")
    stage = speaking(script, 16_000, FakeModel(SHORTER))
    whole = "What do plants do? In the dark of the night?"
    assert stage.model.asked[-1][-1]["content"] == stage.sink.last("transcription")["content"] == whole
    assert stage.sink.kinds("turn_done") == ["turn_done"]


def test_what_was_typed_in_between_is_not_taken_back() -> None:
    script = Script().say(1000, "What do plants do?").say(3000, "In the dark of the night?")

    async def drive(stage: Stage) -> None:
        sound = asyncio.create_task(play(stage.conversation.listen, script.pcm(9000)))
        await asyncio.sleep(2.7)
        stage.conversation.say("Hello there.", AVATAR)
        await sound

    stage = Stage(model=FakeModel(SHORTER)).play_all(drive)
    assert [content for role, content in stage.history if role == "user"][:2] == ["What do plants do?", "Hello there."]
    assert "continues" not in stage.sink.last("transcription")
    assert [m["content"] for m in stage.model.asked[-1] if m["role"] == "user"][-2] == "Hello there."


def test_a_cough_after_the_turn_reopens_nothing() -> None:
    script = Script().say(1000, "What do plants do?").cough(2700, 200)
    stage = speaking(script, 16_000, FakeModel(SHORTER))
    assert stage.sink.kinds("transcription", "interrupted", "turn_done") == ["transcription", "turn_done"]


def test_a_later_question_is_a_turn_of_its_own() -> None:
    script = Script().say(1000, "What do plants do?").say(4500, "And what do animals do?")
    stage = speaking(script, 12_000)
    assert [m["content"] for _, m in stage.sink.log if m["type"] == "transcription"] == [
        "What do plants do?",
        "And what do animals do?",
    ]


def test_speaking_over_the_tutor_interrupts_and_is_answered() -> None:
    script = Script().say(4000, "Wait I have another question please.")

    async def drive(stage: Stage) -> None:
        stage.conversation.say("Tell me a story.", AVATAR)
        await play(stage.conversation.listen, script.pcm(12_000))

    stage = Stage(model=FakeModel(LONG), sink=MemorySink()).play_all(drive)
    order = stage.sink.kinds("duck", "interrupted", "transcription")
    assert order == ["duck", "interrupted", "transcription"]
    first_sound = 1000 + 4.0
    assert stage.sink.at("duck") - first_sound <= 0.25
    assert stage.sink.at("interrupted") - first_sound <= 0.8
    assert stage.history[-1][0] == "assistant"
    heard = [content for role, content in stage.history if role == "assistant"]
    assert LONG.startswith(heard[0]) and heard[0] != LONG


def test_a_cough_does_not_interrupt() -> None:
    script = Script().cough(4000, 250)

    async def drive(stage: Stage) -> None:
        stage.conversation.say("Tell me a story.", AVATAR)
        await play(stage.conversation.listen, script.pcm(9000))

    stage = Stage(model=FakeModel(LONG)).play_all(drive)
    assert stage.sink.kinds("interrupted", "transcription") == []
    assert stage.sink.kinds("duck") == stage.sink.kinds("resume").__len__() * ["duck"]


class ReadingModel(FakeModel):
    """Remembers the questions it was given to read ahead, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def prefill(self, messages: Sequence[Message], *, dialogue: str = "") -> None:
        self.read.append(messages[-1]["content"])


def test_a_question_is_read_while_it_is_spoken_and_not_beside_its_reply() -> None:
    question = "What do the plants in my little garden do at night?"
    model = ReadingModel()
    stage = Stage(model=model)
    stage.settings.llm.base_url = None
    stage.play_all(lambda stage: play(stage.conversation.listen, Script().say(1000, question).pcm(6000)))
    spoken = [text for text in model.read if text != "Hello."]
    assert len(spoken) >= 2
    assert all(question.startswith(text) and text != question for text in spoken)


def test_a_slow_model_still_answers() -> None:
    stage = Stage(model=FakeModel(first_token_s=3.0)).play_all(
        lambda s: play(s.conversation.listen, Script().say(1000, "What do plants do?").pcm(12_000))
    )
    assert "turn_done" in stage.sink.kinds()


def test_typing_discards_what_the_student_was_saying() -> None:
    script = Script().say(1000, "What do plants do in the").say(5000, "And what do animals do?")

    async def drive(stage: Stage) -> None:
        sound = asyncio.create_task(play(stage.conversation.listen, script.pcm(16_000)))
        await asyncio.sleep(1.9)
        stage.conversation.say("What is a cell?", AVATAR)
        await sound

    stage = Stage(model=FakeModel("It is small.")).play_all(drive)
    typed_at = 1001.9
    assert any(m["type"] == "partial_transcription" for at, m in stage.sink.log if at < typed_at), "it was half spoken"
    between = [m["type"] for at, m in stage.sink.log if typed_at < at < 1004.9]
    assert not {"partial_transcription", "transcription", "interrupted", "duck"} & set(between)
    assert "turn_done" in between, "the typed question is answered in peace"
    assert [m["content"] for _, m in stage.sink.log if m["type"] == "transcription"] == ["And what do animals do?"]
    assert [content for role, content in stage.history if role == "user"] == [
        "What is a cell?",
        "And what do animals do?",
    ]


@pytest.mark.parametrize("typed_after_ms", range(2000, 2500, 40))
def test_whenever_the_student_types_the_typed_question_is_not_interrupted(typed_after_ms: int) -> None:
    """Also in the moments in which the user turn before it is being decided."""
    script = Script().say(1000, "What do plants do?")

    async def drive(stage: Stage) -> None:
        sound = asyncio.create_task(play(stage.conversation.listen, script.pcm(9000)))
        await asyncio.sleep(typed_after_ms / 1000)
        stage.conversation.say("What is a cell?", AVATAR)
        await sound

    stage = Stage(model=FakeModel("It is small.")).play_all(drive)
    assert stage.model.asked[-1][-1]["content"] == "What is a cell?"
    assert stage.sink.kinds("interrupted", "turn_done")[-1] == "turn_done"
    last = stage.sink.last("turn_done")["turn"]
    assert not any(m["type"] == "interrupted" and m["turn"] == last for _, m in stage.sink.log)


def test_a_patient_tutor_waits_longer_than_an_eager_one() -> None:
    script = Script().say(1000, "I think it is a star")

    def committed_at(**profile: Any) -> float:
        stage = Stage(profile=TutorProfile(**profile), end_of_turn=FakeEndOfTurn(0.3))
        stage.play_all(lambda s: play(s.conversation.listen, script.pcm(9000)))
        return stage.sink.at("transcription")

    assert committed_at(patience="eager") < committed_at() < committed_at(patience="patient")


def test_leaving_in_the_middle_of_everything() -> None:
    async def drive(stage: Stage) -> None:
        sound = asyncio.create_task(play(stage.conversation.listen, Script().say(500, "What do plants do?").pcm(9000)))
        await asyncio.sleep(1.9)
        stage.conversation.detach(stage.sink)
        await asyncio.sleep(0.5)
        sound.cancel()
        await asyncio.wait([sound])

    Stage(recognizer=FakeRecognizer(decode_s=0.4)).play_all(drive)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(200, 1800), min_size=1, max_size=4), st.integers(0, 2))
def test_whatever_the_pauses_one_voice_at_a_time(pauses: list[int], coughs: int) -> None:
    script, at = Script(), 600
    for number, pause in enumerate(pauses):
        script.say(at, f"Question {number} is about plants?")
        at += 5 * 240 + pause
    for number in range(coughs):
        script.cough(at + 400 * number, 150)
    stage = speaking(script, at + 6000)
    turn = 0
    for _, message in stage.sink.log:
        if message["type"] in ("media", "text_delta", "captions"):
            assert message["turn"] >= turn
            turn = message["turn"]
    spoken = " ".join(content for role, content in stage.history if role == "user")
    for number in range(len(pauses)):
        assert f"Question {number}" in spoken, "words of the student were lost"


def test_the_language_a_client_names_is_the_one_that_is_recognised() -> None:
    script = Script().say(1000, "What do plants do?")

    async def drive(stage: Stage) -> None:
        await play(stage.conversation.listen, script.pcm(200))
        stage.conversation.expect_language("zh")
        await play(stage.conversation.listen, script.pcm(9000))

    stage = Stage().play_all(drive)
    assert set(stage.recognizer.languages) == {"zh"}
    assert len([m for _, m in stage.sink.log if m["type"] == "transcription"]) == 1


def test_the_patience_a_client_names_is_how_long_its_pauses_may_last() -> None:
    ended: dict[Patience, float] = {}
    for patience in get_args(Patience):

        async def drive(stage: Stage, patience: Patience = patience) -> None:
            stage.conversation.use_patience(patience)
            await play(stage.conversation.listen, Script().say(1000, "I think it is a star.").pcm(9000))

        stage = Stage(end_of_turn=FakeEndOfTurn(0.5)).play_all(drive)
        ended[patience] = next(at for at, m in stage.sink.log if m["type"] == "transcription")
    assert ended["eager"] < ended["normal"] < ended["patient"]


def test_a_language_the_recognizer_does_not_know_is_refused_by_field() -> None:
    async def drive(stage: Stage) -> None:
        with pytest.raises(InvalidField, match="'language'"):
            stage.conversation.expect_language("xx")

    Stage().play_all(drive)
