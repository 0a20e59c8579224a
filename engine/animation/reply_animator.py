"""From one reply's speech to frames: mouth, head and eyes together, each frame with its own 40 ms of audio.

``ReplyAnimator`` takes ``Speech`` as it is made and gives ``AnimatedFrame`` at once. It is
synchronous, keeps no clock, starts no thread and needs no closing. It and its ``IdleMotion`` may be used from any
one thread at a time.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from engine.animation.audio_driven import default_audio_face
from engine.animation.coarticulation import Segments, blend, enforce_rules, no_segments, segments
from engine.animation.emphasis import PitchRange, falls
from engine.animation.expressions import ExpressionTrack
from engine.animation.gestures import Gesture, NodPace, evaluate, plan
from engine.animation.idle_motion import IdleMotion
from engine.animation.moods import Mood
from engine.animation.pose import CHANNEL, in_range
from engine.animation.visemes import MOUTH_CHANNELS
from engine.items import FPS, FRAME_SAMPLES, OUTPUT_RATE, AnimatedFrame, FloatArray, Speech

FRAME_S = 1 / FPS
HOLD_FRAMES = 4
"""Frames held back while it is not known what follows (160 ms): the mouth anticipates."""

TAIL_FRAMES = 6
"""Silence after the reply in which the mouth comes to rest (240 ms)."""

_CONTEXT_FRAMES = 15
"""Audio before a frame that the audio-driven mouth depends on (600 ms)."""

_CARRY_S = 0.045
"""Time constant with which a prediction that new speech proved wrong fades."""

_BLINKS, _BLINKS_WHEN_FINISHED = 0.3, 0.55
"""Probability of a blink at the end of a clause, and where the pitch falls as it does when a speaker has finished. With
those of ``idle_motion`` it makes about 22 a minute (see ``idle_events`` for what people do)."""

_SMILE = CHANNEL["mouth_smile"]
_ROUND = [CHANNEL["mouth_funnel"], CHANNEL["mouth_pucker"]]


class AudioDriven(Protocol):
    """A mouth from audio alone."""

    def __call__(self, pcm: FloatArray) -> FloatArray:
        """(n,) float32 mono 24 kHz to (n // 960, 12) float32: one mouth per whole frame of 40 ms."""


class ReplyAnimator:
    """Animates one reply.

    Args:
        idle_motion: the session's, which goes on before and after the reply; the reply's motion branches off from it.
        start_time_s: when the reply's first frame is shown, on the clock of ``idle_motion``.
        audio_driven: gives the mouth for speech without phonemes; ``default_audio_face`` when None.
    """

    def __init__(self, idle_motion: IdleMotion, start_time_s: float, audio_driven: AudioDriven | None = None) -> None:
        self._idle_motion = idle_motion.branch()
        self._start_time_s = start_time_s
        self._audio_driven = audio_driven
        self._rng = np.random.default_rng([idle_motion.seed, 9, int(max(start_time_s, 0) * 1000)])
        self._pcm: FloatArray = np.zeros(0, dtype=np.float32)
        self._first_kept = 0  # frame at which self._pcm begins
        self._fed = 0  # samples of speech so far
        self._next = 0  # index of the next frame to give
        self._timeline: Segments = no_segments()
        self._by_audio = False
        self._gestures: list[Gesture] = []
        self._pitch = PitchRange()
        self._nods = NodPace()
        self._expressions = ExpressionTrack()
        self._clause = -1
        """Index of the clause that is being spoken."""
        self._mouth: FloatArray = np.zeros(MOUTH_CHANNELS, dtype=np.float32)
        self._finished = False

    def feed(self, speech: Speech) -> list[AnimatedFrame]:
        """The frames that are complete now, numbered from 0 within the reply.

        All whole frames if the piece ends its clause or its voice says what follows; otherwise the last
        ``HOLD_FRAMES`` wait for the next piece.

        Raises:
            RuntimeError: after ``finish``.
        """
        if self._finished:
            raise RuntimeError("this reply is finished")
        offset_s = self._fed / OUTPUT_RATE
        self._pcm = np.concatenate((self._pcm, speech.pcm.astype(np.float32, copy=False)))
        self._fed += len(speech.pcm)
        if speech.clause.index != self._clause:
            self._clause = speech.clause.index
            self._expressions.plan(speech.clause.expression, offset_s)
        self._by_audio = not speech.phonemes
        if speech.phonemes:
            known = self._timeline.between(self._next * FRAME_S, offset_s).until(offset_s)
            self._timeline = known.then(segments((*speech.phonemes, *speech.ahead), offset_s, speech.clause.language))
        self._gestures = [g for g in self._gestures if g.end_s > self._next * FRAME_S]
        self._gestures += plan(speech, offset_s, self._next * FRAME_S, self._rng, self._pitch, self._nods)
        finished = falls(speech, self._pitch)
        if speech.last and self._rng.random() < (_BLINKS_WHEN_FINISHED if finished else _BLINKS):
            self._idle_motion.blink_at(self._start_time_s + self._fed / OUTPUT_RATE - 0.05)
        whole = self._fed // FRAME_SAMPLES
        return self._give(whole if speech.last or (speech.phonemes and speech.ahead) else whole - HOLD_FRAMES)

    def finish(self) -> list[AnimatedFrame]:
        """The rest, padded to a whole frame, and ``TAIL_FRAMES`` of silence; nothing if nothing was fed."""
        if self._finished or self._fed == 0:
            self._finished = True
            return []
        self._finished = True
        total = -(-self._fed // FRAME_SAMPLES) + TAIL_FRAMES
        missing = (total - self._first_kept) * FRAME_SAMPLES - len(self._pcm)
        self._pcm = np.concatenate((self._pcm, np.zeros(missing, dtype=np.float32)))
        return self._give(total)

    def _give(self, until: int) -> list[AnimatedFrame]:
        count = until - self._next
        if count <= 0:
            return []
        mouths = self._mouths(count)
        frames = [self._frame(self._next + i, mouth) for i, mouth in enumerate(mouths)]
        self._mouth = mouths[-1]
        self._next = until
        keep = max(self._first_kept, until - _CONTEXT_FRAMES)
        self._pcm = self._pcm[(keep - self._first_kept) * FRAME_SAMPLES :]
        self._first_kept = keep
        return frames

    def _mouths(self, count: int) -> FloatArray:
        """(count, 12): the mouth of the next frames, continuing from the last one given."""
        times = ((np.arange(self._next - 1, self._next + count) + 0.5) * FRAME_S).astype(np.float32)
        decay = np.exp(-np.arange(1, count + 1) * FRAME_S / _CARRY_S).astype(np.float32)[:, None]
        if self._by_audio:
            track = self._from_audio(count)
            driven: FloatArray = np.clip(track[1:] + (self._mouth - track[0]) * decay, 0, 1)
            return driven
        if len(self._timeline) == 0:
            resting: FloatArray = self._mouth * decay
            return resting
        track = blend(self._timeline, times)
        predicted = enforce_rules(track[:1], self._timeline, times[:1])[0]
        track = np.clip(track[1:] + (self._mouth - predicted) * decay, 0, 1)
        return enforce_rules(track, self._timeline, times[1:])

    def _from_audio(self, count: int) -> FloatArray:
        """(count + 1, 12): the mouth of the frame before the next one (at rest before the first), then of ``count``."""
        if self._audio_driven is None:
            self._audio_driven = default_audio_face()
        track = self._audio_driven(self._pcm)
        at = self._next - self._first_kept
        before = track[at - 1 : at] if at else np.zeros((1, MOUTH_CHANNELS), dtype=np.float32)
        return np.concatenate((before, track[at : at + count]))

    def _frame(self, index: int, mouth: FloatArray) -> AnimatedFrame:
        speaking = index * FRAME_SAMPLES < self._fed
        mood: Mood = "speaking" if speaking else "idle"
        pose = self._idle_motion.pose(self._start_time_s + index * FRAME_S, mood)
        pose += evaluate(self._gestures, (index + 0.5) * FRAME_S)
        pose += self._expressions.step(index * FRAME_S)
        rounded = float(mouth[_ROUND].max())
        pose[_SMILE] *= 1 - rounded
        pose[:MOUTH_CHANNELS] += mouth
        at = (index - self._first_kept) * FRAME_SAMPLES
        pcm = self._pcm[at : at + FRAME_SAMPLES].copy()
        return AnimatedFrame(index, pcm, in_range(pose), speaking)
