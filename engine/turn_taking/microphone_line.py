"""What one client sends of a microphone: frames that wait to be judged, and how much silence a gap between them means.

Two clocks meet here: the student's stream (ms of audio) and the event loop (seconds). Times called ``now``
are the loop's. On the event loop; nothing waits but ``take``.
"""

from __future__ import annotations

from engine.concurrency.channel import Channel
from engine.items import INPUT_RATE, VAD_FRAME_MS, AudioChunk
from engine.turn_taking.framing import FrameAssembler, MicrophoneFrame

BACKLOG_FRAMES = 125
"""4 s: the most that waits to be judged; beyond it the oldest is dropped."""

PATIENCE_S = 0.5
"""A shorter gap in what arrives is jitter; a longer one counts as the student's silence."""

STALL_PATIENCE_S = 1.2
"""The same for a gap that begins in the middle of a voice. That is more likely a line that stalled than a student who
fell silent and stopped sending in the same 32 ms, and half a question must not be answered."""

LATE_S = 0.1
"""A timer this late means that the event loop itself stalled, so the gap says nothing about the line."""

GRACE_S = 0.25
"""Time to read what arrived in the sockets during such a stall."""


class MicrophoneLine:
    """Takes chunks as they arrive and gives frames; lost audio and long gaps become silence."""

    def __init__(self) -> None:
        self._assembler = FrameAssembler()
        self._frames: Channel[MicrophoneFrame] = Channel("microphone", BACKLOG_FRAMES, "drop_oldest")
        self._arrived_at = 0.0
        """When audio last arrived."""
        self._current_at = 0.0
        """The loop's time that the end of the stream stands for: later than ``_arrived_at`` once silence was added."""
        self._grace_until = 0.0
        self._cut_samples = 0
        self._reported_ms = 0.0

    @property
    def closed(self) -> bool:
        """No more audio is taken."""
        return self._frames.closed

    @property
    def waiting(self) -> int:
        """Frames that can be taken."""
        return len(self._frames)

    @property
    def frames_in(self) -> int:
        """Frames that have come since the start."""
        return self._frames.stats.puts

    @property
    def frames_out(self) -> int:
        """Frames that were taken or dropped since the start."""
        return self._frames.stats.gets + self._frames.stats.dropped

    def push(self, chunk: AudioChunk, now: float) -> bool:
        """Take a chunk. True when it completed a frame. Of one longer than the backlog the beginning is dropped."""
        excess = len(chunk.pcm) - int(BACKLOG_FRAMES * VAD_FRAME_MS * INPUT_RATE / 1000)
        if excess > 0:
            self._cut_samples += excess
            chunk = AudioChunk(chunk.pcm[excess:], chunk.start_sample + excess)
        self._current_at = self._arrived_at = now
        return self._queue(self._assembler.add(chunk))

    async def take(self, limit: int) -> list[MicrophoneFrame]:
        """The next frames, ``limit`` at most; none when none wait."""
        return [await self._frames.get() for _ in range(min(limit, len(self._frames)))]

    def gap_ends_at(self, *, sounding: bool) -> float:
        """When a gap that goes on counts as silence, on the loop's clock.

        Args:
            sounding: the gap began in the middle of a voice.
        """
        patience_s = STALL_PATIENCE_S if sounding else PATIENCE_S
        return max(self._arrived_at + patience_s, self._grace_until, self._current_at + VAD_FRAME_MS / 1000)

    def fill_gap(self, due: float, now: float) -> None:
        """Nothing came until ``due``: add silence up to ``now``. If the loop was late, first wait ``GRACE_S``."""
        if now - due > LATE_S and self._grace_until <= self._arrived_at:
            self._grace_until = now + GRACE_S
            return
        self._queue(self._assembler.fill(now - self._current_at))
        self._current_at = now

    def newly_dropped_ms(self) -> float:
        """Audio dropped since the last call."""
        dropped_ms = self._frames.stats.dropped * VAD_FRAME_MS + self._cut_samples * 1000 / INPUT_RATE
        new_ms, self._reported_ms = dropped_ms - self._reported_ms, dropped_ms
        return new_ms

    def unsent_ms(self, now: float | None = None) -> float:
        """How long the client has sent nothing in all, ms with a fixed offset. A gap that is jitter does not count.

        Args:
            now: None for the end of the stream.
        """
        counts = now is not None and now - self._current_at > PATIENCE_S
        return 1000 * (now if now is not None and counts else self._current_at) - self._assembler.received_ms

    def loop_time(self, ms: float) -> float:
        """When this moment of the stream was, on the loop's clock."""
        return self._current_at - (self._assembler.received_ms - ms) / 1000

    def close(self) -> None:
        """Take no more. Idempotent."""
        self._frames.close()

    def _queue(self, frames: list[MicrophoneFrame]) -> bool:
        for frame in frames:
            self._frames.put_nowait(frame)
        return bool(frames)
