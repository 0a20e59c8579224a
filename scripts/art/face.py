"""The face without hair: skin, nose, ears, lips and the signs of age."""

from __future__ import annotations

import random

import numpy as np
from art import eyes
from art.brush import Sheet, blob, ellipse, mix, outline, spline, stroke_shape, symmetric, taper
from art.look import AXIS, Look


def draw_face(sheet: Sheet, look: Look) -> None:
    if look.ear is not None:
        for side in (-1, 1):
            _ear(sheet, look, side)
    shape = symmetric(look.outline, AXIS)
    skin = look.skin
    left, right = AXIS - look.outline[4][0], AXIS + look.outline[4][0]
    sheet.gradient(
        shape,
        (left, 380),
        (right, 560),
        [(0, mix(skin.base, skin.light, 0.75)), (0.45, skin.base), (1, mix(skin.base, skin.shade, 0.4))],
    )
    with sheet.clipped(shape):
        _modelling(sheet, look)
        _nose(sheet, look)
        for side in (-1, 1):
            eyes.socket(sheet, look, side)
            eyes.lids(sheet, look, side)
        _around_mouth(sheet, look)
        if look.stubble is not None:
            _stubble(sheet, look)
        if look.freckles:
            _freckles(sheet, look)
        _lips(sheet, look)
        if look.age > 0:
            _lines(sheet, look)
    for side in (-1, 1):
        eyes.brow(sheet, look, side)


def _modelling(sheet: Sheet, look: Look) -> None:
    """Light from the upper left of the picture, shade on the right and below, a thin rim of bounced light."""
    skin = look.skin
    chin = look.outline[-1][1]
    edge = stroke_shape(spline([(AXIS + dx, y) for dx, y in look.outline]), 60)
    sheet.fill(edge, skin.shade, 0.62, blur=26, mode="multiply")
    edge = stroke_shape(spline([(AXIS - dx, y) for dx, y in look.outline]), 30)
    sheet.fill(edge, skin.shade, 0.42, blur=18, mode="multiply")
    sheet.glow(AXIS - 35, 330, 175, 95, skin.light, 0.75)
    sheet.glow(AXIS - 96, 560, 84, 62, skin.light, 0.6)
    sheet.glow(AXIS + 96, 558, 74, 54, skin.light, 0.3)
    sheet.glow(AXIS - 8, chin - 38, 58, 34, skin.light, 0.5)
    for side, alpha in ((-1, 0.36), (1, 0.42)):
        sheet.glow(AXIS + side * 112, 572, 92, 62, skin.blush, alpha)
    bottom = stroke_shape(
        spline(
            [
                (AXIS - 150, chin - 82),
                (AXIS - 84, chin - 22),
                (AXIS, chin + 4),
                (AXIS + 84, chin - 22),
                (AXIS + 150, chin - 82),
            ]
        ),
        18,
    )
    sheet.fill(bottom, skin.deep, 0.35, blur=12, mode="multiply")
    rim = stroke_shape(spline([(AXIS + dx - 3, y) for dx, y in look.outline[3:9]]), taper(7, 0.1, 0.1))
    sheet.fill(rim, mix(skin.light, "#ffffff", 0.35), 0.4, blur=3)


def _nose(sheet: Sheet, look: Look) -> None:
    skin, y, w = look.skin, look.nose_y, look.nose_width
    # the side away from the light, from the brow to the wing
    side = blob(
        [
            (AXIS + 30, 430),
            (AXIS + 21, 480),
            (AXIS + 22, 530),
            (AXIS + w * 0.9, y - 12),
            (AXIS + w * 0.6, y + 4),
            (AXIS + 14, y - 24),
            (AXIS + 10, 500),
            (AXIS + 16, 440),
        ]
    )
    sheet.fill(side, skin.shade, 0.36, blur=8, mode="multiply")
    left = stroke_shape(
        spline([(AXIS - 32, 428), (AXIS - 22, 470), (AXIS - 20, 520), (AXIS - w * 0.8, y - 14)]), taper(12)
    )
    sheet.fill(left, skin.shade, 0.2, blur=8, mode="multiply")
    sheet.fill(
        stroke_shape(spline([(AXIS - 5, 432), (AXIS - 6, 480), (AXIS - 5, 540)]), taper(17, 0.3, 0.5)),
        skin.light,
        0.7,
        blur=7,
    )
    sheet.glow(AXIS - 3, y - 17, 25, 22, mix(skin.light, "#ffffff", 0.3), 0.75)
    sheet.glow(AXIS, y - 4, 40, 26, skin.blush, 0.22)
    # wings and the shade under the tip
    for sign, depth in ((-1, 0.5), (1, 0.72)):
        wing = [
            (AXIS + sign * (w - 9), y - 25),
            (AXIS + sign * w, y - 10),
            (AXIS + sign * (w - 4), y + 3),
            (AXIS + sign * (w - 15), y + 5),
        ]
        sheet.line(wing, taper(5, 0.15, 0.3), skin.deep, depth, blur=2.2, mode="multiply")
        nostril = blob(
            [
                (AXIS + sign * 9, y + 3),
                (AXIS + sign * 17, y - 4),
                (AXIS + sign * (w - 15), y - 1),
                (AXIS + sign * 22, y + 6),
            ]
        )
        sheet.fill(nostril, mix(skin.deep, "#2a0f0a", 0.5), 0.78, blur=1.8)
    under = blob(
        [
            (AXIS - w + 8, y + 3),
            (AXIS, y + 11),
            (AXIS + w - 8, y + 3),
            (AXIS + 22, y + 15),
            (AXIS, y + 20),
            (AXIS - 22, y + 15),
        ]
    )
    sheet.fill(under, skin.deep, 0.36, blur=6, mode="multiply")
    sheet.line(
        [(AXIS - 10, y + 6), (AXIS, y + 9), (AXIS + 10, y + 6)],
        taper(3.4, 0.1, 0.1),
        skin.deep,
        0.5,
        blur=1.5,
        mode="multiply",
    )


