"""Whether one more session fits: a pure decision on what was measured. No clock, no I/O, nothing to stop."""

from __future__ import annotations

from engine.items import FPS

HEADROOM = 0.9
"""Share of a drawing thread's time that admitted sessions may need."""

LEAST_TALK = 0.25
"""Tutors are reckoned to speak at least this share of the time, however quiet it is just now."""

RETRY_FULL_S, RETRY_BUSY_S = 5, 2


class Admission:
    """Whether one more session fits.

    Args:
        most: sessions at once, whatever was measured.
        measured: also refuse what the renderer could not draw in time.
    """

    def __init__(self, most: int, *, measured: bool) -> None:
        self.most = most
        self.measured = measured

    def refuse(
        self, sessions: int, present: int, speaking: int, picture_s: float, thinning: bool
    ) -> tuple[str, int] | None:
        """Why a session must wait and for how many seconds; None when it may begin.

        Args:
            sessions: how many there are.
            present: how many of them have a student; the others need no pictures.
            speaking: how many of their tutors are speaking.
            picture_s: measured cost of a picture.
            thinning: pictures are being left out already.
        """
        if sessions >= self.most:
            return f"all {self.most} sessions are taken", RETRY_FULL_S
        if not self.measured:
            return None
        if thinning:
            return "the engine draws as many faces as it can", RETRY_BUSY_S
        talking = max(speaking, present * LEAST_TALK) + 1
        if present and talking * FPS * picture_s > HEADROOM:
            return f"{present} sessions are as many as this engine can draw in time", RETRY_BUSY_S
        return None
