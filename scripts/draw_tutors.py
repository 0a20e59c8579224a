"""Draw the built-in tutors: `pip install skia-python`, then `python scripts/draw_tutors.py [ID ...]`.

Writes a folder for each tutor under engine/avatars/art, with its layers (PNG), thumbnail and manifest.
Nothing else in the engine needs skia.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from art import eyes, face, teeth
from art.brush import CANVAS, Sheet
from art.look import AXIS
from art.people import TUTORS, Tutor

FOLDER = Path(__file__).parent.parent / "engine" / "avatars" / "art"


def draw(tutor: Tutor, folder: Path) -> None:
    """All files of one avatar."""
    folder.mkdir(parents=True, exist_ok=True)
    look = tutor.look
    sheets = {
        name: Sheet() for name in ("backdrop", "body", "head", "eyes", "lashes", "upper_teeth", "lower_teeth", "tongue")
    }
    tutor.backdrop(sheets["backdrop"])
    tutor.body(sheets["body"], look)
    face.draw_face(sheets["head"], look)
    tutor.hair(sheets["head"], look)
    eyes.draw_eyeballs(sheets["eyes"], look)
    eyes.draw_lashes(sheets["lashes"], look)
    teeth.draw_upper_teeth(sheets["upper_teeth"], look)
    teeth.draw_lower_teeth(sheets["lower_teeth"], look)
    teeth.draw_tongue(sheets["tongue"], look)
    layers = {}
    for name, sheet in sheets.items():
        picture = sheet.image()
        if name == "backdrop":
            picture.convert("RGB").save(folder / "backdrop.jpg", quality=92)
            layers[name] = {"file": "backdrop.jpg", "x": 0, "y": 0}
            continue
        left, top, right, bottom = picture.getchannel("A").point(lambda a: 255 if a > 1 else 0).getbbox()
        picture.crop((left, top, right, bottom)).save(folder / f"{name}.png", optimize=True)
        layers[name] = {"file": f"{name}.png", "x": left, "y": top}
    (folder / "manifest.json").write_text(json.dumps(manifest(tutor, layers), indent=1) + "\n")


def manifest(tutor: Tutor, layers: dict[str, dict[str, object]]) -> dict[str, object]:
    """What the renderer must know about the picture; lengths in art units."""
    look = tutor.look
    outline_x = max(dx for dx, _ in look.outline)
    dx, upper, lower = look.eye.lids()
    x, top, line, bottom = look.mouth.curves()
    openings = []
    for side in (-1, 1):
        order = slice(None, None, side)
        openings.append(
            {
                "x": _round((AXIS + side * (look.eye.offset + dx))[order]),
                "crease": _round(look.eye.crease()[order]),
                "upper": _round(upper[order]),
                "lower": _round(lower[order]),
                "gaze": [look.eye.half_width * 0.26, look.eye.upper * 0.34],
                "brow": [
                    AXIS + side * look.brow_points[0][0],
                    AXIS + side * look.brow_points[-1][0],
                    look.brow_points[1][1],
                ],
            }
        )
    return {
        "format": 1,
        "id": tutor.id,
        "name": tutor.name,
        "description": tutor.description,
        "canvas": CANVAS,
        "layers": layers,
        "head": {
            "x": AXIS,
            "top": look.outline[0][1] - 100,
            "chin": look.outline[-1][1],
            "half_width": outline_x,
            "eyes_y": look.eye.y,
            "nose": [AXIS, look.nose_y - 12],
            "neck": [AXIS, look.outline[-1][1] + 110],
        },
        "mouth": {"x": _round(x), "upper": _round(top), "line": _round(line), "lower": _round(bottom)},
        "eyes": openings,
    }


def _round(values: np.ndarray) -> list[float]:
    return [round(float(v), 2) for v in values]


if __name__ == "__main__":
    for person in TUTORS:
        if len(sys.argv) == 1 or person.id in sys.argv[1:]:
            draw(person, FOLDER / person.id)
            print(person.id)