def _around_mouth(sheet: Sheet, look: Look) -> None:
    skin, mouth = look.skin, look.mouth
    sheet.fill(
        blob(
            [
                (AXIS - 8, look.nose_y + 20),
                (AXIS + 8, look.nose_y + 20),
                (AXIS + 11, mouth.y - 20),
                (AXIS - 11, mouth.y - 20),
            ]
        ),
        skin.shade,
        0.3,
        blur=5,
        mode="multiply",
    )
    sheet.glow(AXIS, mouth.y + mouth.lower + 13, 56, 16, skin.deep, 0.5, mode="multiply")
    for side in (-1, 1):
        x = AXIS + side * (mouth.half_width + 5)
        sheet.glow(x, mouth.y - mouth.smile + 1, 14, 10, skin.deep, 0.34, mode="multiply")
        fold = [
            (AXIS + side * (look.nose_width + 6), look.nose_y - 4),
            (AXIS + side * (mouth.half_width + 2), mouth.y - 44),
            (AXIS + side * (mouth.half_width + 20), mouth.y - 10),
        ]
        sheet.line(fold, taper(9, 0.2, 0.05), skin.shade, 0.16 + 0.6 * look.age, blur=5, mode="multiply")


def _lips(sheet: Sheet, look: Look) -> None:
    skin = look.skin
    x, top, line, bottom = look.mouth.curves()
    y = look.mouth.y
    upper = outline([*zip(x, top, strict=True), *list(zip(x, line + 0.6, strict=True))[::-1]])
    lower = outline([*zip(x, line - 0.6, strict=True), *list(zip(x, bottom, strict=True))[::-1]])
    sheet.fill(upper, skin.lip, 0.55, blur=1.6)
    sheet.fill(lower, skin.lip, 0.5, blur=1.8)
    sheet.gradient(
        upper,
        (AXIS, y - look.mouth.upper - 4),
        (AXIS, y + 2),
        [(0, mix(skin.lip, skin.lip_dark, 0.12)), (0.6, mix(skin.lip, skin.lip_dark, 0.3)), (1, skin.lip_dark)],
    )
    sheet.gradient(
        lower,
        (AXIS, y),
        (AXIS, y + look.mouth.lower + 2),
        [
            (0, mix(skin.lip, skin.lip_dark, 0.55)),
            (0.25, skin.lip),
            (0.6, mix(skin.lip, skin.lip_light, 0.45)),
            (1, mix(skin.lip, skin.lip_dark, 0.2)),
        ],
    )
    with sheet.clipped(lower):
        sheet.glow(AXIS - 15, y + look.mouth.lower * 0.52, 30, 6.5, skin.lip_light, 0.85)
        sheet.glow(AXIS + 19, y + look.mouth.lower * 0.52, 20, 5, skin.lip_light, 0.5)
        for side in (-1, 1):
            sheet.glow(AXIS + side * look.mouth.half_width, y - 4, 30, 22, skin.lip_dark, 0.55)
    with sheet.clipped(upper):
        sheet.glow(AXIS - 18, y - look.mouth.upper * 0.75, 20, 5, skin.lip_light, 0.5)
        for side in (-1, 1):
            sheet.glow(AXIS + side * look.mouth.half_width, y - 4, 30, 22, skin.lip_dark, 0.5)
    rim = [*zip(x[6:-6], top[6:-6] - 1.6, strict=True)]
    sheet.fill(stroke_shape(spline(rim), taper(2.6, 0.1, 0.1)), skin.light, 0.4, blur=1.2)
    closed = list(zip(x, line, strict=True))
    sheet.fill(
        stroke_shape(spline(closed), lambda t: 1.1 + 1.7 * min(1.0, 6 * t * (1 - t))),
        mix(skin.lip_dark, "#30100e", 0.55),
        0.85,
        blur=0.7,
    )


