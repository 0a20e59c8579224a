"""The media clock's decisions in virtual time: one call of ``tick`` is 20 ms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.items import FRAME_SAMPLES, MediaFrame, Picture
from engine.transport.quality import Quality
from engine.transport.webrtc.congestion import Congestion
from engine.transport.webrtc.playout import FADE_SAMPLES, HOLD_TICKS, PAUSE_TICKS, TICK_SAMPLES, Playout, Tick

FACE = Picture(np.zeros((24, 16), np.uint8), 16, 16)


def frames(reply: int, count: int, first: int = 0) -> list[MediaFrame]:
    """Every sample says which reply and frame it is of."""
    return [
        MediaFrame(reply, i, np.full(FRAME_SAMPLES, reply + i / 1000, np.float32), FACE, speaking=True)
        for i in range(first, first + count)
    ]


def run(playout: Playout, ticks: int) -> list[Tick]:
    return [playout.tick() for _ in range(ticks)]


def sound(ticks: list[Tick]) -> np.ndarray:
    return np.concatenate([t.pcm for t in ticks])


def test_sound_is_whole_and_each_picture_leaves_with_its_first_half() -> None:
    playout = Playout()
    said = frames(1, 3)
    playout.push(said)
    playout.finish(1)
    ticks = run(playout, 6)
    assert np.array_equal(sound(ticks), np.concatenate([f.pcm for f in said]))
    assert [t.picture is not None for t in ticks] == [True, False] * 3
    assert [t.played_ms for t in ticks] == [20, 40, 60, 80, 100, 120]
    assert not any(t.idle for t in ticks)


def test_one_frame_waits_for_a_second_but_not_long() -> None:
    playout = Playout()
    playout.push(frames(1, 1))
    assert [t.reply for t in run(playout, 4)] == [0, 0, 1, 1]
    playout = Playout()
    playout.push(frames(1, 1))
    playout.tick()
    playout.push(frames(1, 1, first=1))
    assert playout.tick().reply == 1
    playout = Playout()
    playout.push(frames(1, 1))
    playout.finish(1)
    assert playout.tick().reply == 1, "a reply of one frame has nothing to wait for"


def test_idle_pictures_come_evenly_while_nobody_speaks() -> None:
    ticks = run(Playout(idle_ticks=4), 20)
    assert [i for i, t in enumerate(ticks) if t.idle] == [0, 4, 8, 12, 16]
    assert not sound(ticks).any()


def test_a_late_reply_holds_its_last_picture_then_shows_the_idle_face_then_goes_on_where_it_was() -> None:
    playout = Playout()
    playout.push(frames(1, 2))
    run(playout, 4)
    waiting = run(playout, HOLD_TICKS + 5)
    assert not any(t.idle for t in waiting[:HOLD_TICKS])
    assert any(t.idle for t in waiting[HOLD_TICKS:])
    playout.push(frames(1, 4, first=2))
    ticks = run(playout, 4)
    assert [t.played_ms for t in ticks] == [100, 120, 140, 160]


def test_a_machine_too_slow_makes_pauses_that_grow_instead_of_a_rattle() -> None:
    playout = Playout()
    index, heard = 0, []
    for tick in range(500):
        if tick % 4 == 0:
            playout.push(frames(1, 1, first=index))
            index += 1
        heard.append(playout.tick().reply)
    runs = "".join(map(str, heard)).strip("0").split("0" * 4)
    assert sum(one and not then for one, then in pairwise(heard)) < 12, "not at every frame"
    assert len(runs[-1].strip("0")) >= 16
    playout.finish(1)
    while playout.busy:
        playout.tick()
    assert playout.resting


def test_frames_that_stop_coming_are_played_after_a_second_all_the_same() -> None:
    playout = Playout()
    playout.push(frames(1, 2))
    run(playout, 5)
    playout.push(frames(1, 1, first=2))
    assert [t.reply for t in run(playout, 60)].count(1) == 2


def test_the_end_of_a_reply_is_no_underrun_and_idling_begins_at_once() -> None:
    playout = Playout(idle_ticks=4)
    playout.push(frames(1, 2))
    playout.finish(1)
    run(playout, 4)
    assert any(t.idle for t in run(playout, 4))
    playout.push(frames(1, 2, first=2))
    assert playout.tick().reply == 1, "after an underrun it would wait for more frames"


@pytest.mark.parametrize("ticks_before", [1, 2, 3])
def test_after_a_drop_only_a_fade_is_left(ticks_before: int) -> None:
    playout = Playout()
    playout.push(frames(1, 10))
    run(playout, ticks_before)
    playout.drop(1)
    playout.push(frames(1, 5, first=10))
    after = run(playout, 30)
    rest = sound(after)
    assert 0 < np.count_nonzero(rest) <= FADE_SAMPLES
    assert (np.diff(rest[:FADE_SAMPLES]) <= 0).all()
    assert not rest[FADE_SAMPLES:].any()
    assert all(t.picture is None and t.reply == 0 for t in after)
    playout.push(frames(2, 2))
    assert playout.tick().reply == 2


def test_a_drop_before_anything_was_said_makes_no_sound() -> None:
    playout = Playout()
    playout.push(frames(1, 10))
    playout.drop(1)
    assert not sound(run(playout, 10)).any()


def test_ducking_goes_down_and_up_without_a_step() -> None:
    playout = Playout(capacity=50)
    playout.push([MediaFrame(1, i, np.ones(FRAME_SAMPLES, np.float32), None, True) for i in range(40)])
    run(playout, 4)
    playout.duck(True)
    down = sound(run(playout, 6))
    playout.duck(False)
    up = sound(run(playout, 6))
    assert down[-1] == pytest.approx(0.25)
    assert up[-1] == pytest.approx(1.0)
    assert np.abs(np.diff(np.concatenate((down, up)))).max() < 0.002


def test_a_reply_ducked_for_long_waits_in_silence_and_goes_on_without_losing_a_word() -> None:
    playout = Playout(capacity=50)
    playout.push(frames(1, 40))
    run(playout, 4)
    playout.duck(True)
    softly = run(playout, PAUSE_TICKS + 3)
    waiting = run(playout, 20)
    assert not sound(waiting).any()
    assert all(tick.reply == 0 for tick in waiting)
    assert any(tick.idle for tick in waiting)
    assert playout.paused
    played_ms = max(tick.played_ms for tick in softly)
    playout.duck(False)
    after = run(playout, 8)
    assert after[0].played_ms == played_ms + 20
    assert [tick.reply for tick in after] == [1] * 8
    playout.duck(True)
    run(playout, PAUSE_TICKS + 3)
    playout.drop(1)
    playout.push(frames(2, 10))
    assert playout.tick().reply == 2, "the next reply does not wait"


def test_room_is_what_it_says() -> None:
    playout = Playout(capacity=5)
    playout.push(frames(1, 3))
    assert playout.room == 2
    run(playout, 2)
    assert playout.room == 3


actions = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 6)),
        st.tuples(st.just("tick"), st.integers(1, 12)),
        st.tuples(st.just("drop"), st.just(0)),
        st.tuples(st.just("finish"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=settings().max_examples * 3 // 2)
@given(actions)
def test_whatever_happens_sound_is_in_order_once_and_never_of_a_dropped_turn(script: list[tuple[str, int]]) -> None:
    playout = Playout(capacity=1000)
    reply, index, dropped = 1, 0, 0
    pushed: list[tuple[int, int]] = []
    left: list[tuple[int, int]] = []
    for action, count in script:
        if action == "push":
            playout.push(frames(reply, count, first=index))
            pushed += [(reply, i) for i in range(index, index + count)]
            index += count
        elif action == "drop":
            playout.drop(reply)
            dropped, reply, index = reply, reply + 1, 0
        elif action == "finish":
            playout.finish(reply)
            reply, index = reply + 1, 0
        else:
            for tick in run(playout, count):
                assert len(tick.pcm) == TICK_SAMPLES
                assert tick.reply == 0 or tick.reply > dropped
                if tick.picture is not None:
                    left.append((tick.reply, round((tick.played_ms - 20) / 40)))
    assert left == [item for item in pushed if item in set(left)], "in order, none twice"


def test_a_low_estimate_of_an_idle_stream_is_no_congestion() -> None:
    congestion = Congestion(800_000, 40_000)
    for second, estimate in enumerate((30_000, 45_000, 60_000, 60_000, 90_000)):
        congestion.estimated(estimate, float(second))
    assert (congestion.bitrate, congestion.quality.every) == (800_000, 1)


def test_a_falling_estimate_cuts_bits_but_not_pictures_and_they_come_back() -> None:
    congestion = Congestion(800_000, 40_000)
    congestion.estimated(900_000, 0.0)
    congestion.estimated(400_000, 1.0)
    assert congestion.bitrate == 300_000
    congestion.estimated(100_000, 2.0)
    assert (congestion.bitrate, congestion.quality.every) == (150_000, 1)
    for second in range(3, 9):
        congestion.estimated(120_000, float(second))
    assert congestion.bitrate == 800_000


def test_losses_cut_bits_and_time_brings_them_back() -> None:
    congestion = Congestion(800_000, 40_000)
    for second in range(5):
        congestion.lost(0.3, float(second))
    low = congestion.bitrate
    assert low < 400_000
    for second in range(5, 10):
        congestion.lost(0.08, float(second))
    assert congestion.bitrate == low, "some loss: neither up nor down"
    for second in range(10, 15):
        congestion.lost(0.6, float(second))
    assert congestion.quality.every > 25, "stills"
    assert congestion.quality.audio_bitrate == 24_000
    for second in range(15, 75):
        congestion.lost(0.0, float(second))
    assert congestion.bitrate == 800_000
    assert congestion.quality == Quality(800_000, 1, 40_000)
