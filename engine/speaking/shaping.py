"""Raw sound of a voice made ready to be heard: one rate, one loudness, no dead air, no clicks.

In: pieces of one clause at the voice's rate, as they are made. Out: ``Speech`` items at 24 kHz
whose times fit the sound that is left. Runs wherever its caller runs (a worker thread);
owns nothing that has to be stopped. Sound is never cut but at its silent ends.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np

from engine.audio.resampling import Resampler
from engine.items import OUTPUT_RATE, Clause, FloatArray, Speech
from engine.speaking.timeline import ClauseTiming

TARGET_DBFS = -20.0
"""Level of speech (pauses left out), about -18 LUFS for a voice."""

_MOST_GAIN_DB = 20.0
_QUIET_DBFS = -48.0
"""Below this, after levelling, is silence."""

_FIRST_HEARING = OUTPUT_RATE * 2 // 5
"""How much of a voice never heard before is gathered to judge its level."""

_MEMORY_S = 20.0
"""Seconds of speech over which a voice's level is averaged."""

_STEP = OUTPUT_RATE // 200
"""5 ms, the grid on which silence is looked for."""

_LEAD_MS = 25.0
"""Silence kept before the first sound: dead air to the student, but a breath before an attack."""

_AHEAD_MS = 250.0
"""How much of what follows a piece is told with it: a mouth anticipates by less."""

_SENTENCE_MS, _COMMA_MS, _RUN_ON_MS = 180.0, 90.0, 30.0
_FADE = OUTPUT_RATE * 4 // 1000
_KNEE = 0.7


