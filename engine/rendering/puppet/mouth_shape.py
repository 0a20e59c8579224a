"""What a mouth looks like for a pose: the curves of its lips, and where teeth and tongue are.

In: poses. Out: small tables over the mouth's width, in output pixels. Pure, no threads.

The closed mouth of the manifest is the rest state. ``u`` runs along the lips: -1 and 1 are the
corners, beyond them is cheek. The coefficients were tuned by eye on a drawn mouth 134 units wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.animation.pose import POSE_CHANNELS
from engine.avatars.folders import PuppetManifest
from engine.items import FloatArray

Array = npt.NDArray[np.float64]

SPAN = 1.9
"""Tables cover ``u`` from -SPAN to SPAN."""

SAMPLES = 384
"""Entries of a table."""


@dataclass(frozen=True, slots=True)
class MouthShape:
    """One mouth. Tables are (SAMPLES,), heights in output pixels of the picture at rest."""

    width: float
    """Half the distance of the corners."""

    upper: Array
    """Upper edge of the upper lip."""

    top: Array
    """Lower edge of the upper lip."""

    bottom: Array
    """Upper edge of the lower lip; ``top`` where the mouth is shut."""

    lower: Array
    """Lower edge of the lower lip."""

    upper_teeth: float
    """Output pixels by which they are below their place at rest; so too ``lower_teeth`` and ``tongue``."""

    lower_teeth: float
    tongue: float
    gap: float
    """Widest opening, output pixels."""


class MouthRest:
    """The closed mouth of an avatar and how far it goes, in output pixels."""

    def __init__(self, manifest: PuppetManifest, size: int) -> None:
        scale = size / manifest.canvas
        mouth, head = manifest.mouth, manifest.head
        x = np.array(mouth.x) * scale
        self.x = float(x[0] + x[-1]) / 2
        self.width = float(x[-1] - x[0]) / 2
        self.u = np.linspace(-SPAN, SPAN, SAMPLES)
        at = (x - self.x) / self.width
        self.upper, self.line, self.lower = (
            np.interp(self.u, at, np.array(curve) * scale) for curve in (mouth.upper, mouth.line, mouth.lower)
        )
        self.y = float(self.line[SAMPLES // 2])
        self.unit = self.width / 67
        """Output pixels per unit of the coefficients: the mouth they were tuned on is 134 units wide."""
        nose_y, chin = (head.nose[1] * scale, head.chin * scale)
        self.ceiling = nose_y + 0.36 * (self.y - nose_y)
        """Above it nothing moves with the lips."""
        self.reach = self.width * 1.6
        """Nothing moves further than this from the middle."""

        self.floor = np.full(SAMPLES, chin - 0.05 * (chin - self.y))
        """Below it nothing moves with the lips, (SAMPLES,)."""
        beyond = np.clip((np.abs(self.u) - 1) / (SPAN - 1), 0, 1)
        self._fade = beyond * beyond * (3 - 2 * beyond)
        self._swelling = 0.95 * np.clip(1 - np.abs(self.u) ** 3.4, 0, 1) ** 0.6

    def shape(self, pose: FloatArray) -> MouthShape:
        """The mouth of one pose, (channels,)."""
        p = dict(zip(POSE_CHANNELS, pose.tolist(), strict=True))
        shut = min(1.0, max(0.0, p["mouth_close"]))
        jaw = min(1.0, max(0.0, p["jaw_open"]))
        funnel, pucker, stretch = p["mouth_funnel"], p["mouth_pucker"], p["mouth_stretch"]
        smile, frown, bite = p["mouth_smile"], p["mouth_frown"], p["lip_bite"]
        raised, lowered = p["upper_lip_up"], p["lower_lip_down"]
        round_ = min(1.0, funnel + pucker)
        width = 1 + 0.15 * stretch + 0.13 * smile - 0.42 * pucker - 0.3 * funnel - 0.06 * jaw * (1 - stretch)
        width = self.width * min(1.3, max(0.5, width))

        free = 1 - shut
        up = free * (5.5 * jaw + 9 * raised + 6.5 * funnel + 4.5 * pucker + 2.5 * stretch + 6.5 * bite)
        down = free * (38 * jaw * (1 - 0.3 * pucker) + 13 * lowered + 8.5 * funnel + 1.5 * pucker + 3.5 * stretch)
        down = down * (1 - 0.85 * bite) - 1.0 * bite * free
        inner = 1 - free * (0.26 * pucker + 0.14 * funnel + 0.04)
        above = self._opening(inner, 0.86 - 0.3 * round_, round_)
        below = self._opening(inner, 0.84 - 0.3 * max(round_, jaw), round_)
        unit = self.unit

        corner = -10 * smile + 8 * frown + free * 7 * jaw * (1 - 0.5 * stretch) - 1.0 * pucker
        middle = 1.5 * smile - 2 * frown - free * 0.5 * raised - 3.0 * bite
        bend = np.minimum(1.0, self.u**2)
        line = self.line + unit * (corner * bend + middle * (1 - bend))
        line = line + np.where(np.abs(self.u) > 1, -unit * corner * self._fade, 0.0)
        # a small mouth is straighter: the wave of the closed line goes with the width
        line = line - (self.line - self.y) * 0.7 * round_ * (1 - bend)

        top = line - unit * up * above
        bottom = np.maximum(top, line + unit * down * below)
        thick = (
            1 + 0.24 * pucker + 0.14 * funnel - 0.12 * stretch - 0.1 * smile - 0.1 * raised - 0.1 * jaw - 0.14 * shut
        )
        full = 1 + 0.2 * pucker + 0.16 * funnel - 0.1 * stretch - 0.06 * smile - 0.06 * jaw - 0.42 * bite - 0.12 * shut
        upper = top - self._rounded(self.line - self.upper, round_) * thick
        lower = bottom + self._rounded(self.lower - self.line, round_) * full
        gap = float((bottom - top).max())
        # rounded lips stand before the teeth, which then hide above and below
        teeth = unit * (2.0 + 3.0 * jaw - 11.0 * pucker - 3.5 * funnel)
        drop = unit * down
        tongue_rest = drop + unit * (3 - 9 * jaw)
        lift = min(1.0, max(0.0, p["tongue_up"]))
        out = min(1.0, max(0.0, p["tongue_out"]))
        tongue = tongue_rest * (1 - lift) + unit * 4.5 * lift
        tongue = tongue * (1 - out) + unit * (1.5 if gap > 0 else 0) * out
        return MouthShape(
            width=width,
            upper=upper,
            top=top,
            bottom=bottom,
            lower=lower,
            upper_teeth=teeth,
            lower_teeth=drop - unit * (4 - 3 * jaw - 12 * pucker - 6 * funnel),
            tongue=min(tongue, drop + unit * 6),
            gap=gap,
        )

    def _opening(self, inner: float, power: float, round_: float) -> Array:
        """(SAMPLES,): height of the opening along the lips, 1 in the middle, 0 from ``inner`` on; squarer for a small
        ``power``."""
        u = np.clip(np.abs(self.u) / inner, 0, 1)
        return np.asarray((1 - u ** (2.2 + 0.8 * round_)) ** power)

    def _rounded(self, thickness: Array, round_: float) -> Array:
        """(SAMPLES,): thickness of the lips; pursed lips (``round_`` 1) are thick almost to the corners."""
        swollen = thickness.max() * self._swelling
        return np.asarray(thickness + (np.maximum(swollen, thickness) - thickness) * 0.95 * round_)
