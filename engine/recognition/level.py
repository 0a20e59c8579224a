"""Automatic gain for the voice detector. Pure: peaks in, gains out; one object per microphone, nothing to stop."""

from __future__ import annotations


class LevelFollower:
    """Raises quiet microphones to the level at which the model works well. Never attenuates.

    The gain follows the loudest recent peak: it drops at once when something louder comes, so that nothing
    clips, and rises slowly.
    """

    TARGET_PEAK = 0.3
    QUIETEST_PEAK = 0.02
    """Limits the gain to 15 (24 dB), so that the noise of a room is not amplified until it is taken for speech."""

    RELEASE_PER_FRAME = 0.9968
    """Halves the remembered peak in about 7 s."""

    def __init__(self) -> None:
        self._peak = self.QUIETEST_PEAK

    def gain(self, peak: float) -> float:
        """The gain, 1..15, for a frame with this absolute peak. Call once for each frame, in order."""
        self._peak = max(peak, self._peak * self.RELEASE_PER_FRAME, self.QUIETEST_PEAK)
        return max(1.0, self.TARGET_PEAK / self._peak)
