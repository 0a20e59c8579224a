"""The face without hair: skin, nose, ears, brows, lids with lashes, lips; and what lies behind lids and lips."""

from __future__ import annotations

import random

import numpy as np
from art.brush import Sheet, blob, ellipse, mix, outline, spline, stroke_shape, symmetric, taper
from art.look import AXIS, Look


def draw_face(sheet: Sheet, look: Look) -> None:
    if look.ear is not None:
        for side in (-1, 1):
            _ear(sheet, look, side)
    shape = symmetric(look.outline, AXIS)
    skin = look.skin
    left, right = AXIS - look.outline[4][0], AXIS + look.outline[4][0]
    sheet.gradient(shape, (left, 380), (right, 560), [(0, mix(skin.base, skin.light, 0.75)), (0.45, skin.base), (1, mix(skin.base, skin.shade, 0.4))])
    with sheet.clipped(shape):
        _modelling(sheet, look)
        _nose(sheet, look)
        for side in (-1, 1):
            _socket(sheet, look, side)
            _lids(sheet, look, side)
        _around_mouth(sheet, look)
        if look.stubble is not None:
            _stubble(sheet, look)
        if look.freckles:
            _freckles(sheet, look)
        _lips(sheet, look)
        if look.age > 0:
            _lines(sheet, look)
    for side in (-1, 1):
        _brow(sheet, look, side)


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
    bottom = stroke_shape(spline([(AXIS - 150, chin - 82), (AXIS - 84, chin - 22), (AXIS, chin + 4), (AXIS + 84, chin - 22), (AXIS + 150, chin - 82)]), 18)
    sheet.fill(bottom, skin.deep, 0.35, blur=12, mode="multiply")
    rim = stroke_shape(spline([(AXIS + dx - 3, y) for dx, y in look.outline[3:9]]), taper(7, 0.1, 0.1))
    sheet.fill(rim, mix(skin.light, "#ffffff", 0.35), 0.4, blur=3)


def _nose(sheet: Sheet, look: Look) -> None:
    skin, y, w = look.skin, look.nose_y, look.nose_width
    # the side away from the light, from the brow to the wing
    side = blob([(AXIS + 30, 430), (AXIS + 21, 480), (AXIS + 22, 530), (AXIS + w * 0.9, y - 12), (AXIS + w * 0.6, y + 4), (AXIS + 14, y - 24), (AXIS + 10, 500), (AXIS + 16, 440)])
    sheet.fill(side, skin.shade, 0.36, blur=8, mode="multiply")
    left = stroke_shape(spline([(AXIS - 32, 428), (AXIS - 22, 470), (AXIS - 20, 520), (AXIS - w * 0.8, y - 14)]), taper(12))
    sheet.fill(left, skin.shade, 0.2, blur=8, mode="multiply")
    sheet.fill(stroke_shape(spline([(AXIS - 5, 432), (AXIS - 6, 480), (AXIS - 5, 540)]), taper(17, 0.3, 0.5)), skin.light, 0.7, blur=7)
    sheet.glow(AXIS - 3, y - 17, 25, 22, mix(skin.light, "#ffffff", 0.3), 0.75)
    sheet.glow(AXIS, y - 4, 40, 26, skin.blush, 0.22)
    # wings and the shade under the tip
    for sign, depth in ((-1, 0.5), (1, 0.72)):
        wing = [(AXIS + sign * (w - 9), y - 25), (AXIS + sign * w, y - 10), (AXIS + sign * (w - 4), y + 3), (AXIS + sign * (w - 15), y + 5)]
        sheet.line(wing, taper(5, 0.15, 0.3), skin.deep, depth, blur=2.2, mode="multiply")
        nostril = blob([(AXIS + sign * 9, y + 3), (AXIS + sign * 17, y - 4), (AXIS + sign * (w - 15), y - 1), (AXIS + sign * 22, y + 6)])
        sheet.fill(nostril, mix(skin.deep, "#2a0f0a", 0.5), 0.78, blur=1.8)
    under = blob([(AXIS - w + 8, y + 3), (AXIS, y + 11), (AXIS + w - 8, y + 3), (AXIS + 22, y + 15), (AXIS, y + 20), (AXIS - 22, y + 15)])
    sheet.fill(under, skin.deep, 0.36, blur=6, mode="multiply")
    sheet.line([(AXIS - 10, y + 6), (AXIS, y + 9), (AXIS + 10, y + 6)], taper(3.4, 0.1, 0.1), skin.deep, 0.5, blur=1.5, mode="multiply")


