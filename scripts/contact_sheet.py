"""Contact sheets of what the puppet draws: `python scripts/contact_sheet.py [PORTRAIT_AVATARS_DIR]`.

Writes JPEGs to docs/images: visemes of every tutor, expressions, a sentence frame by frame, an avatar made from a
portrait (if a folder of your own avatars is given), and the picture at the top of the README.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parent.parent))

from engine.animation.pose import CHANNEL, rest_pose
from engine.animation.visemes import VISEMES, viseme_pose
from engine.contracts import FrameRequest
from engine.items import AnimatedFrame, FloatArray, Picture
from engine.rendering.puppet.renderer import PuppetRenderer

IMAGES = Path(__file__).parent.parent / "docs" / "images"
TUTORS = ("avatar_tutor_13", "avatar_tutor_1", "avatar_tutor_7")
INK, PAPER = "#2b2b2b", "#fbfaf8"
FACE = (96, 40, 416, 424)
MOUTH = (166, 240, 346, 400)

EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "smile": {"mouth_smile": 0.8, "cheek_squint": 0.5},
    "listening": {"head_roll": 0.35, "brow_inner_up": 0.4, "mouth_smile": 0.25},
    "thinking": {"look_x": -0.6, "look_y": 0.7, "head_yaw": -0.3, "brow_down": 0.25, "mouth_pucker": 0.2},
    "surprised": {"eye_wide": 0.9, "brow_inner_up": 0.9, "brow_outer_up": 0.9, "jaw_open": 0.35},
    "blink": {"blink_left": 1.0, "blink_right": 1.0},
    "wink": {"blink_left": 1.0, "mouth_smile": 0.7},
    "nod": {"head_pitch": -0.8, "mouth_smile": 0.3},
    "turn": {"head_yaw": 0.9, "look_x": -0.5},
    "stern": {"brow_down": 0.9, "eye_squint": 0.4, "mouth_frown": 0.5},
}
SENTENCE = (
    ("W", "ou"),
    ("e", "E"),
    ("ll", "nn"),
    ("d", "DD"),
    ("o", "aa"),
    ("ne", "nn"),
    ("", "sil"),
    ("v", "FF"),
    ("e", "E"),
    ("r", "RR"),
    ("y", "ih"),
    ("g", "kk"),
    ("oo", "ou"),
    ("d", "DD"),
    ("", "sil"),
    ("m", "PP"),
    ("y", "aa"),
    ("f", "FF"),
    ("r", "RR"),
    ("ie", "E"),
    ("n", "nn"),
    ("d", "DD"),
)


class Studio:
    """Draws poses and lays pictures out."""

    def __init__(self, directories: list[Path]) -> None:
        self.renderer = PuppetRenderer(directories)
        fonts = [Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")]
        found = next((font for font in fonts if font.exists()), None)
        self.font = ImageFont.truetype(str(found), 17) if found else ImageFont.load_default()

    def draw(self, avatar_id: str, pose: FloatArray) -> Image.Image:
        frame = AnimatedFrame(index=0, pcm=np.zeros(960, np.float32), pose=pose, speaking=True)
        request = FrameRequest(avatar=self.renderer.load(avatar_id), frame=frame, deadline=0.0, session="sheet")
        return to_rgb(self.renderer.render([request])[0])

    def sheet(self, rows: list[list[tuple[str, Image.Image]]], cell: tuple[int, int], name: str) -> None:
        """Write rows of captioned pictures."""
        gap, caption = 8, 26
        width = max(len(row) for row in rows) * (cell[0] + gap) + gap
        sheet = Image.new("RGB", (width, len(rows) * (cell[1] + caption + gap) + gap), PAPER)
        pen = ImageDraw.Draw(sheet)
        for r, row in enumerate(rows):
            for c, (label, picture) in enumerate(row):
                x, y = gap + c * (cell[0] + gap), gap + r * (cell[1] + caption + gap)
                sheet.paste(picture.resize(cell, Image.Resampling.LANCZOS), (x, y))
                pen.text((x + cell[0] / 2, y + cell[1] + 4), label, INK, font=self.font, anchor="ma")
        save(sheet, name)


def make(**channels: float) -> FloatArray:
    pose = rest_pose()
    for name, value in channels.items():
        pose[CHANNEL[name]] = value
    return pose


def to_rgb(picture: Picture) -> Image.Image:
    """BT.601 limited range to RGB."""
    size = picture.width
    y = 1.164 * (picture.yuv[:size].astype(np.float32) - 16)
    planes = picture.yuv[size:].reshape(2, size // 2, size // 2)
    u, v = (
        np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BILINEAR), np.float32) - 128 for p in planes
    )
    rgb = np.stack([y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u], -1)
    return Image.fromarray(rgb.clip(0, 255).astype(np.uint8))


def save(image: Image.Image, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for quality in (90, 84, 76, 68):
        image.save(IMAGES / name, quality=quality, optimize=True)
        if (IMAGES / name).stat().st_size < 380_000:
            break
    print(name, (IMAGES / name).stat().st_size // 1000, "kB", image.size)


def mouths(studio: Studio, avatars: tuple[str, ...], name: str) -> None:
    rows = []
    for avatar_id in avatars:
        cells = [(v, studio.draw(avatar_id, viseme_pose(v)).crop(MOUTH)) for v in VISEMES]
        rows += [cells[:8], cells[8:]]
    studio.sheet(rows, (180, 160), name)


def main() -> None:
    own = [Path(argument) for argument in sys.argv[1:]]
    studio = Studio(own)
    mouths(studio, TUTORS, "visemes.jpg")
    rows = [
        [(label, studio.draw(t, make(**channels)).crop(FACE)) for label, channels in EXPRESSIONS.items()]
        for t in TUTORS
    ]
    studio.sheet(rows, (150, 180), "expressions.jpg")
    shown, strip = rest_pose(), []
    for index, (letters, viseme) in enumerate(SENTENCE):
        shown = shown + (viseme_pose(viseme) - shown) * 0.8
        pose = shown + make(head_yaw=0.25 * np.sin(index / 4), head_pitch=-0.2 * np.sin(index / 3), mouth_smile=0.15)
        strip.append((letters or "·", studio.draw(TUTORS[0], pose).crop(FACE)))
    studio.sheet([strip[:11], strip[11:]], (130, 156), "sentence.jpg")
    hero = Image.new("RGB", (3 * 400 + 16, 400), PAPER)
    looks = (
        {"jaw_open": 0.3, "mouth_smile": 0.5, "mouth_stretch": 0.3, "head_yaw": -0.2},
        {"mouth_smile": 0.55, "cheek_squint": 0.3, "head_roll": -0.15},
        {"mouth_smile": 0.6, "cheek_squint": 0.3, "head_yaw": 0.25},
    )
    for index, (avatar_id, channels) in enumerate(zip(TUTORS, looks, strict=True)):
        hero.paste(
            studio.draw(avatar_id, make(**channels)).resize((400, 400), Image.Resampling.LANCZOS), (index * 408, 0)
        )
    save(hero, "tutors.jpg")
    studio.draw(TUTORS[0], make(**looks[0])).save(IMAGES / "tutor.png", optimize=True)
    for folder in [child for directory in own for child in sorted(directory.iterdir())][:1]:
        cells = [
            (label, studio.draw(folder.name, make(**channels)).crop((64, 64, 448, 448)))
            for label, channels in {
                "rest": {},
                "ah": {"jaw_open": 0.7},
                "oo": {"mouth_pucker": 0.8, "jaw_open": 0.2},
                "ee": EXPRESSIONS["smile"] | {"jaw_open": 0.2, "mouth_stretch": 0.5},
                "f": {"lip_bite": 1.0, "jaw_open": 0.1},
                "blink": EXPRESSIONS["blink"],
                "turn": {"head_yaw": 0.8},
                "brows": {"brow_inner_up": 1.0, "brow_outer_up": 1.0},
            }.items()
        ]
        studio.sheet([cells[:4], cells[4:]], (230, 230), "portrait.jpg")


if __name__ == "__main__":
    main()
