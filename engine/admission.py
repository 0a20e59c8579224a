"""Admission: whether one more session fits on this machine. A pure decision on what was measured."""

from __future__ import annotations

from engine.items import FPS

MAX_DRAWING_SHARE = 0.9
"""Share of the drawing thread's time that admitted sessions may need. A judgement: the rest absorbs bursts."""

MIN_SPEAKING_SHARE = 0.25
"""Share of the tutors that are assumed to speak at any time, however quiet it is right now. A judgement: in a dialogue
the tutor speaks for a quarter to half of the time."""

RETRY_FULL_S, RETRY_BUSY_S = 5, 2
"""When a refused client may ask again, in seconds: all places taken, or no time to draw."""


class Admission:
    """Decides whether one more session fits.

    Args:
        max_sessions: the limit, whatever was measured.
        measured: also refuse sessions whose pictures could not be drawn in time.
    """

    def __init__(self, max_sessions: int, *, measured: bool) -> None:
        self.max_sessions = max_sessions
        self.measured = measured

    def refuse(
        self, sessions: int, present: int, speaking: int, picture_s: float, dropping: bool
    ) -> tuple[str, int] | None:
        """Why one more session does not fit, and after how many seconds to ask again. None when it fits.

        Args:
            sessions: how many sessions there are.
            present: how many of them have a student; the others need no pictures.
            speaking: in how many of them the tutor is speaking.
            picture_s: measured cost of a picture, seconds of the drawing thread.
            dropping: pictures are being left out already.
        """
        if sessions >= self.max_sessions:
            return f"all {self.max_sessions} sessions are taken", RETRY_FULL_S
        if not self.measured:
            return None
        if dropping:
            return "the engine is drawing as many faces as it can", RETRY_BUSY_S
        will_speak = max(speaking, present * MIN_SPEAKING_SHARE) + 1
        if present and will_speak * FPS * picture_s > MAX_DRAWING_SHARE:
            return f"the engine cannot draw more than {present} sessions in time", RETRY_BUSY_S
        return None