def _socket(sheet: Sheet, look: Look, side: int) -> None:
    skin, eye = look.skin, look.eye
    x = AXIS + side * eye.offset
    sheet.glow(x - side * 34, eye.y - 26, 50, 36, skin.shade, 0.62, mode="multiply")
    sheet.glow(x + side * 8, eye.y - 36, 78, 34, skin.shade, 0.4, mode="multiply")
    sheet.glow(x, eye.y + 10, 80, 44, skin.shade, 0.3, mode="multiply")
    sheet.glow(x + side * 26, eye.y - 52, 46, 16, skin.light, 0.55)
    bag = [(x - side * 44, eye.y + 20), (x - side * 8, eye.y + 34), (x + side * 36, eye.y + 25)]
    sheet.line(bag, taper(6, 0.1, 0.1), skin.shade, 0.35 + 0.4 * look.age, blur=4, mode="multiply")


def _lids(sheet: Sheet, look: Look, side: int) -> None:
    """Lid skin, crease, the dark line of lashes, lashes, waterline and corner."""
    skin, eye = look.skin, look.eye
    dx, upper, lower = eye.lids()
    x = AXIS + side * (eye.offset + dx)
    top, low = list(zip(x, upper, strict=True)), list(zip(x, lower, strict=True))
    opening = outline([*top, *low[::-1]])
    sheet.fill(opening, mix(skin.deep, "#3a1d16", 0.4), 1.0)
    # inner corner
    sheet.fill(ellipse(float(x[1]) + side * 1.5, float(upper[0] + 0.5), 6, 3.6), mix(skin.blush, "#c0564f", 0.35), 0.95, blur=1)
    # lid between crease and lashes
    crease = list(zip(x, eye.crease(), strict=True))
    lid = outline([*top, *crease[::-1]])
    sheet.fill(lid, mix(skin.base, skin.shade, 0.55), 0.75, blur=2)
    with sheet.clipped(lid):
        sheet.glow(float(x[11]), float(upper[11]) - eye.fold * 0.45, 30, 8, skin.light, 0.7)
    sheet.fill(stroke_shape(spline(crease), taper(4.4, 0.2, 0.25)), skin.deep, 0.62, blur=1.3, mode="multiply")
    sheet.fill(stroke_shape(spline(crease), taper(11, 0.1, 0.2)), skin.shade, 0.4, blur=5, mode="multiply")
    # waterline and lower lashes
    sheet.fill(stroke_shape(spline([(a, b + 2.2) for a, b in low[2:]]), 3.6), mix(skin.blush, "#ffe9e0", 0.45), 0.85, blur=0.8)
    sheet.fill(stroke_shape(spline([(a, b + 4.6) for a, b in low[3:]]), taper(2.8, 0.1, 0.8)), mix(skin.deep, look.lash_color, 0.5), 0.55 * min(1, look.liner), blur=0.9)


def draw_lashes(sheet: Sheet, look: Look) -> None:
    """The upper lashes and the dark edge they grow from; the renderer folds them with the lid."""
    for side in (-1, 1):
        dx, upper, _ = look.eye.lids()
        _lashes(sheet, look, side, AXIS + side * (look.eye.offset + dx), upper)


def _lashes(sheet: Sheet, look: Look, side: int, x: np.ndarray, upper: np.ndarray) -> None:
    u = np.linspace(-1, 1, len(x))
    thick = (2.4 + 4.2 * np.clip((u + 1) / 1.5, 0, 1) ** 1.2) * (0.72 + 0.28 * look.liner)
    thick[-2:] *= (0.75, 0.4)
    wing = [(float(x[-1] + side * 4 * look.liner), float(upper[-1] - 3.2 * look.liner))]
    band = [*zip(x, upper + 0.8, strict=True), *wing, *list(zip(x, upper - thick, strict=True))[::-1]]
    sheet.fill(outline(band), look.lash_color, 0.96, blur=0.5)
    chance = random.Random(7)
    for index in range(int(10 + 12 * look.liner)):
        at = -0.55 + 1.5 * index / (9 + 12 * look.liner)
        px = float(np.interp(at, u, side * x)) * side
        py = float(np.interp(at, u, upper))
        length = (4 + 7.5 * max(0.0, at + 0.4)) * look.eye.lash * (0.8 + 0.3 * chance.random())
        lean = side * (0.1 + 0.62 * at) * length
        curve = [(px, py), (px + lean * 0.3, py - length * 0.75), (px + lean * 1.1, py - length * 1.15)]
        sheet.line(curve, taper(2.3, 1.0, 0.05), look.lash_color, 0.9)


