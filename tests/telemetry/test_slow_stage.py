"""An operator who sees nothing but the metrics can tell which stage makes the tutor slow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.contracts import FrameRequest
from engine.items import MediaFrame, Picture
from engine.safety.service import Safety
from engine.telemetry.metrics import STAGES
from engine.telemetry.timeline import Timeline
from tests.conversation.conversation_stage import FakeModel, FakeScheduler, MemorySink, Stage
from tests.fakes import FakeEndOfTurn, FakeRecognizer, FakeSynthesizer, Script, play

SLOW_S = 2.5


class SlowSafety(Safety):
    """A guard whose moderation endpoint takes its time."""

    async def question(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(SLOW_S)
        return await super().question(*args, **kwargs)


class SlowScheduler(FakeScheduler):
    async def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        await asyncio.sleep(SLOW_S)
        return await super().render(requests)


class SlowSink(MemorySink):
    async def media(self, frames: Sequence[MediaFrame]) -> None:
        await asyncio.sleep(SLOW_S)
        await super().media(frames)


def slow(stage: str | None) -> Stage:
    """A conversation in which one stage is slow."""
    made = Stage(
        end_of_turn=FakeEndOfTurn(0.01) if stage == "listen" else None,
        recognizer=FakeRecognizer(decode_s=SLOW_S) if stage == "recognise" else None,
        model=FakeModel(first_token_s=SLOW_S) if stage == "think" else None,
        synthesizer=FakeSynthesizer(first_s=SLOW_S, letter_ms=60) if stage == "speak" else None,
        sink=SlowSink() if stage == "send" else None,
    )
    if stage == "prompt":
        made.parts.safety = SlowSafety(made.settings.safety, made.metrics)
    if stage == "render":
        made.parts.scheduler = SlowScheduler()
    return made


def seconds_by_stage(exposition: str) -> dict[str, float]:
    """``sum by (stage) (tutor_reply_stage_seconds_sum)``, from what a scrape of ``/metrics`` gives."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "tutor_reply_stage_seconds_sum":
                found[sample.labels["stage"]] = sample.value
    return found


def hear_question(stage: Stage) -> dict[str, float]:
    """The metrics after one spoken question and its reply."""
    script = Script().say(1000, "What do the plants do")
    stage.play_all(lambda stage: play(stage.conversation.listen, script.pcm(24_000)))
    return seconds_by_stage(stage.metrics.render().decode())


@pytest.mark.parametrize("stage", STAGES)
def test_the_slow_stage_is_named_by_the_metrics_alone(stage: str) -> None:
    seconds = hear_question(slow(stage))
    assert max(seconds, key=lambda each: seconds[each]) == stage, seconds
    others = sum(each for name, each in seconds.items() if name != stage)
    assert seconds[stage] > others, seconds


def test_the_stages_add_up_to_the_time_to_the_first_frame() -> None:
    stage = slow(None)
    seconds = hear_question(stage)
    first_frame_ms = stage.sink.last("turn_done")["timings"]["first_media_sent"]
    assert sum(seconds.values()) == pytest.approx(first_frame_ms / 1000, abs=0.001)


def test_a_typed_question_waits_for_no_listening() -> None:
    async def drive(stage: Stage) -> None:
        stage.conversation.say("What do plants do?", stage.parts.load_avatar("fake"))
        await asyncio.sleep(20)

    stage = slow("think").play_all(drive)
    seconds = seconds_by_stage(stage.metrics.render().decode())
    assert seconds["listen"] == 0 and max(seconds, key=lambda each: seconds[each]) == "think"


def test_a_reply_that_is_interrupted_before_its_first_frame_is_counted_in_its_stage() -> None:
    async def drive(stage: Stage) -> None:
        stage.conversation.say("What do plants do?", stage.parts.load_avatar("fake"))
        await asyncio.sleep(1)
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    stage = slow("think").play_all(drive)
    assert b'tutor_replies_unheard_total{stage="think"} 1.0' in stage.metrics.render()


def test_what_a_preemptive_reply_did_before_the_turn_ended_costs_the_student_nothing() -> None:
    timeline = Timeline(0.0)
    timeline.marks = {"committed": 300.0, "prompt": -200.0, "first_clause": 100.0, "tts_first": 400.0}
    shares = timeline.shares()
    assert (shares["prompt"], shares["think"], shares["speak"]) == (0.0, 0.0, 100.0)
    assert timeline.waiting_for() == "render"
