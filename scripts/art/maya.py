"""Maya: a young woman with wavy chestnut hair, a teal jacket, a bright study."""

from __future__ import annotations

from art import rooms
from art.body import draw_neck, garment
from art.brush import (
    Sheet,
    blob,
    cast,
    flyaways,
    lock,
    mirrored,
    mix,
    outline,
    spline,
    symmetric,
    taper,
    wavy,
)
from art.look import AXIS, Look, Skin

MAYA = Look(
    skin=Skin(
        light="#fbdcc0",
        base="#efbd99",
        shade="#d08e6c",
        deep="#a35c44",
        blush="#e88a78",
        lip="#c9655f",
        lip_dark="#9a3f40",
        lip_light="#eca59a",
    ),
    outline=(
        (0, 182),
        (104, 206),
        (168, 294),
        (192, 400),
        (192, 476),
        (184, 548),
        (163, 620),
        (122, 684),
        (72, 729),
        (32, 746),
        (0, 749),
    ),
    ear=None,
)
CHESTNUT = ("#331b12", "#7d4a2c", "#d49c66")


def maya_room(sheet: Sheet) -> None:
    with sheet.blurred(13):
        sheet.gradient(rooms.ALL, (0, 0), (1024, 1024), [(0, "#e9e0d0"), (0.6, "#cfc6b4"), (1, "#a89b89")])
        rooms.window(sheet, 40, -40, 330, 560, "#f4efe6", ("#eaf4fb", "#c8dfd4"), "#7ea06a", 4)
        rooms.shelf(
            sheet,
            700,
            60,
            1060,
            6,
            "#9a6b45",
            ("#b5523f", "#d9a441", "#2f6f73", "#e8dcc4", "#5a4a78", "#3d7a56", "#c97b63"),
            8,
        )
        rooms.plant(sheet, 92, 770, 250, "#4f8f58", "#c77b52", 6)
    sheet.glow(190, 220, 420, 420, "#fff3dc", 0.45, mode="screen")


def maya_body(sheet: Sheet, look: Look) -> None:
    dark, middle, _light = CHESTNUT
    back = blob(
        [
            (AXIS, 150),
            (700, 200),
            (768, 400),
            (782, 620),
            (800, 760),
            (770, 872),
            (690, 905),
            (600, 880),
            (AXIS, 880),
            (424, 880),
            (334, 905),
            (254, 872),
            (224, 760),
            (242, 620),
            (256, 400),
            (324, 200),
        ]
    )
    sheet.gradient(back, (0, 500), (0, 900), [(0, mix(dark, "#000000", 0.35)), (1, mix(dark, middle, 0.15))])
    with sheet.clipped(back):
        for side in (-1, 1):
            for k in range(9):
                x = AXIS + side * (120 + 17 * k)
                sheet.line(
                    wavy([(x - side * 20, 560), (x, 700), (x + side * 12, 900)], 7, 1.2, k),
                    taper(5, 0.2, 0.2),
                    middle,
                    0.22,
                    blur=1.5,
                )
    draw_neck(sheet, look.skin, look.outline[-1][1], 76)
    blouse = outline(
        [
            *spline([(396, 872), (440, 930), (AXIS, 1010)]),
            *spline([(AXIS, 1010), (584, 930), (628, 872)]),
            (700, 900),
            (700, 1090),
            (324, 1090),
            (324, 900),
        ]
    )
    garment(
        sheet,
        blouse,
        ("#b8a58c", "#efe6d6", "#fffaf0"),
        [[(440, 960), (470, 1010), (480, 1080)], [(590, 960), (560, 1010), (556, 1080)]],
    )
    sheet.line([(396, 874), (440, 930), (AXIS, 1009)], 5, "#fffdf6", 0.8)
    sheet.line([(628, 874), (584, 930), (AXIS, 1009)], 5, "#d8ccb8", 0.9)
    jacket = ("#123b40", "#2b7074", "#5fa9a6")
    for side in (1, -1):
        half = [
            (AXIS + 100, 832),
            (AXIS + 150, 846),
            (AXIS + 232, 872),
            (AXIS + 330, 914),
            (AXIS + 384, 976),
            (AXIS + 412, 1090),
            (AXIS + 40, 1090),
            (AXIS + 92, 980),
            (AXIS + 118, 900),
        ]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [
            [(AXIS + side * 300, 930), (AXIS + side * 262, 990), (AXIS + side * 250, 1070)],
            [(AXIS + side * 210, 900), (AXIS + side * 232, 980), (AXIS + side * 226, 1070)],
        ]
        garment(sheet, outline(spline(points, closed=True)), jacket, folds)
        lapel = [
            (AXIS + 102, 834),
            (AXIS + 170, 852),
            (AXIS + 214, 930),
            (AXIS + 160, 946),
            (AXIS + 186, 976),
            (AXIS + 60, 1090),
            (AXIS + 30, 1090),
            (AXIS + 96, 960),
            (AXIS + 108, 900),
        ]
        points = lapel if side == 1 else mirrored(lapel, AXIS)
        sheet.fill(outline(points), "#0a2327", 0.5, blur=9)
        sheet.gradient(
            outline(points),
            (AXIS + side * 90, 850),
            (AXIS + side * 200, 1060),
            [(0, mix(jacket[1], jacket[2], 0.55 if side < 0 else 0.25)), (1, mix(jacket[1], jacket[0], 0.35))],
        )
        sheet.line(points[1:4], 2, jacket[2], 0.6, blur=0.8)


