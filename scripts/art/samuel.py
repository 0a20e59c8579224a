"""Samuel: a man of forty with cropped curls, a navy blazer, his classroom."""

from __future__ import annotations

import math
import random

from art import rooms
from art.body import draw_neck, garment
from art.brush import (
    Shape,
    Sheet,
    blob,
    cast,
    mirrored,
    mix,
    outline,
    spline,
    symmetric,
    taper,
)
from art.look import AXIS, EyeShape, Look, MouthShape, Skin

SAMUEL = Look(
    skin=Skin(
        light="#b9805a",
        base="#8f5b3c",
        shade="#6d4128",
        deep="#3f2216",
        blush="#a3573f",
        lip="#96574a",
        lip_dark="#5e2f2a",
        lip_light="#c48a78",
    ),
    outline=(
        (0, 148),
        (92, 160),
        (156, 214),
        (186, 300),
        (193, 400),
        (193, 480),
        (188, 560),
        (172, 640),
        (138, 704),
        (88, 748),
        (42, 765),
        (0, 768),
    ),
    eye=EyeShape(offset=90, y=468, half_width=51, upper=25, lower=14, tilt=3, iris=26, lash=0.45, fold=14),
    mouth=MouthShape(y=651, half_width=77, upper=20, lower=27, smile=10, bow=0.2),
    iris=("#1c0f09", "#41240f", "#70441f"),
    brow="#1d1310",
    brow_points=((34, 411), (74, 397), (118, 394), (158, 412)),
    brow_width=19,
    lash_color="#150c09",
    nose_y=580,
    nose_width=51,
    ear=(190, 500, 1.08),
    age=0.28,
    stubble="#1c120d",
    liner=0.35,
)


def samuel_room(sheet: Sheet) -> None:
    with sheet.blurred(13):
        sheet.gradient(rooms.ALL, (0, 0), (1024, 1024), [(0, "#5d7480"), (0.6, "#47606b"), (1, "#33474f")])
        rooms.board(sheet, 30, 90, 640, 560, "#2c4a42", "#a9794b", 5)
        rooms.shelf(
            sheet, 800, 120, 1080, 5, "#8a5a38", ("#c4573e", "#e0a848", "#e6dcc2", "#3f7f8a", "#7a9a5b"), 3, step=180
        )
        rooms.lamp(sheet, 742, 420, "#ffd694")
        rooms.plant(sheet, 66, 800, 210, "#5f9a5c", "#b9a58a", 2)
    sheet.glow(742, 420, 330, 330, "#ffdca6", 0.4, mode="screen")


