"""Typed turns in virtual time: order, interruption, memory, failures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.tutors.profile import TutorProfile
from tests.conversation.conversation_stage import AVATAR, FakeModel, MemorySink, Stage
from tests.fakes import FakeSynthesizer

SAID = "Plants turn light into sugar. They need water and air for it."


async def ask(stage: Stage, text: str = "What do plants do?", then_s: float = 0.0) -> None:
    stage.conversation.say(text, AVATAR)
    await asyncio.sleep(then_s)


def test_a_turn_from_text_to_the_end_of_its_playback() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await stage.conversation.wait_idle()

    stage = Stage().play_all(drive)
    kinds = stage.sink.kinds()
    assert kinds[0] == "text_delta"
    assert kinds[-2:] == ["finished", "turn_done"]
    assert kinds.index("captions") < kinds.index("media")
    assert stage.sink.last("text")["content"] == SAID
    assert stage.history == [("user", "What do plants do?"), ("assistant", SAID)]
    frames = sum(m["frames"] for _, m in stage.sink.log if m["type"] == "media")
    assert frames == stage.scheduler.drawn


def test_an_overloaded_renderer_leaves_out_pictures_and_no_sound() -> None:
    async def drive(stage: Stage) -> None:
        stage.scheduler.draws_every = 3
        await ask(stage)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await stage.conversation.wait_idle()

    whole, thinned = Stage().play_all(lambda s: ask(s, then_s=20)), Stage().play_all(drive)
    frames = [sum(m["frames"] for _, m in s.sink.log if m["type"] == "media") for s in (whole, thinned)]
    assert frames[0] == frames[1], "every 40 ms of sound leaves, with or without its picture"
    assert thinned.scheduler.drawn == -(-frames[1] // 3)


def test_the_first_picture_comes_alone_and_soon() -> None:
    stage = Stage().play_all(lambda s: ask(s, then_s=3))
    media = [m for _, m in stage.sink.log if m["type"] == "media"]
    assert [m["frames"] for m in media[:2]] == [1, 2]
    # first token 80 ms, six words more, first piece of the voice 50 ms, one picture 3 ms
    assert stage.sink.at("media") - 1000 <= 0.25


def test_interrupting_keeps_what_was_heard() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, then_s=2.0)
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    stage = Stage().play_all(drive)
    interrupted = stage.sink.last("interrupted")
    assert interrupted["turn"] == 1
    heard = interrupted["content"]
    assert heard and SAID.startswith(heard) and heard != SAID
    assert stage.history[-1] == ("assistant", heard)
    assert stage.sink.kinds()[-1] == "interrupted"


def test_interrupting_after_all_was_sent_but_not_yet_played() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, then_s=1.2)
        assert "turn_done" in stage.sink.kinds()
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    stage = Stage(sink=MemorySink(ahead_s=60)).play_all(drive)
    assert stage.history[-1][1] != SAID


def test_interrupting_silence_does_nothing() -> None:
    async def drive(stage: Stage) -> None:
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    assert Stage().play_all(drive).sink.log == []


def test_a_new_question_takes_the_place_of_the_answer() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, "One?", then_s=1.5)
        await ask(stage, "Two?", then_s=12)

    stage = Stage().play_all(drive)
    assert [m["turn"] for _, m in stage.sink.log if m["type"] == "interrupted"] == [1]
    assert stage.sink.last("turn_done")["turn"] == 2
    assert [content for role, content in stage.history if role == "user"] == ["One?", "Two?"]


def test_without_streaming_answers_wait_for_each_other() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, "One?")
        await ask(stage, "Two?", then_s=30)

    stage = Stage().play_all(drive, streaming=False)
    assert stage.sink.kinds("interrupted", "turn_done") == ["turn_done", "turn_done"]


def test_too_many_waiting_messages_are_refused() -> None:
    async def drive(stage: Stage) -> None:
        for number in range(8):
            await ask(stage, f"{number}?", then_s=0.01)

    stage = Stage().play_all(drive, streaming=False)
    assert [m["code"] for _, m in stage.sink.log if m["type"] == "error"] == ["busy"] * 3


@pytest.mark.parametrize("words", [1, 3, 8])
def test_a_model_that_breaks_off_costs_one_turn(words: int) -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, "One?", then_s=8)
        stage.model.fails_after = None
        await ask(stage, "Two?", then_s=12)

    stage = Stage(model=FakeModel(fails_after=words)).play_all(drive)
    assert stage.sink.last("error")["code"] == "llm_failed" and stage.sink.last("error")["turn"] == 1
    assert stage.sink.last("turn_done")["turn"] == 2


def test_a_model_that_is_down_is_apologised_for_aloud() -> None:
    stage = Stage(model=FakeModel(fails_after=0)).play_all(lambda s: ask(s, then_s=12))
    assert stage.sink.kinds("error", "text", "turn_done") == ["error", "text", "turn_done"]
    assert stage.sink.last("text")["content"].startswith("Sorry")
    assert "media" in stage.sink.kinds()


def test_a_dead_voice_costs_one_turn() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, "One?", then_s=2)
        stage.synthesizer.fails = False
        await ask(stage, "Two?", then_s=12)

    stage = Stage(synthesizer=FakeSynthesizer(fails=True, letter_ms=60)).play_all(drive)
    assert stage.sink.last("error")["code"] == "tts_failed"
    assert stage.sink.last("turn_done")["turn"] == 2


def test_another_voice_goes_on_where_one_died() -> None:
    spare = FakeSynthesizer(letter_ms=60)
    stage = Stage(synthesizer=FakeSynthesizer(fails=True), spare=spare).play_all(lambda s: ask(s, then_s=12))
    assert stage.sink.kinds("error", "text", "turn_done") == ["error", "text", "turn_done"]
    assert stage.sink.last("error")["code"] == "tts_failed" and stage.sink.last("error")["turn"] == 1
    assert " ".join(spare.spoken) == SAID and len(stage.synthesizer.spoken) == 1
    assert stage.history[-1] == ("assistant", SAID)


def test_a_client_that_leaves_ends_its_answer() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, then_s=1.5)
        stage.conversation.detach(stage.sink)
        await asyncio.sleep(0.1)
        assert not stage.conversation.speaking

    stage = Stage().play_all(drive)
    assert SAID.startswith(stage.history[-1][1])


def test_a_stuck_client_can_be_left() -> None:
    async def drive(stage: Stage) -> None:
        stage.sink.stuck = asyncio.Event()
        await ask(stage, then_s=5)
        assert stage.scheduler.drawn <= 20, "pictures pile up for a client that takes none"

    Stage().play_all(drive)


actions = st.lists(
    st.tuples(st.sampled_from(["say", "interrupt", "acknowledge", "wait", "detach", "fail"]), st.floats(0, 4)),
    max_size=12,
)


@settings(max_examples=settings().max_examples * 2 // 5)
@given(actions)
def test_whatever_the_order_nothing_is_stale_and_memory_is_a_prefix(script: list[tuple[str, float]]) -> None:
    async def drive(stage: Stage) -> None:
        for kind, wait in script:
            if kind == "say":
                await ask(stage, f"Question at {wait:.2f}?")
            elif kind == "interrupt":
                stage.conversation.interrupt()
            elif kind == "acknowledge":
                stage.conversation.acknowledge(1, wait * 1000)
            elif kind == "detach":
                stage.conversation.detach(stage.sink)
                stage.conversation.attach(stage.sink, streaming=True, avatar=AVATAR)
            elif kind == "fail":
                stage.model.fails_after = None if stage.model.fails_after else 3
            await asyncio.sleep(wait)

    stage = Stage().play_all(drive)
    remembered: list[Any] = [content for role, content in stage.history if role == "assistant"]
    assert all(map(is_what_was_said, remembered))
    playing = 0
    for _, message in stage.sink.log:
        if message["type"] == "media":
            assert message["turn"] >= playing, "two turns speak at once"
            playing = message["turn"]


def is_what_was_said(content: str) -> bool:
    """A beginning of the answer; where the model failed, of what came of it and the apology."""
    came, _, apology = content.partition("…")
    sorry = TutorProfile(id="x", name="x").apology
    return sorry.startswith(content) or (SAID.startswith(came) and sorry.startswith(apology.strip()))


class ReadingModel(FakeModel):
    """Remembers what it was given to read ahead."""

    read: list[list[str]]

    async def prefill(self, messages: Any, *, dialogue: str = "") -> None:
        self.read.append([m["content"] for m in messages])


def test_each_message_is_asked_once() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, "one?", then_s=6)
        await ask(stage, "two?", then_s=6)

    stage = Stage().play_all(drive)
    asked = [[m["content"] for m in messages if m["role"] == "user"] for messages in stage.model.asked]
    assert asked == [["one?"], ["one?", "two?"]]


def test_the_profile_sets_the_temperature_and_else_the_engine_does() -> None:
    for profile, expected in ((TutorProfile(), None), (TutorProfile(llm_temperature=0.0), 0.0)):
        stage = Stage(profile=profile).play_all(lambda s: ask(s, then_s=6))
        assert stage.model.temperatures == [expected]


def test_the_dialogue_is_read_ahead_when_the_student_is_silent() -> None:
    async def drive(stage: Stage) -> None:
        await asyncio.sleep(0.1)
        await ask(stage, "one?", then_s=2.0)
        await ask(stage, "two?", then_s=2.0)  # interrupts, and is answered first
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    model = ReadingModel()
    model.read = []
    stage = Stage(model=model)
    stage.settings.llm.base_url = None
    stage.play_all(drive)
    first, last = model.read
    assert "one?" not in first
    assert last[:-1] == [m["content"] for m in stage.conversation.history.messages()]


def test_an_interruption_at_any_step_of_a_beginning_reply_ends_it() -> None:
    """Whatever just finished when it comes: a cancellation that meets a result must not get lost."""
    interrupted = 0
    for ms in range(0, 240, 15):  # its first pictures are all drawn at 195
        for steps in range(8):
            sink = MemorySink()

            async def drive(stage: Stage, ms: int = ms, steps: int = steps) -> None:
                await ask(stage, then_s=ms / 1000)
                for _ in range(steps):
                    await asyncio.sleep(0)
                stage.conversation.interrupt()
                await ask(stage, "And of hills?")
                await asyncio.sleep(0.01)
                async with asyncio.timeout(60):
                    await stage.conversation.wait_idle()

            Stage(sink=sink).play_all(drive)
            assert sink.kinds()[-1] == "turn_done"
            interrupted += "interrupted" in sink.kinds()
    assert interrupted > 100