def _brow(sheet: Sheet, look: Look, side: int) -> None:
    """A soft body and hairs that follow it, upwards near the nose and outwards at the tail."""
    points = np.asarray(spline([(AXIS + side * dx, y) for dx, y in look.brow_points], 24))
    width = look.brow_width

    def thickness(t: float) -> float:
        return width * min(1.0, 0.62 + t * 1.3) * min(1.0, 0.12 + 1.5 * (1 - t))

    sheet.fill(stroke_shape(list(map(tuple, points)), lambda t: thickness(t) * 0.92), look.brow, 0.5, blur=2.6)
    sheet.fill(stroke_shape(list(map(tuple, points[6:])), lambda t: thickness(0.1 + 0.9 * t) * 0.62), look.brow, 0.55, blur=1.2)
    chance = random.Random(11)
    for _ in range(110):
        t = chance.random()
        index = int(t * (len(points) - 1))
        across = chance.uniform(-0.42, 0.42) * thickness(t)
        start = points[index] + (chance.uniform(-1, 1), across)
        length = width * chance.uniform(0.5, 0.85) * (1 - 0.35 * t)
        angle = np.deg2rad(66 - 64 * min(1.0, t * 1.6) + chance.uniform(-8, 8))
        slope = (points[min(index + 3, len(points) - 1)] - points[max(index - 3, 0)])
        slope = slope / np.hypot(*slope)
        up = np.array([0.0, -1.0])
        direction = slope * np.cos(angle) + up * np.sin(angle) * (1 if across > -0.1 * width else 0.35)
        end = start + direction * length
        sheet.line([tuple(start), tuple((start + end) / 2 + (0, -0.6)), tuple(end)], taper(1.7, 0.7, 0.1), look.brow, chance.uniform(0.25, 0.55))


def _around_mouth(sheet: Sheet, look: Look) -> None:
    skin, mouth = look.skin, look.mouth
    sheet.fill(blob([(AXIS - 8, look.nose_y + 20), (AXIS + 8, look.nose_y + 20), (AXIS + 11, mouth.y - 20), (AXIS - 11, mouth.y - 20)]), skin.shade, 0.3, blur=5, mode="multiply")
    sheet.glow(AXIS, mouth.y + mouth.lower + 13, 56, 16, skin.deep, 0.5, mode="multiply")
    for side in (-1, 1):
        x = AXIS + side * (mouth.half_width + 5)
        sheet.glow(x, mouth.y - mouth.smile + 1, 14, 10, skin.deep, 0.34, mode="multiply")
        fold = [(AXIS + side * (look.nose_width + 6), look.nose_y - 4), (AXIS + side * (mouth.half_width + 2), mouth.y - 44), (AXIS + side * (mouth.half_width + 20), mouth.y - 10)]
        sheet.line(fold, taper(9, 0.2, 0.05), skin.shade, 0.16 + 0.6 * look.age, blur=5, mode="multiply")


def _lips(sheet: Sheet, look: Look) -> None:
    skin = look.skin
    x, top, line, bottom = look.mouth.curves()
    y = look.mouth.y
    upper = outline([*zip(x, top, strict=True), *list(zip(x, line + 0.6, strict=True))[::-1]])
    lower = outline([*zip(x, line - 0.6, strict=True), *list(zip(x, bottom, strict=True))[::-1]])
    sheet.fill(upper, skin.lip, 0.55, blur=1.6)
    sheet.fill(lower, skin.lip, 0.5, blur=1.8)
    sheet.gradient(upper, (AXIS, y - look.mouth.upper - 4), (AXIS, y + 2), [(0, mix(skin.lip, skin.lip_dark, 0.12)), (0.6, mix(skin.lip, skin.lip_dark, 0.3)), (1, skin.lip_dark)])
    sheet.gradient(lower, (AXIS, y), (AXIS, y + look.mouth.lower + 2), [(0, mix(skin.lip, skin.lip_dark, 0.55)), (0.25, skin.lip), (0.6, mix(skin.lip, skin.lip_light, 0.45)), (1, mix(skin.lip, skin.lip_dark, 0.2))])
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
    sheet.fill(stroke_shape(spline(closed), lambda t: 1.1 + 1.7 * min(1.0, 6 * t * (1 - t))), mix(skin.lip_dark, "#30100e", 0.55), 0.85, blur=0.7)


