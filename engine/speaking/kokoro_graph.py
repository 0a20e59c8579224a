"""The Kokoro network: how a clause is said, all at once, and its audio, in slices.

The first network gives text features, pitch and energy for every frame (25 ms) of a clause. The second computes audio
from them. StyleTTS 2 trains it on random stretches of utterances, so it can be given any stretch. Two things keep the
joints from being heard. The phase of its harmonic source starts at zero in every call, so the pitch of the frames
before a slice is shifted by a few hertz, which makes the phase at the slice's start what it is in the whole clause. Its
normalisation layers average over a call, which changes the loudness by some decibels, so each slice is brought to the
level that the energy curve asks for. Blocking; sessions are thread safe.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.items import OUTPUT_RATE, FloatArray
from engine.models.kokoro import PROSODY, VOCODER
from engine.models.onnx import open_session

FRAME = 600
"""Samples per frame (25 ms)."""

FRAMES_PER_S = OUTPUT_RATE / FRAME

MARGIN = 3
"""Frames computed on either side of a slice and thrown away."""

LEAD = 6
"""Frames of the clause's initial silence that go before every slice, so that the layers that average over a call see
silence and speech, as they do in a whole clause.

Both were measured on slices of about 0.7 s: their spectra (60 mel bands) differ from the whole clause's by 6.2 dB
with two frames each, 5.0 dB with these, 4.5 dB with eight and ten; levels by at most 0.8 dB.
"""

_HALF_S = 300 / OUTPUT_RATE
"""Length of a half frame, the step of pitch and energy."""

_FADE = OUTPUT_RATE * 6 // 1000
"""Samples (6 ms) over which one slice fades into the next."""

_LOUD = 4.0
"""Energy (natural logarithm of a mel spectrum's norm) from which a half frame counts as speech."""

_MAX_GAIN = 1.6
_LEVEL_MEMORY_S = 20.0


@dataclass(frozen=True, slots=True)
class Prosody:
    """How a stretch of phonemes is said. T is its number of frames."""

    text: FloatArray
    """(1, 512, T)"""
    pitch: FloatArray
    """(1, 1, 2 T), Hz; small or negative where the voice does not sound."""
    energy: FloatArray
    """(1, 1, 2 T)"""
    durations: npt.NDArray[np.int64]
    """Frames of each token, those for begin and end included."""
    style: FloatArray
    """(1, 256)"""

    @property
    def frames(self) -> int:
        return int(self.text.shape[2])


class Level:
    """How loud one voice is compared with its own energy curve, learned from all slices. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bias = 0.0
        self._seconds = 0.0

    def gain(self, bias: float, seconds: float) -> float:
        """The factor that brings a slice to the voice's level.

        Args:
            bias: mean difference between the slice's logarithmic power and its energy curve.
            seconds: of speech in the slice.
        """
        with self._lock:
            total = self._seconds + seconds
            self._bias = (self._bias * self._seconds + bias * seconds) / total
            self._seconds = min(total, _LEVEL_MEMORY_S)
            wanted = float(np.exp((self._bias - bias) / 2))
        return min(max(wanted, 1 / _MAX_GAIN), _MAX_GAIN)


class KokoroGraph:
    """Both networks.

    Args:
        folder: with the two ``.onnx`` files.
        threads: per network call.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, folder: Path, threads: int = 1, device: str = "cpu") -> None:
        self._prosody = open_session(folder / PROSODY, threads, device)
        self._vocoder = open_session(folder / VOCODER, threads, device)

    def prosody(self, ids: list[int], style: FloatArray, speed: float = 1.0) -> Prosody:
        """How these tokens are said.

        Args:
            ids: at most 512, those for begin and end included.
            style: (1, 256), the voice's vector for this number of phonemes.
            speed: 0.5 to 2.
        """
        feed = {"tokens": np.array([ids], np.int64), "style": style, "speed": np.array([speed], np.float32)}
        names = ["text", "pitch", "energy", "durations"]
        text, pitch, energy, durations = self._prosody.run(names, feed)
        return Prosody(text, pitch, energy, durations.reshape(-1).astype(np.int64), style)

    def samples(self, said: Prosody, frames: npt.NDArray[np.int64], shift: tuple[int, float]) -> FloatArray:
        """The audio of some frames, (600 * n,).

        Args:
            said: what the frames are of.
            frames: their indices, (n,), ascending.
            shift: from which half frame on (of these) the next ``2 * MARGIN`` are shifted in pitch, and by how many Hz.
        """
        halves = np.stack([frames * 2, frames * 2 + 1], 1).reshape(-1)
        pitch = said.pitch[:, :, halves]
        at, hertz = shift
        pitch[:, :, at : at + 2 * MARGIN] += np.float32(hertz)
        feed = {
            "text": said.text[:, :, frames], "pitch": pitch, "energy": said.energy[:, :, halves], "style": said.style,
        }  # fmt: skip
        pcm: FloatArray = self._vocoder.run(None, feed)[0].reshape(-1)
        return pcm


class SlicedAudio:
    """The audio of a stretch, slice after slice. Not thread safe.

    Args:
        graph: the networks.
        said: the stretch.
        level: of the voice.
    """

    def __init__(self, graph: KokoroGraph, said: Prosody, level: Level) -> None:
        self._graph = graph
        self._said = said
        self._level = level
        self._tail: FloatArray = np.zeros(0, np.float32)
        """What the slice before continued with: it fades out at the start of the next one."""

    def audio(self, start: int, end: int) -> tuple[FloatArray, float]:
        """The samples of frames ``start`` to ``end``; each call begins where the last one ended.

        Returns:
            ((end - start) * 600,) float32, and how many seconds of audio were computed for them.
        """
        left, right = max(0, start - MARGIN), min(self._said.frames, end + MARGIN)
        lead = min(LEAD, left)
        frames = np.concatenate([np.arange(lead), np.arange(left, right)])
        pcm = self._graph.samples(self._said, frames, (2 * lead, self._shift(lead, left)))
        first = (lead + start - left) * FRAME
        pcm = pcm * np.float32(self._gain(pcm, first, start, end))
        fade = min(_FADE, (right - end) * FRAME)
        piece, tail = pcm[first : first + (end - start) * FRAME].copy(), pcm[first + (end - start) * FRAME :][:fade]
        overlap = min(len(self._tail), len(piece))
        if overlap:
            rising = np.linspace(0, 1, overlap, dtype=np.float32)
            piece[:overlap] = piece[:overlap] * rising + self._tail[:overlap] * (1 - rising)
        self._tail = tail
        return piece, len(frames) / FRAMES_PER_S

    def _shift(self, lead: int, left: int) -> float:
        """Hz to add to the pitch of the margin, so that the source's phase after it is that of the whole clause."""
        pitch = self._said.pitch[0, 0]
        missing = float(pitch[2 * lead : 2 * left].sum(dtype=np.float64)) * _HALF_S % 1.0
        return (missing - round(missing)) / (2 * MARGIN * _HALF_S)

    def _gain(self, pcm: FloatArray, first: int, start: int, end: int) -> float:
        energy = self._said.energy[0, 0, 2 * start : 2 * end]
        loud = np.flatnonzero(energy > _LOUD)
        if not len(loud):
            return 1.0
        power = np.mean(np.square(pcm[first : first + len(energy) * FRAME // 2].reshape(-1, FRAME // 2)), axis=1)
        bias = float(np.mean(np.log(power[loud] + 1e-9) - energy[loud]))
        return self._level.gain(bias, len(loud) * _HALF_S)