def maya_hair(sheet: Sheet, look: Look) -> None:
    face = symmetric(look.outline, AXIS)
    left_inner = [
        (586, 176),
        (516, 238),
        (420, 310),
        (362, 410),
        (340, 520),
        (340, 640),
        (318, 750),
        (286, 850),
        (300, 878),
    ]
    right_inner = [
        (572, 176),
        (636, 222),
        (684, 318),
        (700, 430),
        (706, 560),
        (704, 680),
        (722, 780),
        (744, 850),
        (728, 878),
    ]
    left_outer = [(580, 116), (430, 104), (290, 206), (238, 400), (222, 580), (196, 730), (214, 838), (300, 882)]
    right_outer = [(556, 116), (664, 110), (752, 208), (790, 400), (806, 580), (830, 730), (812, 838), (728, 882)]
    cast(sheet, face, [(x + 8, y + 10) for x, y in left_inner[:6]], look.skin.deep, 0.5)
    cast(sheet, face, [(x - 4, y + 10) for x, y in right_inner[:6]], look.skin.deep, 0.45)
    # the far lengths, darker, then the ones in front
    for seed, depth, shift in ((1, 0.75, 0.0), (2, 0.4, 0.9)):
        lock(
            sheet,
            wavy(right_inner, 9, 1.6, shift),
            wavy(right_outer, 11, 1.6, shift),
            CHESTNUT,
            seed,
            strands=110,
            depth=depth,
            shine_alpha=0.75,
        )
        lock(
            sheet,
            wavy(left_inner, 9, 1.6, 2 + shift),
            wavy(left_outer, 11, 1.6, 2 + shift),
            CHESTNUT,
            seed + 2,
            strands=130,
            depth=depth,
            shine_alpha=0.8,
        )
    # locks that frame the face
    lock(
        sheet,
        wavy([(580, 174), (500, 222), (404, 298), (348, 420), (330, 560), (338, 690), (292, 800)], 10, 1.4, 0.5),
        wavy([(570, 140), (452, 164), (346, 262), (292, 400), (284, 560), (276, 690), (262, 810)], 12, 1.4, 0.5),
        CHESTNUT,
        9,
        strands=56,
        depth=0.15,
        shine=(0.2, 0.4),
        shine_alpha=0.95,
        pointed=1.0,
    )
    lock(
        sheet,
        wavy([(570, 174), (628, 210), (680, 306), (702, 430), (708, 570), (704, 690), (736, 800)], 12, 1.4, 2.6),
        wavy([(566, 140), (658, 172), (724, 280), (744, 420), (750, 560), (752, 690), (768, 815)], 14, 1.4, 2.6),
        CHESTNUT,
        12,
        strands=44,
        depth=0.2,
        shine=(0.2, 0.4),
        shine_alpha=0.85,
        pointed=1.0,
    )
    lock(
        sheet,
        [(576, 168), (512, 190), (426, 250), (352, 350), (320, 450)],
        [(572, 122), (480, 130), (372, 200), (300, 320), (276, 460)],
        CHESTNUT,
        15,
        strands=40,
        depth=0.1,
        shine=(0.3, 0.55),
        shine_alpha=0.9,
        pointed=1.0,
    )
    lock(
        sheet,
        [(566, 168), (618, 184), (680, 250), (722, 350), (742, 460)],
        [(562, 122), (646, 132), (724, 206), (766, 320), (780, 470)],
        CHESTNUT,
        17,
        strands=34,
        depth=0.2,
        shine=(0.3, 0.55),
        shine_alpha=0.7,
        pointed=1.0,
    )
    flyaways(sheet, [(560, 124), (420, 114), (284, 214), (238, 400), (222, 580)], CHESTNUT[2], 5, 20)
    flyaways(sheet, [(806, 580), (790, 400), (752, 216), (664, 122), (580, 124)], CHESTNUT[1], 6, 16)