def _ear(sheet: Sheet, look: Look, side: int) -> None:
    assert look.ear is not None
    skin, (dx, y, s) = look.skin, look.ear

    def at(px: float, py: float) -> tuple[float, float]:
        return AXIS + side * (dx + px * s), y + py * s

    shape = blob([at(-14, -42), at(6, -58), at(27, -50), at(33, -20), at(24, 14), at(13, 46), at(-2, 56), at(-14, 40)])
    shade = 0.25 if side < 0 else 0.5
    sheet.fill(shape, mix(skin.base, skin.shade, shade))
    with sheet.clipped(shape):
        sheet.line([at(-2, -36), at(12, -46), at(22, -34), at(22, -8), at(12, 18)], taper(8 * s, 0.4, 0.3), skin.deep, 0.6, blur=3, mode="multiply")
        sheet.fill(blob([at(-6, -16), at(8, -20), at(10, 6), at(0, 22), at(-10, 10)]), skin.deep, 0.55, blur=5, mode="multiply")
        sheet.line([at(8, -53), at(28, -42), at(30, -18), at(22, 14)], taper(4 * s), skin.light, 0.55, blur=1.6)
        sheet.glow(*at(4, 40), 14, 16, skin.blush, 0.5)


def _stubble(sheet: Sheet, look: Look) -> None:
    """The shadow of a shaved beard, or a short one."""
    assert look.stubble is not None
    mouth, chin = look.mouth, look.outline[-1][1]
    jaw = [(AXIS + side * dx, y) for side in (1, -1) for dx, y in (look.outline if side == 1 else look.outline[::-1]) if y > 560]
    sheet.fill(outline([*jaw, (AXIS - 150, 590), (AXIS - 92, 640), (AXIS, mouth.y - 20), (AXIS + 92, 640), (AXIS + 150, 590)]), look.stubble, 0.2, blur=18, mode="multiply")
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
        sheet.fill(ellipse(AXIS + x, y, chance.uniform(0.9, 2), chance.uniform(0.9, 1.8)), look.skin.deep, chance.uniform(0.12, 0.3), blur=0.7)


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
        sheet.line([(AXIS - 90 + 12 * k, y + 4), (AXIS - 30, y), (AXIS + 40, y + 1), (AXIS + 88 - 12 * k, y + 5)], taper(3.2, 0.1, 0.1), skin.deep, 0.3 * look.age, blur=1.8, mode="multiply")


def draw_eyeballs(sheet: Sheet, look: Look) -> None:
    """White, iris, pupil and lights of both eyes, looking straight ahead, larger than the openings."""
    eye = look.eye
    dark, middle, light = look.iris
    for side in (-1, 1):
        x, y, r = AXIS + side * eye.offset, eye.y - 4.0, eye.iris
        ball = ellipse(x, y + 4, eye.half_width * 1.55, eye.half_width * 1.3)
        sheet.radial(ball, (x - 4, y + 2), eye.half_width * 1.25, [(0, "#fbf7f3"), (0.6, "#f4ece7"), (0.82, "#ddcdc6"), (1, "#b99d95")], squash=0.8)
        iris = ellipse(x, y, r, r)
        sheet.fill(ellipse(x, y, r + 1, r + 1), mix(dark, "#c9b8ae", 0.35), 0.5, blur=1.6)
        sheet.gradient(iris, (x, y - r), (x, y + r), [(0, mix(dark, "#000000", 0.25)), (0.45, middle), (1, light)])
        with sheet.clipped(iris):
            chance = random.Random(2)
            for k in range(56):
                a = 2 * np.pi * k / 56 + chance.uniform(-0.04, 0.04)
                inner, outer = r * chance.uniform(0.42, 0.5), r * chance.uniform(0.72, 0.95)
                tone = light if chance.random() < 0.55 else dark
                sheet.line([(x + inner * np.cos(a), y + inner * np.sin(a)), (x + (inner + outer) / 2 * np.cos(a + 0.02), y + (inner + outer) / 2 * np.sin(a + 0.02)), (x + outer * np.cos(a), y + outer * np.sin(a))], taper(1.5, 0.6, 0.1), tone, 0.45)
            ring = outline([*map(tuple, _circle(x, y, r + 2)), *map(tuple, _circle(x, y, r - 3.2)[::-1])])
            sheet.fill(ring, mix(dark, "#000000", 0.35), 0.8, blur=1.6)
            sheet.glow(x + 4, y + r * 0.55, r * 0.7, r * 0.45, mix(light, "#ffffff", 0.25), 0.55)
        sheet.fill(ellipse(x, y, r * 0.45, r * 0.45), "#0d0706", 1.0, blur=0.7)
        sheet.fill(ellipse(x - r * 0.32, y - r * 0.36, r * 0.22, r * 0.24), "#ffffff", 0.97, blur=0.5)
        sheet.fill(ellipse(x + r * 0.34, y + r * 0.38, r * 0.11, r * 0.11), "#ffffff", 0.55, blur=0.8)


