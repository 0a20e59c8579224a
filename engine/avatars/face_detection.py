"""Faces in a picture: where they are, and 468 points on one of them.

In: RGB pictures. Out: boxes and landmarks in pixels. Used when an avatar is made, in
the caller's thread; the interpreters live as long as the object. The two models are MediaPipe's (Apache-2.0, TFLite):
BlazeFace short range and Face Mesh. Input sizes, scaling and anchors are those of their model cards and graphs. They
run under ai-edge-litert.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.errors import ModelMissing
from engine.models.catalog import locate

Points = npt.NDArray[np.float32]

DETECTOR_EDGE, MESH_EDGE = 128, 192
"""Edges of the models' inputs in pixels."""

MIN_SCORE = 0.6
"""Probability from which a box counts as a face."""


INSTALL = "make portrait"
"""The command that installs the face models and their runtime."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """One face, in pixels of the picture."""

    x: float
    y: float
    width: float
    height: float
    score: float
    eyes: tuple[tuple[float, float], tuple[float, float]]
    """(x, y) of each, the one on the picture's left first."""


class FaceFinder:
    """Finds faces and their landmarks. Not thread safe."""

    def __init__(self, models_dir: Path | None = None) -> None:
        """Load both models.

        Raises:
            ModelMissing: they or their runtime are not installed; the message has the command.
        """
        try:
            detector, mesh = locate("face-detector", models_dir), locate("face-landmarks", models_dir)
        except ModelMissing as error:
            raise ModelMissing(f"{error.message}. Or: {INSTALL}") from None
        self._detector, self._mesh = _interpreter(detector), _interpreter(mesh)
        self._anchors = _anchors()

    def find(self, picture: Image.Image) -> list[FaceBox]:
        """All faces, the largest first. ``picture`` is RGB."""
        edge = max(picture.size)
        square = Image.new("RGB", (edge, edge))
        square.paste(picture)
        pixels = np.asarray(square.resize((DETECTOR_EDGE, DETECTOR_EDGE), Image.Resampling.BILINEAR), np.float32)
        raw, logits = _run(self._detector, pixels / 127.5 - 1)
        if raw.shape[-1] != 16:
            raw, logits = logits, raw
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
        values = raw.reshape(-1, 8, 2) / DETECTOR_EDGE
        values[:, 0] += self._anchors
        values[:, 2:] += self._anchors[:, None]
        faces: list[FaceBox] = []
        for index in np.argsort(-scores):
            if scores[index] < MIN_SCORE:
                break
            center, extent = values[index, 0] * edge, values[index, 1] * edge
            right, left = (tuple(map(float, values[index, k] * edge)) for k in (2, 3))
            face = FaceBox(
                float(center[0] - extent[0] / 2),
                float(center[1] - extent[1] / 2),
                float(extent[0]),
                float(extent[1]),
                float(scores[index]),
                ((right[0], right[1]), (left[0], left[1])),
            )
            if all(_overlap(face, other) < 0.3 for other in faces):
                faces.append(face)
        return sorted(faces, key=lambda face: -face.width * face.height)

    def landmarks(self, picture: Image.Image, face: FaceBox) -> tuple[Points, float]:
        """(468, 2) float32 pixels of the face mesh, and the probability that there is a face, 0..1."""
        (x0, y0), (x1, y1) = face.eyes
        angle = np.arctan2(y1 - y0, x1 - x0)
        edge = 1.5 * max(face.width, face.height)
        center = np.array([face.x + face.width / 2, face.y + face.height / 2])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (edge / MESH_EDGE)
        shift = center - turn @ np.array([MESH_EDGE / 2, MESH_EDGE / 2])
        matrix = (turn[0, 0], turn[0, 1], shift[0], turn[1, 0], turn[1, 1], shift[1])
        # shrink first: an affine transform does not average
        factor = max(1, int(edge / MESH_EDGE / 1.5))
        small = picture.reduce(factor) if factor > 1 else picture
        scaled = tuple(value / factor for value in matrix)
        crop = small.transform((MESH_EDGE, MESH_EDGE), Image.Transform.AFFINE, scaled, Image.Resampling.BILINEAR)
        mesh, flag = _run(self._mesh, np.asarray(crop, np.float32) / 255)
        if mesh.size == 1:
            mesh, flag = flag, mesh
        points = mesh.reshape(-1, 3)[:, :2] @ turn.T + shift
        return points.astype(np.float32), float(1 / (1 + np.exp(-flag.reshape(-1)[0])))


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # an extra: needed only to make portraits
    except ImportError:
        raise ModelMissing(f"ai-edge-litert, which runs the face models, is not installed: {INSTALL}") from None

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _run(
    interpreter: Any, pixels: npt.NDArray[np.floating[Any]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None].astype(np.float32))
    interpreter.invoke()
    first, second = (interpreter.get_tensor(d["index"]).astype(np.float64) for d in interpreter.get_output_details())
    return first, second


def _anchors() -> npt.NDArray[np.float64]:
    """(896, 2), 0..1: centres of the detector's cells, twice for each of 16 x 16 and six times for each of 8 x 8."""
    centers = []
    for cells, each in ((16, 2), (8, 6)):
        line = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(line, line)
        centers.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), each, axis=0))
    return np.concatenate(centers)


def _overlap(one: FaceBox, other: FaceBox) -> float:
    """Intersection over union, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (one.width * one.height + other.width * other.height - shared)
