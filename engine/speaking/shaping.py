"""Turns a voice's raw audio into playable speech: one sample rate, one loudness, no dead air, no clicks.

In: pieces of one clause at the voice's sample rate, as they are computed. Out: ``Speech`` items at 24 kHz with times
that match the trimmed audio. Runs in its caller's thread (a worker) and owns nothing that must be closed. Only silence
at the start and end of a clause is cut.
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
"""RMS level to which speech is brought, pauses excluded; about -18 LUFS for a voice."""

_MAX_GAIN_DB = 20.0
_SILENCE_DBFS = -48.0
"""What is quieter than this after levelling counts as silence. A judgement."""

_FIRST_LEVEL_SAMPLES = OUTPUT_RATE * 2 // 5
"""How much audio (0.4 s) of a voice that has not spoken before is collected to estimate its level."""

_MEMORY_S = 20.0
"""Seconds of speech over which a voice's level is averaged."""

_STEP = OUTPUT_RATE // 200
"""Samples (5 ms) per step of the search for silence."""

_LEAD_MS = 25.0
"""Silence kept before the first sound. More would keep the student waiting; with none, the onset sounds clipped."""

_AHEAD_MS = 250.0
"""How far beyond a piece its ``ahead`` phonemes reach. The mouth anticipates by less than that."""

_SENTENCE_MS, _COMMA_MS, _RUN_ON_MS = 180.0, 90.0, 30.0
"""Pause after a sentence, after a comma, and after a clause without punctuation. Judgements."""

_FADE = OUTPUT_RATE * 4 // 1000
"""Samples (4 ms) of fade-in and fade-out."""

_KNEE = 0.7
"""Amplitude above which the limiter acts."""