def _circle(x: float, y: float, r: float) -> np.ndarray:
    a = np.linspace(0, 2 * np.pi, 64)
    return np.stack([x + r * np.cos(a), y + r * np.sin(a)], 1)


def draw_upper_teeth(sheet: Sheet, look: Look) -> None:
    """The upper row; its biting edge lies on the closed line of the lips."""
    y, w = look.mouth.y + 3, look.mouth.half_width
    _teeth(sheet, y, w, (19, 15.5, 15, 12.5, 11, 9), height=24, curve=-7, down=True)


def draw_lower_teeth(sheet: Sheet, look: Look) -> None:
    """The lower row; its upper edge lies on the closed line of the lips."""
    y, w = look.mouth.y + 2, look.mouth.half_width
    _teeth(sheet, y, w, (12, 12.5, 13, 12, 11, 9), height=17, curve=-6, down=False)


def _teeth(sheet: Sheet, y: float, w: float, widths: tuple[float, ...], height: float, curve: float, down: bool) -> None:
    """Teeth side by side from the middle, narrower and darker towards the sides."""
    scale = w * 1.08 / sum(widths)
    gum = y - height if down else y + height
    reach = w * 1.15
    mouthful = blob([(AXIS - reach, gum + curve), (AXIS, gum), (AXIS + reach, gum + curve), (AXIS + reach, gum - (60 if down else -60)), (AXIS - reach, gum - (60 if down else -60))])
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
            tooth = blob([(x0, root), ((x0 + x1) / 2, root + (-3 if down else 3)), (x1, root), (x1 + side * bulge * 0.3, (root + edge) / 2), (x1 - side * bulge, edge - (1 if down else -1)), ((x0 + x1) / 2, edge), (x0 + side * bulge, edge - (1 if down else -1)), (x0, (root + edge) / 2)])
            tone = mix("#fbf6ef" if down else "#f0e8e0", "#a98f85", min(0.75, 0.012 * (x + width / 2) ** 1.02))
            sheet.fill(tooth, tone)
            with sheet.clipped(tooth):
                sheet.gradient(tooth, (AXIS, root), (AXIS, edge), [(0, "#c99a90", 0.5), (0.4, tone, 0.0), (1, "#dfe3ea", 0.35)])
                sheet.fill(stroke_shape(spline([(x1, root), (x1, (root + edge) / 2), (x1, edge)]), 2.2), "#9b7f78", 0.55, blur=1.1)
            x += width


def draw_tongue(sheet: Sheet, look: Look) -> None:
    """The tongue seen from the front, its tip upwards on the closed line; moved down while it rests."""
    y, w = look.mouth.y, look.mouth.half_width
    shape = blob([(AXIS - w * 0.74, y + 62), (AXIS - w * 0.7, y + 26), (AXIS - w * 0.42, y + 5), (AXIS, y), (AXIS + w * 0.42, y + 5), (AXIS + w * 0.7, y + 26), (AXIS + w * 0.74, y + 62), (AXIS, y + 110)])
    sheet.gradient(shape, (AXIS, y), (AXIS, y + 70), [(0, "#d9837c"), (0.35, "#c66c67"), (1, "#8a3a3a")])
    with sheet.clipped(shape):
        sheet.line([(AXIS, y + 9), (AXIS + 1, y + 40), (AXIS, y + 80)], taper(7, 0.2, 0.6), "#7a2f30", 0.5, blur=3.4)
        sheet.glow(AXIS - 18, y + 14, 20, 8, "#f2b0a8", 0.7)
        sheet.glow(AXIS + 20, y + 15, 15, 6, "#f2b0a8", 0.4)
