"""Neck, shoulders and clothes. Drawn behind the head, in front of the back hair."""

from __future__ import annotations

from art.brush import Point, Shape, Sheet, blob, mix, spline, stroke_shape, symmetric, taper
from art.look import AXIS, Skin


def draw_neck(sheet: Sheet, skin: Skin, chin: float, width: float = 80, shoulder: float = 852) -> None:
    """Neck with the jaw's shadow on it, collar bones and the upper chest."""
    half = (
        (0, chin - 130),
        (width + 6, chin - 130),
        (width - 2, chin - 20),
        (width - 2, chin + 40),
        (width + 26, chin + 84),
        (190, shoulder + 20),
        (235, 1060),
        (0, 1060),
    )
    shape = symmetric(half, AXIS)
    sheet.gradient(
        shape,
        (AXIS - 110, 0),
        (AXIS + 120, 0),
        [(0, mix(skin.base, skin.light, 0.3)), (0.5, skin.base), (1, mix(skin.base, skin.shade, 0.75))],
    )
    with sheet.clipped(shape):
        for sign, alpha in ((1, 0.6), (-1, 0.35)):
            edge = [
                (AXIS + sign * (width + 2), chin - 60),
                (AXIS + sign * (width - 2), chin + 40),
                (AXIS + sign * (width + 30), chin + 90),
            ]
            sheet.fill(stroke_shape(spline(edge), 36), skin.shade, alpha, blur=13, mode="multiply")
        under = blob(
            [
                (AXIS - 130, chin - 110),
                (AXIS + 140, chin - 110),
                (AXIS + 104, chin + 8),
                (AXIS + 52, chin + 52),
                (AXIS + 4, chin + 58),
                (AXIS - 56, chin + 34),
                (AXIS - 100, chin - 8),
            ]
        )
        sheet.fill(under, skin.deep, 0.62, blur=13, mode="multiply")
        sheet.fill(
            blob(
                [
                    (AXIS - 100, chin - 90),
                    (AXIS + 100, chin - 90),
                    (AXIS + 60, chin + 16),
                    (AXIS, chin + 26),
                    (AXIS - 60, chin + 12),
                ]
            ),
            skin.deep,
            0.5,
            blur=10,
            mode="multiply",
        )
        for sign, alpha in ((-1, 0.32), (1, 0.4)):
            tendon = [
                (AXIS + sign * (width - 10), chin + 20),
                (AXIS + sign * 46, chin + 92),
                (AXIS + sign * 14, chin + 142),
            ]
            sheet.line(tendon, taper(9, 0.1, 0.3), skin.shade, alpha, blur=5, mode="multiply")
            bone = [(AXIS + sign * 20, chin + 146), (AXIS + sign * 84, chin + 126), (AXIS + sign * 190, chin + 112)]
            sheet.line(bone, taper(10, 0.2, 0.2), skin.shade, 0.5, blur=4.5, mode="multiply")
            sheet.line([(x, y - 9) for x, y in bone], taper(8, 0.2, 0.2), skin.light, 0.5, blur=4)
        sheet.glow(AXIS, chin + 146, 22, 17, skin.deep, 0.42, mode="multiply")
        sheet.glow(AXIS - 40, chin + 200, 110, 60, skin.light, 0.4)


def garment(sheet: Sheet, shape: Shape, tones: tuple[str, str, str], folds: list[list[Point]] | None = None) -> None:
    """Cloth lit from the upper left: ``tones`` are dark, middle, light; a fold is a dark line with a light edge."""
    dark, middle, light = tones
    sheet.gradient(
        shape, (220, 800), (820, 1060), [(0, mix(middle, light, 0.55)), (0.45, middle), (1, mix(middle, dark, 0.7))]
    )
    with sheet.clipped(shape):
        for fold in folds or []:
            sheet.line(fold, taper(24, 0.1, 0.1), dark, 0.42, blur=9, mode="multiply")
            sheet.line([(x - 13, y - 3) for x, y in fold], taper(14, 0.1, 0.1), light, 0.4, blur=7)
