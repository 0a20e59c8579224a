"""Strips of the living face: `python scripts/face_strips.py [--recording FOLDER]`.

Writes docs/images/moods.png: idle, listening, thinking, speaking, glad and gentle, 0.4 s apart. With
``--recording`` also every second picture of 20 s (idle, listening, thinking, speaking, idle) as contact sheets of 50.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from contact_sheet import FACE, IMAGES, TUTORS, Studio
from PIL import Image, ImageDraw

from engine.animation.idle_motion import IdleMotion
from engine.animation.moods import Mood
from engine.animation.reply_animator import ReplyAnimator
from engine.animation.settling import Settling
from engine.items import FPS, OUTPUT_RATE, Clause, Expression, FloatArray, Phoneme, Speech

SOUNDS = tuple("hɛlowilʊkætplæntsðizmɛkʃʊɡəfɹʌmlat")
SOUND_MS = 90.0
STEP = 10
"""Pictures from one of a strip to the next."""


def spoken(expression: Expression, seconds: float) -> Speech:
    """Silence with phonemes: enough for a face."""
    count = int(seconds * 1000 / SOUND_MS)
    sounds = tuple(Phoneme(SOUNDS[i % len(SOUNDS)], i * SOUND_MS, (i + 1) * SOUND_MS) for i in range(count))
    pcm = np.zeros(int(seconds * OUTPUT_RATE), np.float32)
    return Speech(Clause("strip", "strip", "en", 0, expression), pcm, phonemes=sounds)


def waiting(mood: Mood, seconds: float, seed: int) -> list[FloatArray]:
    """A face that has been in ``mood`` for two seconds."""
    idle_motion = IdleMotion(seed)
    poses = [idle_motion.pose(8 + i / FPS, mood) for i in range(int((seconds + 2) * FPS))]
    return poses[2 * FPS :]


def speaking(expression: Expression, seconds: float, seed: int) -> list[FloatArray]:
    """A face that speaks."""
    return [frame.pose for frame in ReplyAnimator(IdleMotion(seed), 10.0).feed(spoken(expression, seconds))]


def recording(seed: int = 5) -> list[FloatArray]:
    """Twenty seconds: idle, the student speaks and pauses, the tutor thinks, speaks, and is idle again."""
    idle_motion, settling = IdleMotion(seed), Settling()
    poses = [idle_motion.pose(i / FPS, "idle") for i in range(5 * FPS)]
    idle_motion.nod_at(7.5)
    poses += [idle_motion.pose(5 + i / FPS, "listening") for i in range(4 * FPS)]
    poses += [idle_motion.pose(9 + i / FPS, "thinking") for i in range(2 * FPS)]
    reply = [frame.pose for frame in ReplyAnimator(idle_motion, 11.0).feed(spoken("glad", 5.0))]
    settling.spoken(reply[-1])
    after = [settling.settle(idle_motion.pose(16 + i / FPS, "idle"), 16 + i / FPS) for i in range(4 * FPS)]
    return [*poses, *reply, *after]


def strips(studio: Studio) -> None:
    rows: list[tuple[str, Sequence[FloatArray]]] = [
        *((mood, waiting(mood, 3.4, seed)) for mood, seed in (("idle", 3), ("listening", 4), ("thinking", 11))),
        ("speaking", speaking("neutral", 4.0, 6)), ("glad", speaking("glad", 4.0, 7)),
        ("gentle", speaking("gentle", 4.0, 8)),
    ]  # fmt: skip
    width, height, left = 110, 132, 92
    sheet = Image.new("RGB", (left + 8 * (width + 4), len(rows) * (height + 6)), "#fbfaf8")
    pen = ImageDraw.Draw(sheet)
    for r, (label, poses) in enumerate(rows):
        pen.text((8, r * (height + 6) + height / 2), label, "#2b2b2b", font=studio.font, anchor="lm")
        for c, pose in enumerate(poses[10 : 10 + 8 * STEP : STEP]):
            picture = studio.draw(TUTORS[0], pose).crop(FACE).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(picture, (left + c * (width + 4), r * (height + 6)))
    path = IMAGES / "moods.png"
    sheet.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    print(path.name, path.stat().st_size // 1000, "kB", sheet.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    studio = Studio([])
    strips(studio)
    if arguments.recording:
        shown = recording()[::2]
        for first in range(0, len(shown), 50):
            cells = [(f"{(first + i) * 2 / FPS:.2f}", studio.draw(TUTORS[0], pose).crop(FACE)) for i, pose in
                     enumerate(shown[first : first + 50])]  # fmt: skip
            sheet = Image.new("RGB", (10 * 150, 5 * 200), "#fbfaf8")
            for i, (label, picture) in enumerate(cells):
                at = (i % 10 * 150, i // 10 * 200)
                sheet.paste(picture.resize((148, 178)), at)
                ImageDraw.Draw(sheet).text((at[0] + 74, at[1] + 180), label, "#2b2b2b", font=studio.font, anchor="ma")
            arguments.recording.mkdir(parents=True, exist_ok=True)
            sheet.save(arguments.recording / f"sheet-{first // 50}.png")


if __name__ == "__main__":
    main()