def _ear(sheet: Sheet, look: Look, side: int) -> None:
    assert look.ear is not None
    skin, (dx, y, s) = look.skin, look.ear

    def at(px: float, py: float) -> tuple[float, float]:
        return AXIS + side * (dx + px * s), y + py * s

    shape = blob([at(-14, -42), at(6, -58), at(27, -50), at(33, -20), at(24, 14), at(13, 46), at(-2, 56), at(-14, 40)])
    shade = 0.25 if side < 0 else 0.5
    sheet.fill(shape, mix(skin.base, skin.shade, shade))
    with sheet.clipped(shape):
        sheet.line(
            [at(-2, -36), at(12, -46), at(22, -34), at(22, -8), at(12, 18)],
            taper(8 * s, 0.4, 0.3),
            skin.deep,
            0.6,
            blur=3,
            mode="multiply",
        )
        sheet.fill(
            blob([at(-6, -16), at(8, -20), at(10, 6), at(0, 22), at(-10, 10)]), skin.deep, 0.55, blur=5, mode="multiply"
        )
        sheet.line([at(8, -53), at(28, -42), at(30, -18), at(22, 14)], taper(4 * s), skin.light, 0.55, blur=1.6)
        sheet.glow(*at(4, 40), 14, 16, skin.blush, 0.5)


def _stubble(sheet: Sheet, look: Look) -> None:
    """The shadow of a shaved beard, or a short one."""
    assert look.stubble is not None
    mouth, chin = look.mouth, look.outline[-1][1]
    jaw = [
        (AXIS + side * dx, y)
        for side in (1, -1)
        for dx, y in (look.outline if side == 1 else look.outline[::-1])
        if y > 560
    ]
    sheet.fill(
        outline([*jaw, (AXIS - 150, 590), (AXIS - 92, 640), (AXIS, mouth.y - 20), (AXIS + 92, 640), (AXIS + 150, 590)]),
        look.stubble,
        0.2,
        blur=18,
        mode="multiply",
    )
    sheet.glow(AXIS, mouth.y - 34, 70, 22, look.stubble, 0.3, mode="multiply")
    chance = random.Random(3)
    for _ in range(2600):
        x, y = chance.gauss(0, 95), chance.uniform(560, chin + 4)
        lip = abs(x) < mouth.half_width + 8 and mouth.y - 26 < y < mouth.y + mouth.lower + 8
        cheek = y < mouth.y - 20 - 0.1 * abs(x) + 0.0035 * x * x * -1 + 18 and not (abs(x) < 66 and y > mouth.y - 52)
        if lip or cheek:
            continue
        sheet.line([(AXIS + x, y), (AXIS + x + 0.4, y + 2), (AXIS + x + 0.8, y + 4)], 0.9, look.stubble, 0.28)


def _freckles(sheet: Sheet, look: Look) -> None:
    chance = random.Random(5)
    for _ in range(70):
        x, y = chance.choice((-1, 1)) * abs(chance.gauss(72, 36)), chance.gauss(535, 20)
        sheet.fill(
            ellipse(AXIS + x, y, chance.uniform(0.9, 2), chance.uniform(0.9, 1.8)),
            look.skin.deep,
            chance.uniform(0.12, 0.3),
            blur=0.7,
        )


def _lines(sheet: Sheet, look: Look) -> None:
    skin, eye = look.skin, look.eye
    for side in (-1, 1):
        x = AXIS + side * (eye.offset + eye.half_width)
        for k, angle in enumerate((-16, 4, 24)):
            a = np.deg2rad(angle)
            start = (x + side * 8, eye.y - 6 + 7 * k)
            end = (start[0] + side * 25 * np.cos(a), start[1] + 25 * np.sin(a))
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 2)
            sheet.line([start, middle, end], taper(2.6, 0.3, 0.1), skin.deep, 0.4 * look.age, blur=1.2, mode="multiply")
    for k, y in enumerate((308, 334)):
        sheet.line(
            [(AXIS - 90 + 12 * k, y + 4), (AXIS - 30, y), (AXIS + 40, y + 1), (AXIS + 88 - 12 * k, y + 5)],
            taper(3.2, 0.1, 0.1),
            skin.deep,
            0.3 * look.age,
            blur=1.8,
            mode="multiply",
        )
