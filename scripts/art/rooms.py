"""What stands behind a tutor, out of focus."""

from __future__ import annotations

import random

from art.brush import CANVAS, Sheet, blob, ellipse, mix, rectangle, spline, stroke_shape, taper

ALL = rectangle(-60, -60, CANVAS + 60, CANVAS + 60)


def shelf(
    sheet: Sheet,
    x0: float,
    y0: float,
    x1: float,
    rows: int,
    wood: str,
    books: tuple[str, ...],
    seed: int,
    step: float = 170,
) -> None:
    """A bookcase from (x0, y0) to x1, ``rows`` boards with books and a few gaps."""
    chance = random.Random(seed)
    y1 = y0 + rows * step
    sheet.fill(rectangle(x0, y0 - 16, x1, y1), mix(wood, "#000000", 0.45))
    for row in range(rows):
        top, bottom = y0 + row * step, y0 + (row + 1) * step - 14
        sheet.gradient(
            rectangle(x0, top, x1, bottom),
            (0, top),
            (0, bottom),
            [(0, mix(wood, "#000000", 0.62)), (1, mix(wood, "#000000", 0.4))],
        )
        x = x0 + 8
        while x < x1 - 20:
            if chance.random() < 0.12:
                x += chance.uniform(30, 60)
                continue
            width, height = chance.uniform(17, 36), (bottom - top) * chance.uniform(0.62, 0.9)
            tone = chance.choice(books)
            sheet.gradient(
                rectangle(x, bottom - height, min(x + width, x1 - 6), bottom, 3),
                (x, 0),
                (x + width, 0),
                [(0, mix(tone, "#ffffff", 0.12)), (0.4, tone), (1, mix(tone, "#000000", 0.35))],
            )
            if chance.random() < 0.6:
                sheet.fill(
                    rectangle(x + 3, bottom - height * 0.82, min(x + width, x1 - 6) - 3, bottom - height * 0.72),
                    mix(tone, "#fff3d6", 0.6),
                    0.8,
                )
            x += width + 1.5
        sheet.gradient(
            rectangle(x0 - 6, bottom, x1 + 6, bottom + 14),
            (0, bottom),
            (0, bottom + 14),
            [(0, mix(wood, "#ffffff", 0.18)), (1, mix(wood, "#000000", 0.2))],
        )
    for x in (x0 - 8, x1 - 4):
        sheet.fill(rectangle(x, y0 - 18, x + 12, y1 + 10), mix(wood, "#000000", 0.12))


def window(
    sheet: Sheet, x0: float, y0: float, x1: float, y1: float, frame: str, sky: tuple[str, str], leaves: str, seed: int
) -> None:
    """A window with daylight, blurred trees outside and a frame."""
    chance = random.Random(seed)
    pane = rectangle(x0, y0, x1, y1)
    sheet.gradient(pane, (0, y0), (0, y1), [(0, sky[0]), (1, sky[1])])
    with sheet.clipped(pane):
        for _ in range(46):
            x, y = chance.uniform(x0 - 20, x1 + 20), y1 - abs(chance.gauss(0, (y1 - y0) * 0.28))
            r = chance.uniform(22, 60)
            sheet.fill(ellipse(x, y, r, r * 0.8), mix(leaves, sky[0], chance.uniform(0.15, 0.75)), 0.6, blur=9)
        sheet.glow((x0 + x1) / 2 - 30, y0 + 60, 190, 170, "#ffffff", 0.75)
    bars = [
        (x0 - 14, y0 - 14, x0 + 6, y1 + 14),
        (x1 - 6, y0 - 14, x1 + 14, y1 + 14),
        (x0 - 14, y0 - 14, x1 + 14, y0 + 6),
        (x0 - 14, y1 - 6, x1 + 14, y1 + 20),
        ((x0 + x1) / 2 - 8, y0, (x0 + x1) / 2 + 8, y1),
        (x0, y0 + (y1 - y0) * 0.42, x1, y0 + (y1 - y0) * 0.42 + 14),
    ]
    for box in bars:
        sheet.fill(rectangle(*box), frame)
        sheet.fill(rectangle(box[0], box[1], box[0] + 4, box[3]), mix(frame, "#000000", 0.18), 0.7)


def plant(sheet: Sheet, x: float, y: float, size: float, green: str, pot: str, seed: int) -> None:
    """Broad leaves out of a pot whose rim is at (x, y)."""
    chance = random.Random(seed)
    sheet.gradient(
        blob(
            [
                (x - size * 0.32, y),
                (x + size * 0.32, y),
                (x + size * 0.25, y + size * 0.55),
                (x - size * 0.25, y + size * 0.55),
            ]
        ),
        (x - size * 0.3, 0),
        (x + size * 0.3, 0),
        [(0, mix(pot, "#ffffff", 0.2)), (1, mix(pot, "#000000", 0.35))],
    )
    for index in range(17):
        lean = (index / 16 - 0.5) * 2.3 + chance.uniform(-0.15, 0.15)
        length = size * chance.uniform(0.75, 1.25)
        tip = (x + lean * length * 0.75, y - length * (1.1 - 0.35 * abs(lean)))
        bend = (x + lean * length * 0.2, y - length * 0.55)
        tone = mix(green, chance.choice(("#ffffff", "#10301a", "#d8e48a")), chance.uniform(0.05, 0.35))
        sheet.line(
            [(x, y), bend, tip],
            lambda t, s=size: s * 0.24 * (4 * t * (1 - t)) ** 0.8 * min(1, 0.25 + t) + 2,
            tone,
            0.96,
        )
        sheet.line([(x, y), bend, tip], taper(2.4, 1, 0.2), mix(tone, "#ffffff", 0.3), 0.5)


def board(sheet: Sheet, x0: float, y0: float, x1: float, y1: float, slate: str, frame: str, seed: int) -> None:
    """A blackboard with chalk that cannot be read."""
    chance = random.Random(seed)
    sheet.fill(rectangle(x0 - 16, y0 - 16, x1 + 16, y1 + 16, 4), frame)
    sheet.gradient(rectangle(x0, y0, x1, y1), (x0, y0), (x1, y1), [(0, mix(slate, "#ffffff", 0.14)), (1, slate)])
    for row in range(5):
        y = y0 + 46 + row * (y1 - y0 - 60) / 5
        x = x0 + 34
        while x < x1 - 60 - chance.uniform(0, 140):
            width = chance.uniform(16, 54)
            sheet.line(
                [
                    (x, y),
                    (x + width * 0.3, y - chance.uniform(4, 20)),
                    (x + width * 0.6, y + chance.uniform(2, 10)),
                    (x + width, y - 3),
                ],
                4,
                "#eef3ea",
                0.55,
            )
            x += width + chance.uniform(10, 26)


def lamp(sheet: Sheet, x: float, y: float, glow: str) -> None:
    """A warm light out of focus."""
    sheet.glow(x, y, 190, 190, glow, 0.55, mode="screen")
    sheet.fill(
        blob([(x - 34, y - 32), (x + 34, y - 32), (x + 56, y + 40), (x - 56, y + 40)]), mix(glow, "#ffffff", 0.35)
    )
    sheet.fill(stroke_shape(spline([(x, y + 40), (x, y + 120), (x, y + 230)]), 9), "#8b7a60")
