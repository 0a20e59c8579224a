"""Eyes: sockets, lids, lashes, brows, and the eyeballs behind the lids."""

from __future__ import annotations

import random

import numpy as np
from art.brush import Sheet, ellipse, mix, outline, spline, stroke_shape, taper
from art.look import AXIS, Look


def socket(sheet: Sheet, look: Look, side: int) -> None:
    skin, eye = look.skin, look.eye
    x = AXIS + side * eye.offset
    sheet.glow(x - side * 34, eye.y - 26, 50, 36, skin.shade, 0.62, mode="multiply")
    sheet.glow(x + side * 8, eye.y - 36, 78, 34, skin.shade, 0.4, mode="multiply")
    sheet.glow(x, eye.y + 10, 80, 44, skin.shade, 0.3, mode="multiply")
    sheet.glow(x + side * 26, eye.y - 52, 46, 16, skin.light, 0.55)
    bag = [(x - side * 44, eye.y + 20), (x - side * 8, eye.y + 34), (x + side * 36, eye.y + 25)]
    sheet.line(bag, taper(6, 0.1, 0.1), skin.shade, 0.35 + 0.4 * look.age, blur=4, mode="multiply")


def lids(sheet: Sheet, look: Look, side: int) -> None:
    """Lid skin, crease, the dark line of lashes, lashes, waterline and corner."""
    skin, eye = look.skin, look.eye
    dx, upper, lower = eye.lids()
    x = AXIS + side * (eye.offset + dx)
    top, low = list(zip(x, upper, strict=True)), list(zip(x, lower, strict=True))
    opening = outline([*top, *low[::-1]])
    sheet.fill(opening, mix(skin.deep, "#3a1d16", 0.4), 1.0)
    # inner corner
    sheet.fill(
        ellipse(float(x[1]) + side * 1.5, float(upper[0] + 0.5), 6, 3.6), mix(skin.blush, "#c0564f", 0.35), 0.95, blur=1
    )
    # lid between crease and lashes
    crease = list(zip(x, eye.crease(), strict=True))
    lid = outline([*top, *crease[::-1]])
    sheet.fill(lid, mix(skin.base, skin.shade, 0.55), 0.75, blur=2)
    with sheet.clipped(lid):
        sheet.glow(float(x[11]), float(upper[11]) - eye.fold * 0.45, 30, 8, skin.light, 0.7)
    sheet.fill(stroke_shape(spline(crease), taper(4.4, 0.2, 0.25)), skin.deep, 0.62, blur=1.3, mode="multiply")
    sheet.fill(stroke_shape(spline(crease), taper(11, 0.1, 0.2)), skin.shade, 0.4, blur=5, mode="multiply")
    # waterline and lower lashes
    sheet.fill(
        stroke_shape(spline([(a, b + 2.2) for a, b in low[2:]]), 3.6), mix(skin.blush, "#ffe9e0", 0.45), 0.85, blur=0.8
    )
    sheet.fill(
        stroke_shape(spline([(a, b + 4.6) for a, b in low[3:]]), taper(2.8, 0.1, 0.8)),
        mix(skin.deep, look.lash_color, 0.5),
        0.55 * min(1, look.liner),
        blur=0.9,
    )


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