class Leveller:
    """How loud one voice speaks by nature, learned from all it has said. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._power = 0.0
        self._seconds = 0.0

    @property
    def known(self) -> bool:
        """Something was learnt."""
        return self._seconds > 0.0

    def gain(self, pcm: FloatArray) -> float:
        """Factor that brings the voice to the target. ``pcm`` tells while nothing is known yet."""
        with self._lock:
            power = self._power if self._seconds else speech_power(pcm)[0]
        if power <= 0.0:
            return 1.0
        wanted = TARGET_DBFS - 10 * math.log10(power)
        return float(10 ** (max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, wanted)) / 20))

    def learn(self, power: float, seconds: float) -> None:
        """Count ``seconds`` of speech of this mean power (before any gain)."""
        if power <= 0.0 or seconds <= 0.0:
            return
        with self._lock:
            total = self._seconds + seconds
            self._power = (self._power * self._seconds + power * seconds) / total
            self._seconds = min(total, _MEMORY_S)


def speech_power(pcm: FloatArray, rate: int = OUTPUT_RATE) -> tuple[float, float]:
    """Mean power of the parts that are speech, and their seconds.

    20 ms parts count that are at most 30 dB below the loudest one.
    """
    step = rate // 50
    count = len(pcm) // step
    if not count:
        return 0.0, 0.0
    parts = np.mean(np.square(pcm[: count * step].reshape(count, step), dtype=np.float64), axis=1)
    loud = parts[parts >= max(float(parts.max()) * 1e-3, 1e-9)]
    return (float(loud.mean()), len(loud) * step / rate) if len(loud) else (0.0, 0.0)


def limit(pcm: FloatArray) -> FloatArray:
    """Bend what is above the knee so that nothing clips; leave the rest untouched."""
    over = np.abs(pcm) > _KNEE
    if over.any():
        room = 1.0 - _KNEE
        high = np.abs(pcm[over])
        pcm = pcm.copy()
        pcm[over] = np.sign(pcm[over]) * (_KNEE + 0.97 * room * np.tanh((high - _KNEE) / room))
    return pcm


def tail_ms(text: str) -> float:
    """The pause that belongs after a clause, by how its text ends."""
    end = text.rstrip().rstrip("\"'”’»)]*_」』）")[-1:]
    if end in ".!?…。！？":
        return _SENTENCE_MS
    return _COMMA_MS if end in ",;:–—、，；：" else _RUN_ON_MS


class Shaper:
    """One clause on its way from the voice to the listener. One thread at a time.

    Args:
        clause: what is spoken.
        rate: of the raw sound, Hz.
        leveller: the voice's.
        timeline: times on the raw sound, when the voice tells them.
    """

    def __init__(self, clause: Clause, rate: int, leveller: Leveller, timeline: ClauseTiming | None = None) -> None:
        self._clause = clause
        self._leveller = leveller
        self._timeline = timeline or ClauseTiming()
        self._resampler = Resampler(rate, OUTPUT_RATE)
        self._gain: float | None = None
        self._waiting: FloatArray = np.zeros(0, np.float32)
        """Sound before the gain is settled."""
        self._held: FloatArray = np.zeros(0, np.float32)
        self._position = 0
        """Raw samples (at 24 kHz) before what is held."""
        self._begun = False
        self._said = False
        self._power, self._seconds = 0.0, 0.0

    def push(self, pcm: FloatArray) -> Speech | None:
        """Take a piece of raw sound; give what can be said now, or None when it is all held back.

        Silence at the end of what came is held until something follows it.
        """
        self._take(self._resampler.push(pcm))
        end = self._trim_lead()
        # The last 4 ms stay back, so that the clause can be faded out wherever it ends.
        ready = min(len(self._held) - _FADE, end)
        return self._emit(ready, last=False) if ready >= _STEP else None

    def finish(self, pcm: FloatArray | None = None) -> Speech:
        """The last piece (if any) and all that was held, with the pause that belongs after. Call once."""
        if pcm is not None:
            self._take(self._resampler.push(pcm))
        self._take(self._resampler.flush(), last=True)
        sound = self._trim_lead()
        wanted = sound + int(tail_ms(self._clause.text) * OUTPUT_RATE / 1000)
        kept = self._held[: min(wanted, len(self._held))].copy()
        fade = min(_FADE, len(kept))
        if fade:
            kept[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        self._held = np.pad(kept, (0, wanted - len(kept)))
        self._leveller.learn(self._power / self._seconds if self._seconds else 0.0, self._seconds)
        return self._emit(len(self._held), last=True)

    def _take(self, pcm: FloatArray, *, last: bool = False) -> None:
        power, seconds = speech_power(pcm)
        self._power += power * seconds
        self._seconds += seconds
        if self._gain is None:
            self._waiting = pcm = np.concatenate([self._waiting, pcm])
            if not (last or self._leveller.known or len(pcm) >= _FIRST_HEARING):
                return
            self._gain = self._leveller.gain(pcm)
        self._held = np.concatenate([self._held, limit(pcm * np.float32(self._gain))])

    def _trim_lead(self) -> int:
        """Drop silence before the first sound. Gives the end of the last sound held, in samples."""
        loud = _loud(self._held)
        if loud is None:
            return 0
        cut = 0
        if not self._begun:
            self._begun = True
            cut = max(0, loud[0] * _STEP - int(_LEAD_MS * OUTPUT_RATE / 1000))
            self._held = self._held[cut:].copy()
            self._position += cut
            fade = min(_FADE, len(self._held))
            self._held[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        return min(len(self._held), loud[1] * _STEP - cut)

    def _emit(self, count: int, *, last: bool) -> Speech:
        piece, self._held = self._held[:count], self._held[count:]
        start = self._position * 1000 / OUTPUT_RATE
        self._position += count
        end = self._position * 1000 / OUTPUT_RATE
        times = self._timeline.window(start, end, first=not self._said, last=last)
        self._said = True
        following = () if last else self._timeline.window(end, end + _AHEAD_MS).phonemes
        ahead = tuple(replace(p, start_ms=p.start_ms + end - start, end_ms=p.end_ms + end - start) for p in following)
        return Speech(self._clause, piece, times.words, times.phonemes, last, ahead)


def _loud(pcm: FloatArray) -> tuple[int, int] | None:
    """First and one past the last 5 ms step that is not silent, or None."""
    count = -(-len(pcm) // _STEP)
    if not count:
        return None
    steps = np.pad(pcm, (0, count * _STEP - len(pcm))).reshape(count, _STEP)
    found = np.flatnonzero(np.mean(np.square(steps), axis=1) > 10 ** (_QUIET_DBFS / 10))
    return (int(found[0]), int(found[-1]) + 1) if len(found) else None
