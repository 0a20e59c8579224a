"""Voices that the detector does not know: sound that lasts is recognised on suspicion, and believed by its words. Pure.

The detector has learned adult voices. A falsetto, singing or a small child may reach only 0.2 to 0.6 and would never be
heard. A fan, music and coughs stay below 0.15 in nine frames of ten. So a sound well above the room that the detector
doubts, but does not rule out, for half a second on end counts as speech from then on. Whether it was is left to the
recognizer: without believable words there is no user turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.items import VAD_FRAME_MS, FloatArray

DOUBT = 0.15
"""P(speech) that is no certain silence. Fans, white noise, a melody and coughs reach it in at most 10 % of frames."""

LASTS_MS = 480.0
"""A judgement: longer than a cough, shorter than a question."""

LOUDER = 4.0
"""Times the room's level (12 dB)."""

KNOWN_SHARE = 0.25
"""A voice that the detector is certain of in more of its frames needs no help, and its end no delay."""

GAP_FRAMES = 3
"""As many frames in a row without doubt end the suspicion: a plosive is shorter."""

ROOM_RISE = 1.01
"""The room's level may rise by so much a frame: 12 dB in 4.5 s. It falls at once."""

QUIETEST = 1e-4
"""Room level at the least, RMS: -80 dBFS."""


class DoubtfulVoice:
    """Raises the probability of sound that lasts.

    Args:
        certain: P(speech) from which speech begins; what doubtful sound is raised to.
    """

    def __init__(self, certain: float) -> None:
        self._certain = certain
        self._room = 1.0
        self._lasted = self._known = self._gap = 0

    @property
    def suspicious(self) -> bool:
        """Sound has lasted long enough to be recognised, though the detector is seldom certain of it."""
        return self._lasted * VAD_FRAME_MS >= LASTS_MS and self._known <= KNOWN_SHARE * self._lasted

    def feed(self, pcm: FloatArray, probability: float, *, tutor_speaks: bool) -> float:
        """P(speech) of the next frame, raised where it is suspicious.

        Args:
            pcm: (512,) the frame.
            probability: of the detector.
            tutor_speaks: what is doubtful then is the tutor's own voice from a loudspeaker.
        """
        level = float(np.sqrt(np.mean(pcm**2)))
        self._room = max(QUIETEST, min(level, self._room * ROOM_RISE))
        if tutor_speaks:
            self._lasted = self._known = self._gap = 0
            return probability
        if probability >= DOUBT and level >= LOUDER * self._room:
            self._lasted, self._gap = self._lasted + 1, 0
            self._known += probability >= self._certain
        else:
            self._gap += 1
            if self._gap >= GAP_FRAMES:
                self._lasted = self._known = 0
        return self.raised(probability)

    def raised(self, probability: float) -> float:
        """What ``probability`` of this frame, or of one just before, counts for now."""
        return max(probability, self._certain) if self.suspicious and probability >= DOUBT else probability

    def all_raised(self, probabilities: Sequence[float] | FloatArray) -> FloatArray:
        """The same for many frames."""
        return np.array([self.raised(float(probability)) for probability in probabilities], np.float32)
