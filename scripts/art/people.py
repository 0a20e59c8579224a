"""The tutors: who they are, how they look and what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from art import rooms
from art.body import draw_neck, garment, shoulders
from art.brush import Sheet, blob, ellipse, lock, mirrored, mix, outline, spline, stroke_shape, taper
from art.look import AXIS, Look, Skin


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
    outline=((0, 222), (110, 238), (168, 306), (190, 400), (191, 476), (184, 548), (164, 622), (124, 690), (74, 736), (32, 753), (0, 756)),
    ear=None,
)
CHESTNUT = ("#2f1a12", "#6a3e27", "#b9794c")


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
    sheet.gradient(back, (0, 500), (0, 900), [(0, mix(dark, "#000000", 0.3)), (1, dark)])
    draw_neck(sheet, look.skin, look.outline[-1][1], 76)
    blouse = outline([*spline([(396, 872), (440, 930), (AXIS, 1010)]), *spline([(AXIS, 1010), (584, 930), (628, 872)]), (700, 900), (700, 1090), (324, 1090), (324, 900)])
    garment(sheet, blouse, ("#b8a58c", "#efe6d6", "#fffaf0"), [[(440, 960), (470, 1010), (480, 1080)], [(590, 960), (560, 1010), (556, 1080)]])
    sheet.line([(396, 874), (440, 930), (AXIS, 1009)], 5, "#fffdf6", 0.8)
    sheet.line([(628, 874), (584, 930), (AXIS, 1009)], 5, "#d8ccb8", 0.9)
    jacket = ("#123b40", "#2b7074", "#5fa9a6")
    for side in (1, -1):
        half = [(AXIS + 122, 838), (AXIS + 160, 850), (AXIS + 232, 876), (AXIS + 330, 916), (AXIS + 384, 976), (AXIS + 412, 1090), (AXIS + 40, 1090), (AXIS + 92, 980), (AXIS + 118, 900)]
        points = half if side == 1 else mirrored(half, AXIS)
        folds = [[(AXIS + side * 300, 930), (AXIS + side * 262, 990), (AXIS + side * 250, 1070)], [(AXIS + side * 210, 900), (AXIS + side * 232, 980), (AXIS + side * 226, 1070)]]
        garment(sheet, outline(spline(points, closed=True)), jacket, folds)
        lapel = [(AXIS + 112, 846), (AXIS + 172, 862), (AXIS + 214, 930), (AXIS + 160, 946), (AXIS + 186, 976), (AXIS + 60, 1090), (AXIS + 30, 1090), (AXIS + 96, 960), (AXIS + 108, 900)]
        points = lapel if side == 1 else mirrored(lapel, AXIS)
        sheet.fill(outline(points), "#0a2327", 0.5, blur=9)
        sheet.gradient(outline(points), (AXIS + side * 90, 850), (AXIS + side * 200, 1060), [(0, mix(jacket[1], jacket[2], 0.55 if side < 0 else 0.25)), (1, mix(jacket[1], jacket[0], 0.35))])
        sheet.line(points[1:4], 2, jacket[2], 0.6, blur=0.8)


def maya_hair(sheet: Sheet, look: Look) -> None:
    shade = blob([(300, 250), (420, 210), (560, 190), (700, 240), (724, 420), (700, 560), (686, 420), (640, 300), (560, 262), (450, 318), (370, 400), (344, 520), (320, 600), (300, 420)])
    sheet.fill(shade, look.skin.deep, 0.0)
    part = (562.0, 176.0)
    # right side of the picture, the smaller share of the parting
    lock(sheet, [part, (628, 226), (676, 330), (694, 450), (702, 580), (694, 700), (716, 800), (700, 858)],
         [(548, 124), (650, 122), (744, 226), (780, 420), (784, 600), (806, 740), (788, 850), (742, 880)], CHESTNUT, 3, strands=70)
    # left side, sweeping over the forehead
    lock(sheet, [(574, 182), (500, 236), (402, 316), (350, 430), (334, 570), (344, 700), (320, 800), (340, 862)],
         [(566, 122), (416, 118), (286, 230), (246, 420), (242, 600), (216, 740), (236, 850), (282, 882)], CHESTNUT, 5, strands=90)
    # a loose lock over it
    lock(sheet, [(572, 178), (520, 212), (430, 276), (366, 370), (338, 480), (330, 560)],
         [(560, 150), (470, 178), (372, 262), (318, 380), (308, 480), (322, 574)], CHESTNUT, 9, strands=30, shine=(0.25, 0.45), shine_alpha=0.65)
    lock(sheet, [(566, 178), (622, 214), (668, 300), (690, 400), (698, 500)],
         [(572, 152), (648, 186), (706, 286), (724, 400), (708, 520)], CHESTNUT, 12, strands=24, shine=(0.25, 0.45), shine_alpha=0.5)


TUTORS = (
    Tutor("avatar_tutor_13", "Maya", "A warm language tutor in a bright study.", MAYA, maya_room, maya_body, maya_hair),
)
