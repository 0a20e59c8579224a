"""What makes one person's face: its shape and its colours. The renderer's manifest comes from the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

AXIS = 512.0
LID_SAMPLES = 25
LIP_SAMPLES = 49


@dataclass(frozen=True)
class Skin:
    light: str
    base: str
    shade: str
    deep: str
    blush: str
    lip: str
    lip_dark: str
    lip_light: str


@dataclass(frozen=True)
class EyeShape:
    """The eye on the picture's right; the other one is its mirror image. ``outer`` is away from the nose."""

    offset: float = 89
    y: float = 468
    half_width: float = 54
    upper: float = 29
    lower: float = 16.5
    tilt: float = 5
    """How much higher the outer corner is."""
    iris: float = 28.5
    lash: float = 1.0
    fold: float = 15
    """Distance of the crease above the lid."""

    def lids(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x from the eye's middle (towards outer), and the y of upper and lower lid."""
        u = np.linspace(-1, 1, LID_SAMPLES)
        corners = self.y - self.tilt * u
        upper = (
            corners
            - self.upper
            * np.clip(1 - np.abs(u + 0.06) ** 2.3 / np.where(u < -0.06, 0.94**2.3, 1.06**2.3), 0, 1) ** 0.72
        )
        lower = (
            corners
            + self.lower * np.clip(1 - np.abs(u - 0.12) ** 2.4 / np.where(u > 0.12, 0.88**2.4, 1.12**2.4), 0, 1) ** 0.8
        )
        return u * self.half_width, upper, lower

    def crease(self) -> np.ndarray:
        """The y of the fold above the lid, over the same x."""
        u = np.linspace(-1, 1, LID_SAMPLES)
        return self.lids()[1] - self.fold * np.clip(1 - np.abs(u) ** 2.6, 0, 1) ** 0.6 - 1.5


@dataclass(frozen=True)
class MouthShape:
    y: float = 643
    half_width: float = 72
    upper: float = 17
    lower: float = 24
    smile: float = 11
    """How much higher the corners are at rest."""
    bow: float = 0.24

    def curves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x, then y of the upper lip's upper edge, of the closed line, of the lower lip's lower edge."""
        u = np.linspace(-1, 1, LIP_SAMPLES)
        line = (
            self.y
            - self.smile * u**2
            + 2.2 * np.exp(-((u / 0.22) ** 2))
            - 1.2 * np.exp(-(((np.abs(u) - 0.45) / 0.2) ** 2))
        )
        upper = self.upper * (1 - np.abs(u) ** 1.7) ** 0.95 * (1 - self.bow * np.exp(-((u / 0.12) ** 2)))
        lower = self.lower * (1 - np.abs(u) ** 2.5) ** 1.08
        return AXIS + u * self.half_width, line - upper, line, line + lower


@dataclass(frozen=True)
class Look:
    skin: Skin
    outline: tuple[tuple[float, float], ...]
    """Right half of the face: (distance from the axis, y), from the top down."""
    eye: EyeShape = field(default_factory=EyeShape)
    mouth: MouthShape = field(default_factory=MouthShape)
    iris: tuple[str, str, str] = ("#3b2415", "#7b4a26", "#b98045")
    brow: str = "#4a2f22"
    brow_points: tuple[tuple[float, float], ...] = ((38, 411), (74, 399), (114, 395), (154, 415))
    brow_width: float = 13.5
    lash_color: str = "#2b1a15"
    nose_y: float = 572
    nose_width: float = 41
    ear: tuple[float, float, float] | None = (190, 505, 1.0)
    """Distance from the axis, y and size."""
    age: float = 0.0
    """0 young, 1 old: folds and lines."""
    stubble: str | None = None
    freckles: bool = False
    liner: float = 1.0
    """Strength of lashes and lid line, above 1 is made up."""
