"""Teeth and tongue: what shows between the lips."""

from __future__ import annotations

from art.brush import Sheet, blob, mix, spline, stroke_shape, taper
from art.look import AXIS, Look


def draw_upper_teeth(sheet: Sheet, look: Look) -> None:
    """The upper row; its biting edge lies on the closed line of the lips."""
    y, w = look.mouth.y + 3, look.mouth.half_width
    _teeth(sheet, y, w, (19, 15.5, 15, 12.5, 11, 9), height=24, curve=-7, down=True)


def draw_lower_teeth(sheet: Sheet, look: Look) -> None:
    """The lower row; its upper edge lies on the closed line of the lips."""
    y, w = look.mouth.y + 2, look.mouth.half_width
    _teeth(sheet, y, w, (12, 12.5, 13, 12, 11, 9), height=17, curve=-6, down=False)


def _teeth(
    sheet: Sheet, y: float, w: float, widths: tuple[float, ...], height: float, curve: float, down: bool
) -> None:
    """Teeth side by side from the middle, narrower and darker towards the sides."""
    scale = w * 1.08 / sum(widths)
    gum = y - height if down else y + height
    reach = w * 1.15
    mouthful = blob(
        [
            (AXIS - reach, gum + curve),
            (AXIS, gum),
            (AXIS + reach, gum + curve),
            (AXIS + reach, gum - (60 if down else -60)),
            (AXIS - reach, gum - (60 if down else -60)),
        ]
    )
    sheet.fill(mouthful, "#a85a58", 1.0, blur=1)
    for side in (-1, 1):
        x = 0.0
        for index, size in enumerate(widths):
            width = size * scale
            lift = curve * ((x + width / 2) / w) ** 2
            edge = y + lift - (0.0, 1.6, 0.2, 2.0, 3.0, 4.0)[index] * (1 if down else -0.4)
            root = gum + lift
            x0, x1 = AXIS + side * (x + 0.35), AXIS + side * (x + width - 0.35)
            bulge = width * 0.06
            tooth = blob(
                [
                    (x0, root),
                    ((x0 + x1) / 2, root + (-3 if down else 3)),
                    (x1, root),
                    (x1 + side * bulge * 0.3, (root + edge) / 2),
                    (x1 - side * bulge, edge - (1 if down else -1)),
                    ((x0 + x1) / 2, edge),
                    (x0 + side * bulge, edge - (1 if down else -1)),
                    (x0, (root + edge) / 2),
                ]
            )
            tone = mix("#fbf6ef" if down else "#f0e8e0", "#a98f85", min(0.75, 0.012 * (x + width / 2) ** 1.02))
            sheet.fill(tooth, tone)
            with sheet.clipped(tooth):
                sheet.gradient(
                    tooth, (AXIS, root), (AXIS, edge), [(0, "#c99a90", 0.5), (0.4, tone, 0.0), (1, "#dfe3ea", 0.35)]
                )
                sheet.fill(
                    stroke_shape(spline([(x1, root), (x1, (root + edge) / 2), (x1, edge)]), 2.2),
                    "#9b7f78",
                    0.55,
                    blur=1.1,
                )
            x += width


def draw_tongue(sheet: Sheet, look: Look) -> None:
    """The tongue seen from the front, its tip upwards on the closed line; moved down while it rests."""
    y, w = look.mouth.y, look.mouth.half_width
    shape = blob(
        [
            (AXIS - w * 0.74, y + 62),
            (AXIS - w * 0.7, y + 26),
            (AXIS - w * 0.42, y + 5),
            (AXIS, y),
            (AXIS + w * 0.42, y + 5),
            (AXIS + w * 0.7, y + 26),
            (AXIS + w * 0.74, y + 62),
            (AXIS, y + 110),
        ]
    )
    sheet.gradient(shape, (AXIS, y), (AXIS, y + 70), [(0, "#d9837c"), (0.35, "#c66c67"), (1, "#8a3a3a")])
    with sheet.clipped(shape):
        sheet.line([(AXIS, y + 9), (AXIS + 1, y + 40), (AXIS, y + 80)], taper(7, 0.2, 0.6), "#7a2f30", 0.5, blur=3.4)
        sheet.glow(AXIS - 18, y + 14, 20, 8, "#f2b0a8", 0.7)
        sheet.glow(AXIS + 20, y + 15, 15, 6, "#f2b0a8", 0.4)