def brow(sheet: Sheet, look: Look, side: int) -> None:
    """A soft body and hairs that follow it, upwards near the nose and outwards at the tail."""
    points = np.asarray(spline([(AXIS + side * dx, y) for dx, y in look.brow_points], 24))
    width = look.brow_width

    def thickness(t: float) -> float:
        return width * min(1.0, 0.62 + t * 1.3) * min(1.0, 0.12 + 1.5 * (1 - t))

    sheet.fill(stroke_shape(list(map(tuple, points)), lambda t: thickness(t) * 0.92), look.brow, 0.5, blur=2.6)
    sheet.fill(
        stroke_shape(list(map(tuple, points[6:])), lambda t: thickness(0.1 + 0.9 * t) * 0.62), look.brow, 0.55, blur=1.2
    )
    chance = random.Random(11)
    for _ in range(110):
        t = chance.random()
        index = int(t * (len(points) - 1))
        across = chance.uniform(-0.42, 0.42) * thickness(t)
        start = points[index] + (chance.uniform(-1, 1), across)
        length = width * chance.uniform(0.5, 0.85) * (1 - 0.35 * t)
        angle = np.deg2rad(66 - 64 * min(1.0, t * 1.6) + chance.uniform(-8, 8))
        slope = points[min(index + 3, len(points) - 1)] - points[max(index - 3, 0)]
        slope = slope / np.hypot(*slope)
        up = np.array([0.0, -1.0])
        direction = slope * np.cos(angle) + up * np.sin(angle) * (1 if across > -0.1 * width else 0.35)
        end = start + direction * length
        sheet.line(
            [tuple(start), tuple((start + end) / 2 + (0, -0.6)), tuple(end)],
            taper(1.7, 0.7, 0.1),
            look.brow,
            chance.uniform(0.25, 0.55),
        )


def draw_eyeballs(sheet: Sheet, look: Look) -> None:
    """White, iris, pupil and lights of both eyes, looking straight ahead, larger than the openings."""
    eye = look.eye
    dark, middle, light = look.iris
    for side in (-1, 1):
        x, y, r = AXIS + side * eye.offset, eye.y - 4.0, eye.iris
        ball = ellipse(x, y + 4, eye.half_width * 1.55, eye.half_width * 1.3)
        sheet.radial(
            ball,
            (x - 4, y + 2),
            eye.half_width * 1.25,
            [(0, "#fbf7f3"), (0.6, "#f4ece7"), (0.82, "#ddcdc6"), (1, "#b99d95")],
            squash=0.8,
        )
        iris = ellipse(x, y, r, r)
        sheet.fill(ellipse(x, y, r + 1, r + 1), mix(dark, "#c9b8ae", 0.35), 0.5, blur=1.6)
        sheet.gradient(iris, (x, y - r), (x, y + r), [(0, mix(dark, "#000000", 0.25)), (0.45, middle), (1, light)])
        with sheet.clipped(iris):
            chance = random.Random(2)
            for k in range(56):
                a = 2 * np.pi * k / 56 + chance.uniform(-0.04, 0.04)
                inner, outer = r * chance.uniform(0.42, 0.5), r * chance.uniform(0.72, 0.95)
                tone = light if chance.random() < 0.55 else dark
                sheet.line(
                    [
                        (x + inner * np.cos(a), y + inner * np.sin(a)),
                        (x + (inner + outer) / 2 * np.cos(a + 0.02), y + (inner + outer) / 2 * np.sin(a + 0.02)),
                        (x + outer * np.cos(a), y + outer * np.sin(a)),
                    ],
                    taper(1.5, 0.6, 0.1),
                    tone,
                    0.45,
                )
            ring = outline([*map(tuple, _circle(x, y, r + 2)), *map(tuple, _circle(x, y, r - 3.2)[::-1])])
            sheet.fill(ring, mix(dark, "#000000", 0.35), 0.8, blur=1.6)
            sheet.glow(x + 4, y + r * 0.55, r * 0.7, r * 0.45, mix(light, "#ffffff", 0.25), 0.55)
        sheet.fill(ellipse(x, y, r * 0.45, r * 0.45), "#0d0706", 1.0, blur=0.7)
        sheet.fill(ellipse(x - r * 0.32, y - r * 0.36, r * 0.22, r * 0.24), "#ffffff", 0.97, blur=0.5)
        sheet.fill(ellipse(x + r * 0.34, y + r * 0.38, r * 0.11, r * 0.11), "#ffffff", 0.55, blur=0.8)


def _circle(x: float, y: float, r: float) -> np.ndarray:
    a = np.linspace(0, 2 * np.pi, 64)
    return np.stack([x + r * np.cos(a), y + r * np.sin(a)], 1)