def samuel_body(sheet: Sheet, look: Look) -> None:
    draw_neck(sheet, look.skin, look.outline[-1][1], 106, 838)
    sweater = ("#7a4a12", "#cf9230", "#f0c064")
    crew = outline(
        [
            *spline([(396, 862), (440, 906), (AXIS, 926), (584, 906), (628, 862)]),
            (700, 880),
            (720, 1090),
            (304, 1090),
            (324, 880),
        ]
    )
    garment(sheet, crew, sweater, [[(420, 940), (452, 1000), (456, 1080)], [(600, 930), (580, 1010), (584, 1080)]])
    for offset, tone, alpha in ((0, sweater[0], 0.5), (-9, sweater[2], 0.65), (-17, sweater[0], 0.4)):
        rib = [
            (392, 866 - offset * 0.4),
            (438, 912 - offset),
            (AXIS, 933 - offset),
            (586, 912 - offset),
            (632, 866 - offset * 0.4),
        ]
        sheet.line(rib, 4, tone, alpha, blur=1.4)
    blazer = ("#141d31", "#2c3a5a", "#566a94")
    for side in (1, -1):
        half = [
            (AXIS + 116, 822),
            (AXIS + 170, 834),
            (AXIS + 262, 862),
            (AXIS + 372, 904),
            (AXIS + 432, 970),
            (AXIS + 462, 1090),
            (AXIS + 70, 1090),
            (AXIS + 112, 990),
            (AXIS + 132, 900),
        ]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [
            [(AXIS + side * 332, 914), (AXIS + side * 296, 990), (AXIS + side * 290, 1080)],
            [(AXIS + side * 238, 880), (AXIS + side * 252, 980), (AXIS + side * 246, 1080)],
        ]
        garment(sheet, outline(spline(points, closed=True)), blazer, folds)
        lapel = [
            (AXIS + 116, 824),
            (AXIS + 186, 840),
            (AXIS + 244, 926),
            (AXIS + 184, 946),
            (AXIS + 214, 976),
            (AXIS + 92, 1090),
            (AXIS + 60, 1090),
            (AXIS + 112, 970),
            (AXIS + 126, 900),
        ]
        points = lapel if side == 1 else mirrored(lapel, AXIS)
        sheet.fill(outline(points), "#080c16", 0.55, blur=9)
        sheet.gradient(
            outline(points),
            (AXIS + side * 90, 850),
            (AXIS + side * 220, 1060),
            [(0, mix(blazer[1], blazer[2], 0.5 if side < 0 else 0.2)), (1, mix(blazer[1], blazer[0], 0.35))],
        )
        sheet.line(points[1:4], 2, blazer[2], 0.55, blur=0.8)


def samuel_hair(sheet: Sheet, look: Look) -> None:
    """Cropped curls that fade out at the temples."""
    cap = [(-187, 352), (-186, 290), (-166, 208), (-104, 146), (0, 126), (104, 146), (166, 208), (186, 290), (187, 352)]
    line = [(170, 348), (160, 300), (128, 262), (64, 246), (0, 243), (-64, 246), (-128, 262), (-160, 300), (-170, 348)]
    shape = outline([*spline([(AXIS + x, y) for x, y in cap]), *spline([(AXIS + x, y) for x, y in line])])
    face = symmetric(look.outline, AXIS)
    cast(sheet, face, [(AXIS + x, y + 8) for x, y in line], look.skin.deep, 0.45, 30, 10)
    sheet.fill(shape, "#17100d", 1.0, blur=2.6)
    short_curls(sheet, shape, ("#0b0706", "#2b1f1a", "#6b5546"), 17)
    for side in (-1, 1):
        fade = blob(
            [
                (AXIS + side * 192, 330),
                (AXIS + side * 166, 336),
                (AXIS + side * 170, 420),
                (AXIS + side * 186, 470),
                (AXIS + side * 198, 430),
            ]
        )
        sheet.fill(fade, "#1d1310", 0.5, blur=7)
    sheet.line(
        [(AXIS - 184, 300), (AXIS - 164, 206), (AXIS - 100, 142), (AXIS - 10, 124)],
        taper(5, 0.1, 0.1),
        "#8c7461",
        0.4,
        blur=3,
    )


def short_curls(sheet: Sheet, shape: Shape, tones: tuple[str, str, str], seed: int) -> None:
    """A dense cover of tiny curls."""
    chance = random.Random(seed)
    with sheet.clipped(shape):
        for _ in range(3400):
            x, y = AXIS + chance.uniform(-200, 200), chance.uniform(110, 360)
            lit = chance.random() < 0.42 - 0.0012 * (x - AXIS)
            r = chance.uniform(2.2, 5)
            a = chance.uniform(0, 6.28)
            curve = [(x + r * math.cos(a + k), y + r * math.sin(a + k) * 0.8) for k in (0, 1.2, 2.4)]
            sheet.line(
                curve,
                taper(chance.uniform(1.2, 2.2), 0.4, 0.2),
                tones[2] if lit else tones[0],
                chance.uniform(0.14, 0.34) if lit else 0.4,
            )
        sheet.glow(AXIS - 70, 176, 120, 60, tones[2], 0.3)
