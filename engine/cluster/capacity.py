"""Headroom: how many more sessions an engine can take. A pure decision on what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

LATE_LOOP_S = 0.1
"""An event loop that is this late is overloaded whatever else was measured. A judgement: frames are 40 ms long."""

SESSION_BYTES = 25_000_000
"""Memory set aside for one more session. Measured: a conversation with a WebRTC peer takes about 20 MB."""


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine measures of itself. A figure that is not known yet is 0, and binds nothing."""

    sessions: int
    max_sessions: int
    draining: bool = False
    present: int = 0
    """Sessions with a student."""
    speaking: int = 0
    """Sessions whose tutor speaks."""
    picture_s: float = 0.0
    """Measured cost of a picture, seconds of the drawing thread."""
    fps: int = 25
    drawing_share: float = 0.9
    """Share of the drawing thread's time that may be promised."""
    speaking_share: float = 0.25
    """Share of the tutors that are assumed to speak, however quiet it is now."""
    dropping: bool = False
    """Pictures are being left out already."""
    loop_lag_s: float = 0.0
    """How late the event loop wakes up."""
    free_bytes: int = 0
    """Memory that the machine has left."""


def headroom(load: Load) -> int:
    """How many more sessions fit: the least of what places, drawing and memory allow; 0 when anything is overloaded."""
    if load.draining or load.dropping or load.loop_lag_s >= LATE_LOOP_S:
        return 0
    room = load.max_sessions - load.sessions
    if load.picture_s > 0:
        room = min(room, _drawable(load))
    if load.free_bytes > 0:
        room = min(room, load.free_bytes // SESSION_BYTES)
    return max(0, room)


def _drawable(load: Load) -> int:
    """Sessions that can still be admitted one after the other before the drawing thread is promised away.

    Admission lets one more in while ``max(speaking, present * speaking_share) + 1`` tutors can be drawn, and always
    the first one.
    """
    can_speak = load.drawing_share / (load.fps * load.picture_s)
    # Room for one more is left with n present while n * share + 1 <= can_speak; the epsilon undoes rounding.
    quiet = math.floor((can_speak - 1) / load.speaking_share + 1e-9) + 1 if can_speak >= 1 else 0
    if load.speaking + 1 > can_speak:
        quiet = 0
    return max(quiet - load.present, 1 if load.present == 0 else 0)
