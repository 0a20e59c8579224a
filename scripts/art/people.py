"""The tutors: who they are, how they look and what surrounds them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from art import rooms
from art.body import draw_neck, garment, shoulders
from art.brush import Shape, Sheet, blob, cast, ellipse, flyaways, lock, mirrored, mix, outline, spline, stroke_shape, symmetric, taper, wavy
from art.look import AXIS, EyeShape, Look, MouthShape, Skin


@dataclass(frozen=True)
class Tutor:
    """One avatar folder."""

    id: str
    name: str
    description: str
    look: Look
    backdrop: Callable[[Sheet], None]
    body: Callable[[Sheet, Look], None]
    """Back hair, neck and clothes."""
    hair: Callable[[Sheet, Look], None]
    """Front hair and what else sits on the head."""


# --- Maya ---------------------------------------------------------------------------------

MAYA = Look(
    skin=Skin(
        light="#fbdcc0", base="#efbd99", shade="#d08e6c", deep="#a35c44", blush="#e88a78",
        lip="#c9655f", lip_dark="#9a3f40", lip_light="#eca59a",
    ),
    outline=((0, 182), (104, 206), (168, 294), (192, 400), (192, 476), (184, 548), (163, 620), (122, 684), (72, 729), (32, 746), (0, 749)),
    ear=None,
)
CHESTNUT = ("#331b12", "#7d4a2c", "#d49c66")


def maya_room(sheet: Sheet) -> None:
    with sheet.blurred(13):
        sheet.gradient(rooms.ALL, (0, 0), (1024, 1024), [(0, "#e9e0d0"), (0.6, "#cfc6b4"), (1, "#a89b89")])
        rooms.window(sheet, 40, -40, 330, 560, "#f4efe6", ("#eaf4fb", "#c8dfd4"), "#7ea06a", 4)
        rooms.shelf(sheet, 700, 60, 1060, 6, "#9a6b45", ("#b5523f", "#d9a441", "#2f6f73", "#e8dcc4", "#5a4a78", "#3d7a56", "#c97b63"), 8)
        rooms.plant(sheet, 92, 770, 250, "#4f8f58", "#c77b52", 6)
    sheet.glow(190, 220, 420, 420, "#fff3dc", 0.45, mode="screen")


def maya_body(sheet: Sheet, look: Look) -> None:
    dark, middle, light = CHESTNUT
    back = blob([(AXIS, 150), (700, 200), (768, 400), (782, 620), (800, 760), (770, 872), (690, 905), (600, 880), (AXIS, 880), (424, 880), (334, 905), (254, 872), (224, 760), (242, 620), (256, 400), (324, 200)])
    sheet.gradient(back, (0, 500), (0, 900), [(0, mix(dark, "#000000", 0.35)), (1, mix(dark, middle, 0.15))])
    with sheet.clipped(back):
        for side in (-1, 1):
            for k in range(9):
                x = AXIS + side * (120 + 17 * k)
                sheet.line(wavy([(x - side * 20, 560), (x, 700), (x + side * 12, 900)], 7, 1.2, k), taper(5, 0.2, 0.2), middle, 0.22, blur=1.5)
    draw_neck(sheet, look.skin, look.outline[-1][1], 76)
    blouse = outline([*spline([(396, 872), (440, 930), (AXIS, 1010)]), *spline([(AXIS, 1010), (584, 930), (628, 872)]), (700, 900), (700, 1090), (324, 1090), (324, 900)])
    garment(sheet, blouse, ("#b8a58c", "#efe6d6", "#fffaf0"), [[(440, 960), (470, 1010), (480, 1080)], [(590, 960), (560, 1010), (556, 1080)]])
    sheet.line([(396, 874), (440, 930), (AXIS, 1009)], 5, "#fffdf6", 0.8)
    sheet.line([(628, 874), (584, 930), (AXIS, 1009)], 5, "#d8ccb8", 0.9)
    jacket = ("#123b40", "#2b7074", "#5fa9a6")
    for side in (1, -1):
        half = [(AXIS + 100, 832), (AXIS + 150, 846), (AXIS + 232, 872), (AXIS + 330, 914), (AXIS + 384, 976), (AXIS + 412, 1090), (AXIS + 40, 1090), (AXIS + 92, 980), (AXIS + 118, 900)]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [[(AXIS + side * 300, 930), (AXIS + side * 262, 990), (AXIS + side * 250, 1070)], [(AXIS + side * 210, 900), (AXIS + side * 232, 980), (AXIS + side * 226, 1070)]]
        garment(sheet, outline(spline(points, closed=True)), jacket, folds)
        lapel = [(AXIS + 102, 834), (AXIS + 170, 852), (AXIS + 214, 930), (AXIS + 160, 946), (AXIS + 186, 976), (AXIS + 60, 1090), (AXIS + 30, 1090), (AXIS + 96, 960), (AXIS + 108, 900)]
        points = lapel if side == 1 else mirrored(lapel, AXIS)
        sheet.fill(outline(points), "#0a2327", 0.5, blur=9)
        sheet.gradient(outline(points), (AXIS + side * 90, 850), (AXIS + side * 200, 1060), [(0, mix(jacket[1], jacket[2], 0.55 if side < 0 else 0.25)), (1, mix(jacket[1], jacket[0], 0.35))])
        sheet.line(points[1:4], 2, jacket[2], 0.6, blur=0.8)


def maya_hair(sheet: Sheet, look: Look) -> None:
    face = symmetric(look.outline, AXIS)
    left_inner = [(586, 176), (516, 238), (420, 310), (362, 410), (340, 520), (340, 640), (318, 750), (286, 850), (300, 878)]
    right_inner = [(572, 176), (636, 222), (684, 318), (700, 430), (706, 560), (704, 680), (722, 780), (744, 850), (728, 878)]
    left_outer = [(580, 116), (430, 104), (290, 206), (238, 400), (222, 580), (196, 730), (214, 838), (300, 882)]
    right_outer = [(556, 116), (664, 110), (752, 208), (790, 400), (806, 580), (830, 730), (812, 838), (728, 882)]
    cast(sheet, face, [(x + 8, y + 10) for x, y in left_inner[:6]], look.skin.deep, 0.5)
    cast(sheet, face, [(x - 4, y + 10) for x, y in right_inner[:6]], look.skin.deep, 0.45)
    # the far lengths, darker, then the ones in front
    for seed, depth, shift in ((1, 0.75, 0.0), (2, 0.4, 0.9)):
        lock(sheet, wavy(right_inner, 9, 1.6, shift), wavy(right_outer, 11, 1.6, shift), CHESTNUT, seed, strands=110, depth=depth, shine_alpha=0.75)
        lock(sheet, wavy(left_inner, 9, 1.6, 2 + shift), wavy(left_outer, 11, 1.6, 2 + shift), CHESTNUT, seed + 2, strands=130, depth=depth, shine_alpha=0.8)
    # locks that frame the face
    lock(sheet, wavy([(580, 174), (500, 222), (404, 298), (348, 420), (330, 560), (338, 690), (292, 800)], 10, 1.4, 0.5),
         wavy([(570, 140), (452, 164), (346, 262), (292, 400), (284, 560), (276, 690), (262, 810)], 12, 1.4, 0.5), CHESTNUT, 9, strands=56, depth=0.15,
         shine=(0.2, 0.4), shine_alpha=0.95, pointed=1.0)
    lock(sheet, wavy([(570, 174), (628, 210), (680, 306), (702, 430), (708, 570), (704, 690), (736, 800)], 12, 1.4, 2.6),
         wavy([(566, 140), (658, 172), (724, 280), (744, 420), (750, 560), (752, 690), (768, 815)], 14, 1.4, 2.6), CHESTNUT, 12, strands=44, depth=0.2,
         shine=(0.2, 0.4), shine_alpha=0.85, pointed=1.0)
    lock(sheet, [(576, 168), (512, 190), (426, 250), (352, 350), (320, 450)], [(572, 122), (480, 130), (372, 200), (300, 320), (276, 460)],
         CHESTNUT, 15, strands=40, depth=0.1, shine=(0.3, 0.55), shine_alpha=0.9, pointed=1.0)
    lock(sheet, [(566, 168), (618, 184), (680, 250), (722, 350), (742, 460)], [(562, 122), (646, 132), (724, 206), (766, 320), (780, 470)],
         CHESTNUT, 17, strands=34, depth=0.2, shine=(0.3, 0.55), shine_alpha=0.7, pointed=1.0)
    flyaways(sheet, [(560, 124), (420, 114), (284, 214), (238, 400), (222, 580)], CHESTNUT[2], 5, 20)
    flyaways(sheet, [(806, 580), (790, 400), (752, 216), (664, 122), (580, 124)], CHESTNUT[1], 6, 16)


# --- Samuel -------------------------------------------------------------------------------

SAMUEL = Look(
    skin=Skin(
        light="#b9805a", base="#8f5b3c", shade="#6d4128", deep="#3f2216", blush="#a3573f",
        lip="#96574a", lip_dark="#5e2f2a", lip_light="#c48a78",
    ),
    outline=((0, 148), (92, 160), (156, 214), (186, 300), (193, 400), (193, 480), (188, 560), (172, 640), (138, 704), (88, 748), (42, 765), (0, 768)),
    eye=EyeShape(offset=90, y=468, half_width=51, upper=25, lower=14, tilt=3, iris=26, lash=0.45, fold=14),
    mouth=MouthShape(y=651, half_width=77, upper=20, lower=27, smile=10, bow=0.2),
    iris=("#1c0f09", "#41240f", "#70441f"), brow="#1d1310",
    brow_points=((34, 411), (74, 397), (118, 394), (158, 412)), brow_width=19, lash_color="#150c09",
    nose_y=580, nose_width=51, ear=(190, 500, 1.08), age=0.28, stubble="#1c120d", liner=0.35,
)


def samuel_room(sheet: Sheet) -> None:
    with sheet.blurred(13):
        sheet.gradient(rooms.ALL, (0, 0), (1024, 1024), [(0, "#5d7480"), (0.6, "#47606b"), (1, "#33474f")])
        rooms.board(sheet, 30, 90, 640, 560, "#2c4a42", "#a9794b", 5)
        rooms.shelf(sheet, 800, 120, 1080, 5, "#8a5a38", ("#c4573e", "#e0a848", "#e6dcc2", "#3f7f8a", "#7a9a5b"), 3, step=180)
        rooms.lamp(sheet, 742, 420, "#ffd694")
        rooms.plant(sheet, 66, 800, 210, "#5f9a5c", "#b9a58a", 2)
    sheet.glow(742, 420, 330, 330, "#ffdca6", 0.4, mode="screen")


def samuel_body(sheet: Sheet, look: Look) -> None:
    draw_neck(sheet, look.skin, look.outline[-1][1], 106, 838)
    sweater = ("#7a4a12", "#cf9230", "#f0c064")
    crew = outline([*spline([(396, 862), (440, 906), (AXIS, 926), (584, 906), (628, 862)]), (700, 880), (720, 1090), (304, 1090), (324, 880)])
    garment(sheet, crew, sweater, [[(420, 940), (452, 1000), (456, 1080)], [(600, 930), (580, 1010), (584, 1080)]])
    for offset, tone, alpha in ((0, sweater[0], 0.5), (-9, sweater[2], 0.65), (-17, sweater[0], 0.4)):
        rib = [(392, 866 - offset * 0.4), (438, 912 - offset), (AXIS, 933 - offset), (586, 912 - offset), (632, 866 - offset * 0.4)]
        sheet.line(rib, 4, tone, alpha, blur=1.4)
    blazer = ("#141d31", "#2c3a5a", "#566a94")
    for side in (1, -1):
        half = [(AXIS + 116, 822), (AXIS + 170, 834), (AXIS + 262, 862), (AXIS + 372, 904), (AXIS + 432, 970), (AXIS + 462, 1090), (AXIS + 70, 1090), (AXIS + 112, 990), (AXIS + 132, 900)]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [[(AXIS + side * 332, 914), (AXIS + side * 296, 990), (AXIS + side * 290, 1080)], [(AXIS + side * 238, 880), (AXIS + side * 252, 980), (AXIS + side * 246, 1080)]]
        garment(sheet, outline(spline(points, closed=True)), blazer, folds)
        lapel = [(AXIS + 116, 824), (AXIS + 186, 840), (AXIS + 244, 926), (AXIS + 184, 946), (AXIS + 214, 976), (AXIS + 92, 1090), (AXIS + 60, 1090), (AXIS + 112, 970), (AXIS + 126, 900)]
        points = lapel if side == 1 else mirrored(lapel, AXIS)
        sheet.fill(outline(points), "#080c16", 0.55, blur=9)
        sheet.gradient(outline(points), (AXIS + side * 90, 850), (AXIS + side * 220, 1060), [(0, mix(blazer[1], blazer[2], 0.5 if side < 0 else 0.2)), (1, mix(blazer[1], blazer[0], 0.35))])
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
        fade = blob([(AXIS + side * 192, 330), (AXIS + side * 166, 336), (AXIS + side * 170, 420), (AXIS + side * 186, 470), (AXIS + side * 198, 430)])
        sheet.fill(fade, "#1d1310", 0.5, blur=7)
    sheet.line([(AXIS - 184, 300), (AXIS - 164, 206), (AXIS - 100, 142), (AXIS - 10, 124)], taper(5, 0.1, 0.1), "#8c7461", 0.4, blur=3)


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
            sheet.line(curve, taper(chance.uniform(1.2, 2.2), 0.4, 0.2), tones[2] if lit else tones[0], chance.uniform(0.14, 0.34) if lit else 0.4)
        sheet.glow(AXIS - 70, 176, 120, 60, tones[2], 0.3)


# --- Mei ----------------------------------------------------------------------------------

MEI = Look(
    skin=Skin(
        light="#fbe2c6", base="#ecc39b", shade="#cf9a72", deep="#9a6547", blush="#e39a80",
        lip="#bf5f60", lip_dark="#8a3c42", lip_light="#e6a29a",
    ),
    outline=((0, 180), (104, 204), (170, 296), (195, 400), (197, 480), (190, 556), (168, 630), (124, 694), (72, 738), (32, 755), (0, 758)),
    eye=EyeShape(offset=92, y=470, half_width=52, upper=22, lower=12, tilt=8, iris=25.5, lash=0.7, fold=8),
    mouth=MouthShape(y=646, half_width=70, upper=15, lower=20, smile=12, bow=0.22),
    iris=("#170d09", "#3a2214", "#69452a"), brow="#4b4246",
    brow_points=((40, 418), (76, 406), (116, 404), (152, 420)), brow_width=11.5, lash_color="#1f1613",
    nose_y=576, nose_width=44, ear=(192, 512, 0.95), age=0.75, liner=0.7,
)
SILVER = ("#35343b", "#7d7b84", "#dcd9de")


def mei_room(sheet: Sheet) -> None:
    with sheet.blurred(13):
        sheet.gradient(rooms.ALL, (0, 0), (1024, 1024), [(0, "#e6d3bd"), (0.55, "#d3b699"), (1, "#a98566")])
        rooms.shelf(sheet, -70, 40, 270, 6, "#7d5234", ("#7b3f4a", "#d7b071", "#f0e6d2", "#56717a", "#9a5a3c", "#4d6b4f"), 14)
        rooms.window(sheet, 760, -40, 1060, 520, "#fbf3e6", ("#fff4de", "#f3dcb8"), "#b7b06a", 9)
        rooms.plant(sheet, 940, 760, 230, "#6a8f4e", "#8a5a6a", 11)
        rooms.lamp(sheet, 322, 470, "#ffcf8f")
    sheet.glow(880, 200, 420, 420, "#ffe7bd", 0.5, mode="screen")


def mei_body(sheet: Sheet, look: Look) -> None:
    dark, middle, light = SILVER
    back = blob([(AXIS, 150), (700, 210), (752, 400), (752, 560), (738, 690), (690, 744), (600, 750), (424, 750), (334, 744), (286, 690), (272, 560), (272, 400), (324, 210)])
    sheet.gradient(back, (0, 450), (0, 750), [(0, mix(dark, "#000000", 0.35)), (1, dark)])
    draw_neck(sheet, look.skin, look.outline[-1][1], 78)
    top = ("#b7a48e", "#f2e9da", "#fffaf0")
    blouse = outline([*spline([(392, 862), (446, 904), (AXIS, 924), (578, 904), (632, 862)]), (700, 880), (720, 1090), (304, 1090), (324, 880)])
    garment(sheet, blouse, top, [[(430, 940), (456, 1010), (462, 1080)], [(596, 940), (572, 1010), (570, 1080)]])
    sheet.line([(392, 866), (446, 908), (AXIS, 928), (578, 908), (632, 866)], 4, top[0], 0.6, blur=1.2)
    cardigan = ("#43203c", "#7d466f", "#b57fa4")
    for side in (1, -1):
        half = [(AXIS + 104, 834), (AXIS + 152, 846), (AXIS + 234, 874), (AXIS + 330, 916), (AXIS + 388, 980), (AXIS + 414, 1090), (AXIS + 84, 1090), (AXIS + 104, 1000), (AXIS + 124, 900)]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [[(AXIS + side * 296, 934), (AXIS + side * 262, 1000), (AXIS + side * 252, 1080)], [(AXIS + side * 204, 890), (AXIS + side * 226, 980), (AXIS + side * 218, 1080)]]
        shape = outline(spline(points, closed=True))
        garment(sheet, shape, cardigan, folds)
        with sheet.clipped(shape):
            for k in range(60):
                x = AXIS + side * (80 + k * 6)
                sheet.line([(x, 830), (x + side * 10, 960), (x + side * 4, 1090)], 1.6, cardigan[0], 0.18)
        band = [(AXIS + 106, 838), (AXIS + 128, 904), (AXIS + 110, 1000), (AXIS + 92, 1090)]
        points = band if side == 1 else mirrored(band, AXIS)
        sheet.line(points, 24, cardigan[0], 0.5, blur=6)
        sheet.line(points, 20, mix(cardigan[1], cardigan[2], 0.4 if side < 0 else 0.15), 1.0)
        sheet.line(points, 3, cardigan[2], 0.4, blur=1)
    pearls(sheet)


def pearls(sheet: Sheet) -> None:
    for k in range(23):
        t = (k - 11) / 11
        x, y = AXIS + 92 * t, 908 - 52 * t * t
        sheet.fill(ellipse(x + 1, y + 3, 7, 6.5), "#6a4a3a", 0.4, blur=2.5)
        sheet.radial(ellipse(x, y, 6.6, 6.6), (x - 2, y - 2.4), 9, [(0, "#ffffff"), (0.4, "#f3ece6"), (1, "#b7a69e")])


def mei_hair(sheet: Sheet, look: Look) -> None:
    """A silver bob with a side parting, one side tucked behind the ear."""
    face = symmetric(look.outline, AXIS)
    left_inner = [(462, 172), (420, 232), (364, 310), (338, 410), (326, 520), (330, 620), (344, 690), (372, 728)]
    left_outer = [(476, 112), (372, 130), (276, 240), (246, 390), (244, 530), (258, 650), (304, 732), (374, 742)]
    right_inner = [(452, 172), (540, 214), (634, 274), (690, 380), (700, 480), (702, 590), (690, 680), (654, 728)]
    right_outer = [(440, 114), (580, 92), (722, 190), (778, 370), (784, 520), (772, 650), (726, 732), (652, 744)]
    cast(sheet, face, [(x + 8, y + 10) for x, y in left_inner[:6]], look.skin.deep, 0.45)
    cast(sheet, face, [(x - 6, y + 12) for x, y in right_inner[:6]], look.skin.deep, 0.5)
    for seed, depth, inset in ((21, 0.7, 0), (22, 0.3, 6)):
        lock(sheet, left_inner, [(x + inset, y + inset / 2) for x, y in left_outer], SILVER, seed, strands=120, depth=depth, shine_alpha=0.8)
        lock(sheet, right_inner, [(x - inset, y + inset / 2) for x, y in right_outer], SILVER, seed + 4, strands=140, depth=depth, shine_alpha=0.8)
    lock(sheet, [(452, 166), (540, 206), (628, 262), (680, 350), (694, 440)], [(444, 128), (560, 130), (672, 196), (736, 320), (742, 470)], SILVER, 31,
         strands=60, depth=0.1, shine=(0.3, 0.55), shine_alpha=0.9, pointed=1.0)
    lock(sheet, [(462, 168), (424, 216), (372, 288), (336, 380), (322, 470)], [(470, 132), (396, 152), (312, 250), (282, 380), (286, 490)], SILVER, 33,
         strands=46, depth=0.15, shine=(0.3, 0.5), shine_alpha=0.9, pointed=1.0)
    flyaways(sheet, [(440, 118), (372, 136), (276, 246), (246, 390)], SILVER[2], 7, 14)
    flyaways(sheet, [(780, 500), (778, 370), (722, 196), (584, 98)], SILVER[2], 8, 14)


TUTORS = (
    Tutor("avatar_tutor_13", "Maya", "A warm language tutor in a bright study.", MAYA, maya_room, maya_body, maya_hair),
    Tutor("avatar_tutor_1", "Samuel", "A calm science teacher in his classroom.", SAMUEL, samuel_room, samuel_body, samuel_hair),
    Tutor("avatar_tutor_7", "Mei", "A patient teacher with a lifetime of stories.", MEI, mei_room, mei_body, mei_hair),
)
