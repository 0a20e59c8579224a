"""Mei: a woman of sixty-five with a silver bob, a plum cardigan, her living room."""

from __future__ import annotations

from art import rooms
from art.body import draw_neck, garment
from art.brush import (
    Sheet,
    blob,
    cast,
    ellipse,
    flyaways,
    lock,
    mirrored,
    mix,
    outline,
    spline,
    symmetric,
)
from art.look import AXIS, EyeShape, Look, MouthShape, Skin

MEI = Look(
    skin=Skin(
        light="#fbe2c6",
        base="#ecc39b",
        shade="#cf9a72",
        deep="#9a6547",
        blush="#e39a80",
        lip="#bf5f60",
        lip_dark="#8a3c42",
        lip_light="#e6a29a",
    ),
    outline=(
        (0, 180),
        (104, 204),
        (170, 296),
        (195, 400),
        (197, 480),
        (190, 556),
        (168, 630),
        (124, 694),
        (72, 738),
        (32, 755),
        (0, 758),
    ),
    eye=EyeShape(offset=92, y=470, half_width=52, upper=22, lower=12, tilt=8, iris=25.5, lash=0.7, fold=8),
    mouth=MouthShape(y=646, half_width=70, upper=15, lower=20, smile=12, bow=0.22),
    iris=("#170d09", "#3a2214", "#69452a"),
    brow="#4b4246",
    brow_points=((40, 418), (76, 406), (116, 404), (152, 420)),
    brow_width=11.5,
    lash_color="#1f1613",
    nose_y=576,
    nose_width=44,
    ear=(192, 512, 0.95),
    age=0.75,
    liner=0.7,
)
SILVER = ("#35343b", "#7d7b84", "#dcd9de")


def mei_room(sheet: Sheet) -> None:
    with sheet.blurred(13):
        sheet.gradient(rooms.ALL, (0, 0), (1024, 1024), [(0, "#e6d3bd"), (0.55, "#d3b699"), (1, "#a98566")])
        rooms.shelf(
            sheet, -70, 40, 270, 6, "#7d5234", ("#7b3f4a", "#d7b071", "#f0e6d2", "#56717a", "#9a5a3c", "#4d6b4f"), 14
        )
        rooms.window(sheet, 760, -40, 1060, 520, "#fbf3e6", ("#fff4de", "#f3dcb8"), "#b7b06a", 9)
        rooms.plant(sheet, 940, 760, 230, "#6a8f4e", "#8a5a6a", 11)
        rooms.lamp(sheet, 322, 470, "#ffcf8f")
    sheet.glow(880, 200, 420, 420, "#ffe7bd", 0.5, mode="screen")


def mei_body(sheet: Sheet, look: Look) -> None:
    dark, _middle, _light = SILVER
    back = blob(
        [
            (AXIS, 150),
            (700, 210),
            (752, 400),
            (752, 560),
            (738, 690),
            (690, 744),
            (600, 750),
            (424, 750),
            (334, 744),
            (286, 690),
            (272, 560),
            (272, 400),
            (324, 210),
        ]
    )
    sheet.gradient(back, (0, 450), (0, 750), [(0, mix(dark, "#000000", 0.35)), (1, dark)])
    draw_neck(sheet, look.skin, look.outline[-1][1], 78)
    top = ("#b7a48e", "#f2e9da", "#fffaf0")
    blouse = outline(
        [
            *spline([(392, 862), (446, 904), (AXIS, 924), (578, 904), (632, 862)]),
            (700, 880),
            (720, 1090),
            (304, 1090),
            (324, 880),
        ]
    )
    garment(sheet, blouse, top, [[(430, 940), (456, 1010), (462, 1080)], [(596, 940), (572, 1010), (570, 1080)]])
    sheet.line([(392, 866), (446, 908), (AXIS, 928), (578, 908), (632, 866)], 4, top[0], 0.6, blur=1.2)
    cardigan = ("#43203c", "#7d466f", "#b57fa4")
    for side in (1, -1):
        half = [
            (AXIS + 104, 834),
            (AXIS + 152, 846),
            (AXIS + 234, 874),
            (AXIS + 330, 916),
            (AXIS + 388, 980),
            (AXIS + 414, 1090),
            (AXIS + 84, 1090),
            (AXIS + 104, 1000),
            (AXIS + 124, 900),
        ]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [
            [(AXIS + side * 296, 934), (AXIS + side * 262, 1000), (AXIS + side * 252, 1080)],
            [(AXIS + side * 204, 890), (AXIS + side * 226, 980), (AXIS + side * 218, 1080)],
        ]
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
        lock(
            sheet,
            left_inner,
            [(x + inset, y + inset / 2) for x, y in left_outer],
            SILVER,
            seed,
            strands=120,
            depth=depth,
            shine_alpha=0.8,
        )
        lock(
            sheet,
            right_inner,
            [(x - inset, y + inset / 2) for x, y in right_outer],
            SILVER,
            seed + 4,
            strands=140,
            depth=depth,
            shine_alpha=0.8,
        )
    lock(
        sheet,
        [(452, 166), (540, 206), (628, 262), (680, 350), (694, 440)],
        [(444, 128), (560, 130), (672, 196), (736, 320), (742, 470)],
        SILVER,
        31,
        strands=60,
        depth=0.1,
        shine=(0.3, 0.55),
        shine_alpha=0.9,
        pointed=1.0,
    )
    lock(
        sheet,
        [(462, 168), (424, 216), (372, 288), (336, 380), (322, 470)],
        [(470, 132), (396, 152), (312, 250), (282, 380), (286, 490)],
        SILVER,
        33,
        strands=46,
        depth=0.15,
        shine=(0.3, 0.5),
        shine_alpha=0.9,
        pointed=1.0,
    )
    flyaways(sheet, [(440, 118), (372, 136), (276, 246), (246, 390)], SILVER[2], 7, 14)
    flyaways(sheet, [(780, 500), (778, 370), (722, 196), (584, 98)], SILVER[2], 8, 14)
