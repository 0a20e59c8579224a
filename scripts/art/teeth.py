"""Teeth and tongue: what shows between the lips."""

from __future__ import annotations

from art.brush import Sheet, blob, spline, stroke_shape, taper
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
    """One bright row with faint joints between its teeth, which sinks into shadow towards the cheeks.

    ``widths`` go from the middle outwards; ``curve`` is how much higher the row ends than it begins.
    """
    scale = w * 1.08 / sum(widths)
    sign = 1 if down else -1
    gum = y - sign * height
    reach = w * 1.15
    mouthful = blob(
        [
            (AXIS - reach, gum + curve),
            (AXIS, gum),
            (AXIS + reach, gum + curve),
            (AXIS + reach, gum - sign * 60),
            (AXIS - reach, gum - sign * 60),
        ]
    )
    sheet.fill(mouthful, "#a85a58", 1.0, blur=1)
    edges, roots, joints = [], [], []
    x = 0.0
    for index, size in enumerate(widths):
        width = size * scale
        lift = curve * ((x + width / 2) / w) ** 2
        edge = y + lift - (0.0, 1.2, 0.2, 1.6, 2.6, 3.6)[index] * (1.0 if down else -0.4)
        notch = edge - sign * (1.1 if index else 0.7)
        edges += [(x + 0.08 * width, notch), (x + 0.28 * width, edge), (x + 0.72 * width, edge)]
        edges.append((x + 0.92 * width, notch))
        roots += [(x + 0.1 * width, gum + lift + sign * 1.5), (x + width / 2, gum + lift - sign * 2)]
        x += width
        joints.append((x, gum + lift, notch))
    outline = [(AXIS - dx, dy) for dx, dy in reversed(edges)] + [(AXIS + dx, dy) for dx, dy in edges]
    outline += [(AXIS + dx, dy) for dx, dy in reversed(roots)] + [(AXIS - dx, dy) for dx, dy in roots]
    row = blob(outline)
    sheet.fill(row, "#fbf5ee" if down else "#f1e9e1")
    with sheet.clipped(row):
        sheet.gradient(row, (AXIS, gum), (AXIS, y), [(0, "#d8a79c", 0.6), (0.35, "#f3e4da", 0.15), (1, "#e4e6ea", 0.3)])
        for at, root, tip in [(0.0, gum, y - sign * 0.7), *joints[:-1]]:
            for side in (-1, 1) if at else (1,):
                line = [(AXIS + side * at, root), (AXIS + side * at, (root + tip) / 2), (AXIS + side * at, tip)]
                sheet.fill(stroke_shape(spline(line), taper(1.5, 0.9, 0.6)), "#a98a80", 0.34, blur=0.6)
        for side in (-1, 1):
            sheet.gradient(
                row,
                (AXIS + side * w * 0.28, y),
                (AXIS + side * w * 1.02, y),
                [(0, "#5a3230", 0.0), (0.55, "#5a3230", 0.22), (1, "#4a2422", 0.72)],
            )


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
