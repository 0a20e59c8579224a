"""The media clock's decisions: which 20 ms of audio and which picture leave now.

Pure and synchronous: replies ``push`` frames, and the pacing loop calls ``tick`` fifty times a second. Audio is the
master clock. A frame of a reply lasts two ticks; its picture leaves with the first half of its audio. When nothing is
due there is silence, and idle pictures are requested at the moment they would leave; none is drawn in advance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import FRAME_MS, OUTPUT_RATE, FloatArray, MediaFrame, Picture
from engine.transport.dropped_replies import DroppedReplies

TICK_S = 0.02
TICK_SAMPLES = OUTPUT_RATE // 50
FADE_SAMPLES = OUTPUT_RATE * 8 // 1000
"""Audio that is cut off fades out over 8 ms; a hard edge would click."""

START_FRAMES, START_TICKS = 2, 2
"""A reply begins once two frames are waiting, or one for 40 ms, so that it does not run dry at once."""

MAX_START_FRAMES, RESTART_TICKS = 16, 50
"""Each time a reply has run dry, it waits for twice as many frames before it goes on, but for a second at most. On a
machine that is too slow, words with pauses between them are better than stuttering."""

HOLD_TICKS = 10
"""A reply that is late with its next frame keeps its last picture for 200 ms, then the idle face shows."""

DUCKED = 0.25
PAUSE_TICKS = 10
"""A reply that has been lowered for 200 ms pauses: the student goes on speaking, and if it was only a cough, no word is
lost."""

RAMP_PER_TICK = 0.25
"""Change of loudness in one tick: ducking and its end take 60 ms."""

_SILENCE: FloatArray = np.zeros(TICK_SAMPLES, np.float32)
_SILENCE.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Tick:
    """What leaves in one tick."""

    pcm: FloatArray
    """(480,) float32, 24 kHz."""

    picture: Picture | None = None
    """A speaking picture that leaves with this audio."""

    idle: bool = False
    """An idle picture is due."""

    reply: int = 0
    """The number of the reply the audio belongs to; 0 for silence."""

    played_ms: float = 0.0
    """How much of that reply has left once this tick has."""

    pose: FloatArray | None = None
    """Of the picture."""

    @property
    def silent(self) -> bool:
        """No audio of a reply, not even a fade."""
        return self.pcm is _SILENCE


class Playout:
    """Frames of the current reply waiting for their moment.

    Args:
        capacity: limit of frames held.
        idle_ticks: ticks between two idle pictures; 4 is 12.5 a second.
    """

    def __init__(self, capacity: int = 25, idle_ticks: int = 4) -> None:
        self.capacity = capacity
        self._idle_ticks = idle_ticks
        self._frames: deque[MediaFrame] = deque()
        self._second_half: MediaFrame | None = None
        self._fade: FloatArray | None = None
        self._dropped = DroppedReplies()
        self._finished_reply = 0
        self._last_reply = 0
        self._waited_ticks = 0
        self._wanted_frames = START_FRAMES
        self._quiet_ticks = HOLD_TICKS
        self._since_picture = idle_ticks
        self._gain = self._target_gain = 1.0
        self._ducked_ticks: int | None = None

    @property
    def room(self) -> int:
        """Frames that may be pushed now."""
        return max(0, self.capacity - len(self._frames))

    @property
    def resting(self) -> bool:
        """No reply is under way: the last one was finished or dropped, and all of it has left."""
        return self._finished and not self.busy

    @property
    def paused(self) -> bool:
        """A reply waits, silent, until it is known whether the student interrupts it."""
        return self._ducked_ticks is not None and self._ducked_ticks > PAUSE_TICKS and self._gain == 0.0

    @property
    def busy(self) -> bool:
        """Audio of a reply is waiting or half sent."""
        return bool(self._frames) or self._second_half is not None

    def push(self, frames: Sequence[MediaFrame]) -> None:
        """Add frames in order; those of an interrupted reply are ignored."""
        for frame in frames:
            if frame.reply not in self._dropped:
                self._frames.append(frame)
                if frame.reply != self._last_reply:
                    self._last_reply, self._wanted_frames = frame.reply, START_FRAMES

    def finish(self, reply: int) -> None:
        """Nothing more of reply ``reply`` follows, so running out of frames is not an underrun."""
        self._finished_reply = max(self._finished_reply, reply)

    def drop(self, reply: int) -> None:
        """Reply ``reply`` was interrupted: only a fade of 8 ms still leaves."""
        self._dropped.drop(reply)
        cut = self._second_half
        if cut is not None and cut.reply <= reply:
            self._fade = cut.pcm[TICK_SAMPLES : TICK_SAMPLES + FADE_SAMPLES]
        elif self._quiet_ticks == 0 and self._frames and self._frames[0].reply <= reply:
            self._fade = self._frames[0].pcm[:FADE_SAMPLES]
        if cut is not None and cut.reply <= reply:
            self._second_half = None
        self._frames = deque(f for f in self._frames if f.reply > reply)
        self._quiet_ticks = HOLD_TICKS
        self.duck(False)

    def clear(self) -> None:
        """Discard everything that waits: the client is gone."""
        self._frames.clear()
        self._second_half = self._fade = None

    def duck(self, on: bool) -> None:
        """Lower the voice, and then pause, while the student may be interrupting; False: go on at full volume."""
        self._target_gain = DUCKED if on else 1.0
        self._ducked_ticks = 0 if on else None

    def tick(self) -> Tick:
        """The next 20 ms."""
        if self._ducked_ticks is not None:
            self._ducked_ticks += 1
            if self._ducked_ticks > PAUSE_TICKS:
                self._target_gain = 0.0
        if self._second_half is not None:
            frame, self._second_half = self._second_half, None
            self._since_picture += 1
            return Tick(
                self._loudness(frame.pcm[TICK_SAMPLES:]), None, False, frame.reply, (frame.index + 1) * FRAME_MS
            )
        if self._frames and not self.paused and self._may_begin():
            frame = self._frames.popleft()
            self._second_half = frame
            self._quiet_ticks = 0
            self._since_picture = 1
            played_ms = (frame.index + 0.5) * FRAME_MS
            pcm = self._loudness(frame.pcm[:TICK_SAMPLES])
            return Tick(pcm, frame.picture, False, frame.reply, played_ms, frame.pose)
        return self._quiet()

    def _may_begin(self) -> bool:
        if self._quiet_ticks > 0 and len(self._frames) < self._wanted_frames and not self._finished:
            self._waited_ticks += 1
            if self._waited_ticks <= (START_TICKS if self._wanted_frames == START_FRAMES else RESTART_TICKS):
                return False
        self._waited_ticks = 0
        return True

    def _quiet(self) -> Tick:
        if self._quiet_ticks == 0 and not self._finished and not self.paused:
            self._wanted_frames = min(2 * self._wanted_frames, MAX_START_FRAMES)
        self._quiet_ticks += 1
        self._gain = self._target_gain
        holding = self._quiet_ticks <= HOLD_TICKS and not (self._finished and not self._frames)
        idle = not holding and self._since_picture >= self._idle_ticks
        self._since_picture = 1 if idle else self._since_picture + 1
        pcm = _SILENCE
        if self._fade is not None:
            pcm = np.zeros(TICK_SAMPLES, np.float32)
            pcm[: len(self._fade)] = self._fade * np.linspace(self._gain, 0, len(self._fade), dtype=np.float32)
            self._fade = None
        return Tick(pcm, None, idle)

    @property
    def _finished(self) -> bool:
        return self._last_reply <= max(self._finished_reply, self._dropped.through)

    def _loudness(self, pcm: FloatArray) -> FloatArray:
        if self._gain == self._target_gain:
            return pcm if self._gain == 1.0 else pcm * np.float32(self._gain)
        before = self._gain
        step = np.clip(self._target_gain - before, -RAMP_PER_TICK, RAMP_PER_TICK)
        self._gain = float(before + step)
        return pcm * np.linspace(before, self._gain, len(pcm), dtype=np.float32)