class Leveller:
    """The natural loudness of one voice, learned from everything it has spoken. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._power = 0.0
        self._seconds = 0.0

    @property
    def known(self) -> bool:
        """Whether anything has been learned yet."""
        return self._seconds > 0.0

    def gain(self, pcm: FloatArray) -> float:
        """The factor that brings the voice to ``TARGET_DBFS``, within 20 dB either way.

        Args:
            pcm: (n,) float32 at 24 kHz, raw audio of the voice; used only if ``known`` is False.
        """
        with self._lock:
            power = self._power if self._seconds else speech_power(pcm)[0]
        if power <= 0.0:
            return 1.0
        wanted_db = TARGET_DBFS - 10 * math.log10(power)
        return float(10 ** (max(-_MAX_GAIN_DB, min(_MAX_GAIN_DB, wanted_db)) / 20))

    def learn(self, power: float, seconds: float) -> None:
        """Adds ``seconds`` of speech with this mean power (mean square, before any gain) to the average."""
        if power <= 0.0 or seconds <= 0.0:
            return
        with self._lock:
            total = self._seconds + seconds
            self._power = (self._power * self._seconds + power * seconds) / total
            self._seconds = min(total, _MEMORY_S)


def speech_power(pcm: FloatArray, rate: int = OUTPUT_RATE) -> tuple[float, float]:
    """Mean power (mean square) of the parts of ``pcm`` that are speech, and their length in seconds.

    Of all 20 ms parts, those count as speech that are at most 30 dB below the loudest one.

    Args:
        pcm: (n,) float32 in [-1, 1].
        rate: its sample rate, Hz.
    """
    step = rate // 50
    count = len(pcm) // step
    if not count:
        return 0.0, 0.0
    parts = np.mean(np.square(pcm[: count * step].reshape(count, step), dtype=np.float64), axis=1)
    loud = parts[parts >= max(float(parts.max()) * 1e-3, 1e-9)]
    return (float(loud.mean()), len(loud) * step / rate) if len(loud) else (0.0, 0.0)


def limit(pcm: FloatArray) -> FloatArray:
    """A soft limiter: compresses samples with an amplitude above 0.7 so that none exceeds 1; (n,) float32."""
    over = np.abs(pcm) > _KNEE
    if over.any():
        room = 1.0 - _KNEE
        high = np.abs(pcm[over])
        pcm = pcm.copy()
        pcm[over] = np.sign(pcm[over]) * (_KNEE + 0.97 * room * np.tanh((high - _KNEE) / room))
    return pcm


def tail_ms(text: str) -> float:
    """The pause after a clause in ms, by the punctuation at the end of its text."""
    end = text.rstrip().rstrip("\"'”’»)]*_」』）")[-1:]
    if end in ".!?…。！？":
        return _SENTENCE_MS
    return _COMMA_MS if end in ",;:–—、，；：" else _RUN_ON_MS


class Shaper:
    """Shapes the raw audio of one clause. Not thread safe.

    Args:
        clause: what is spoken.
        rate: sample rate of the raw audio, Hz.
        leveller: the voice's leveller.
        timeline: times in the raw audio, if the voice gives any.
    """

    def __init__(self, clause: Clause, rate: int, leveller: Leveller, timeline: ClauseTiming | None = None) -> None:
        self._clause = clause
        self._leveller = leveller
        self._timeline = timeline or ClauseTiming()
        self._resampler = Resampler(rate, OUTPUT_RATE)
        self._gain: float | None = None
        self._waiting: FloatArray = np.zeros(0, np.float32)
        """Audio at 24 kHz collected before the gain is known."""
        self._held: FloatArray = np.zeros(0, np.float32)
        """Levelled audio not yet returned."""
        self._position = 0
        """Samples (24 kHz) from the start of the raw audio to the first one held."""
        self._begun = False
        """Whether the silence before the first sound has been cut."""
        self._emitted = False
        self._power, self._seconds = 0.0, 0.0

    def push(self, pcm: FloatArray) -> Speech | None:
        """Adds a piece of raw audio and returns what can be played now, or None if everything is held back.

        Silence at the end is held back until sound follows it.

        Args:
            pcm: (n,) float32 mono in [-1, 1] at the voice's sample rate.
        """
        self._take(self._resampler.push(pcm))
        end = self._trim_lead()
        # The last 4 ms are held back, so that the clause can be faded out wherever it ends.
        ready = min(len(self._held) - _FADE, end)
        return self._emit(ready, last=False) if ready >= _STEP else None

    def finish(self, pcm: FloatArray | None = None) -> Speech:
        """Adds the last piece, if any, and returns everything held back, followed by the clause's pause. Call it once.

        Args:
            pcm: as for ``push``.
        """
        if pcm is not None:
            self._take(self._resampler.push(pcm))
        self._take(self._resampler.flush(), last=True)
        sound_end = self._trim_lead()
        wanted = sound_end + int(tail_ms(self._clause.text) * OUTPUT_RATE / 1000)
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
            if not (last or self._leveller.known or len(pcm) >= _FIRST_LEVEL_SAMPLES):
                return
            self._gain = self._leveller.gain(pcm)
        self._held = np.concatenate([self._held, limit(pcm * np.float32(self._gain))])

    def _trim_lead(self) -> int:
        """Cuts the silence before the clause's first sound. Returns where the last sound held ends, in samples."""
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
        times = self._timeline.between(start, end, first=not self._emitted, last=last)
        self._emitted = True
        following = () if last else self._timeline.between(end, end + _AHEAD_MS).phonemes
        ahead = tuple(replace(p, start_ms=p.start_ms + end - start, end_ms=p.end_ms + end - start) for p in following)
        return Speech(self._clause, piece, times.words, times.phonemes, last, ahead, times.pitch)


def _loud(pcm: FloatArray) -> tuple[int, int] | None:
    """Index of the first 5 ms step that is not silent, and one past the last; None if all are silent."""
    count = -(-len(pcm) // _STEP)
    if not count:
        return None
    steps = np.pad(pcm, (0, count * _STEP - len(pcm))).reshape(count, _STEP)
    found = np.flatnonzero(np.mean(np.square(steps), axis=1) > 10 ** (_SILENCE_DBFS / 10))
    return (int(found[0]), int(found[-1]) + 1) if len(found) else None
