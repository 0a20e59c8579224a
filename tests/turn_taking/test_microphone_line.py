"""What a gap in a microphone's audio means, and what is dropped when too much waits."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from engine.items import VAD_FRAME, AudioChunk
from engine.turn_taking.microphone_line import BACKLOG_FRAMES, GRACE_S, PATIENCE_S, STALL_PATIENCE_S, MicrophoneLine


def chunk(first_frame: int, frames: int) -> AudioChunk:
    return AudioChunk(np.full(frames * VAD_FRAME, 0.5, np.float32), first_frame * VAD_FRAME)


def test_a_gap_counts_as_silence_later_in_the_middle_of_a_voice() -> None:
    line = MicrophoneLine()
    line.push(chunk(0, 1), now=10.0)
    assert line.gap_ends_at(sounding=False) == 10.0 + PATIENCE_S
    assert line.gap_ends_at(sounding=True) == 10.0 + STALL_PATIENCE_S


def test_a_gap_becomes_as_much_silence_as_it_is_long() -> None:
    line = MicrophoneLine()
    line.push(chunk(0, 1), now=10.0)
    line.fill_gap(due=10.5, now=10.512)
    assert line.waiting == 1 + 16
    assert line.loop_time(0.0) == pytest.approx(10.512 - 17 * 0.032)


def test_after_a_stall_of_the_loop_the_sockets_are_read_first() -> None:
    line = MicrophoneLine()
    line.push(chunk(0, 1), now=10.0)
    line.fill_gap(due=10.5, now=11.5)
    assert line.waiting == 1
    assert line.gap_ends_at(sounding=False) == 11.5 + GRACE_S
    line.fill_gap(due=11.75, now=11.75)
    assert line.waiting > 1, "once: then the gap is a gap"


def test_audio_beyond_the_backlog_is_dropped_and_reported_once() -> None:
    line = MicrophoneLine()
    line.push(chunk(0, BACKLOG_FRAMES + 10), now=0.0)
    line.push(chunk(BACKLOG_FRAMES + 10, 5), now=0.0)
    assert line.waiting == BACKLOG_FRAMES
    assert line.newly_dropped_ms() == 15 * 32
    assert line.newly_dropped_ms() == 0


def test_frames_are_counted_whether_taken_or_dropped() -> None:
    line = MicrophoneLine()
    line.push(chunk(0, BACKLOG_FRAMES), now=0.0)
    line.push(chunk(BACKLOG_FRAMES, 3), now=0.0)
    assert len(asyncio.run(line.take(8))) == 8
    assert (line.frames_in, line.frames_out) == (BACKLOG_FRAMES + 3, 3 + 8)


def test_time_without_audio_is_unsent_unless_it_is_jitter() -> None:
    line = MicrophoneLine()
    line.push(chunk(0, 1), now=10.0)
    before = line.unsent_ms()
    assert line.unsent_ms(10.0 + PATIENCE_S) == before
    assert line.unsent_ms(12.0) == before + 2000
