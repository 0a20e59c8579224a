"""The timeline of one reply: when its stages were reached, and which of them took the time."""

from __future__ import annotations

from engine.items import VAD_FRAME_MS
from engine.telemetry.metrics import Metrics

IN_TIME_MS = 2 * VAD_FRAME_MS
"""Turn taking looks at the microphone in steps of one frame."""

_REACHED_BY = {
    "prompt": "prompt",
    "think": "first_clause",
    "speak": "tts_first",
    "render": "first_picture",
    "send": "first_media_sent",
}
"""The mark that ends a stage."""


class Timeline:
    """When the stages of one reply were reached, in ms since its start. The first mark of a stage counts."""

    def __init__(self, start: float) -> None:
        self.start = start
        """Seconds on the loop's clock: text arrived, or the acoustic end of speech."""
        self.marks: dict[str, float] = {}

    def mark(self, stage: str, now: float) -> None:
        """Note that ``stage`` was reached at ``now`` (loop's clock), unless it was before."""
        self.marks.setdefault(stage, round((now - self.start) * 1000, 1))

    def restart(self, start: float) -> None:
        """Count from ``start`` instead; what was reached before it becomes negative."""
        shift = (self.start - start) * 1000
        self.marks = {stage: round(ms + shift, 1) for stage, ms in self.marks.items()}
        self.start = start

    def shares(self) -> dict[str, float]:
        """What each stage added until the first frame was sent, or the text was there if nothing is spoken: ms.

        The stages of a reply overlap, and a preemptive one has begun before its start: counted is what a stage had the
        student wait for beyond the stages before it. The shares add up to the time to the first frame.
        """
        marks, reached = self.marks, 0.0
        shares: dict[str, float] = {}
        if "committed" in marks:  # by voice
            reached = max(0.0, marks["committed"])
            shares["recognise"] = min(self._waited_for_words(), reached)
            shares["listen"] = reached - shares["recognise"]
        elif "asr_done" in marks:  # a recording
            shares["recognise"] = reached = max(0.0, marks["asr_done"])
        for stage, mark in _REACHED_BY.items():
            if mark in marks:
                shares[stage] = max(0.0, marks[mark] - reached)
                reached = max(reached, marks[mark])
        return shares

    def _waited_for_words(self) -> float:
        """How long the end of the user turn waited for its last words, ms.

        With words in time it comes when the policy's wait is over. If it came later, they were missing since the
        silence began: without them the policy waits longer too.
        """
        ended = self.marks.get("listen_commit", 0.0)
        late = ended - self.marks.get("listen_waited", ended) > IN_TIME_MS
        return max(0.0, ended - self.marks.get("listen_silence", 0.0)) if late else 0.0

    def waiting_for(self) -> str | None:
        """The stage a reply is in that has not sent its first frame yet; None when it has."""
        if "first_media_sent" in self.marks or "sent" in self.marks:
            return None
        return next(stage for stage, mark in _REACHED_BY.items() if mark not in self.marks)

    def report(self, metrics: Metrics) -> None:
        """Add every mark to the per-stage histogram, and what each stage added to the time to the first frame."""
        for stage, ms in self.marks.items():
            if stage in ("listen_probability", "listen_completion"):  # shares, no times
                continue
            metrics.stage.labels(stage).observe(max(0.0, ms / 1000))
        for stage, ms in self.shares().items():
            metrics.stage_share.labels(stage).observe(ms / 1000)
