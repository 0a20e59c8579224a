"""Makes a MuseTalk avatar from a video or a portrait: an explicit step, before any session.

In: bytes, a VAE, a face finder. Out: an avatar folder. Takes minutes on a CPU, seconds on a GPU;
runs in the caller's thread and reports progress.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engine.avatars.face_detection import FaceFinder
from engine.avatars.portrait import Progress, UnsuitablePortrait
from engine.contracts import Presents
from engine.rendering.musetalk.avatar_files import check_target, write_avatar
from engine.rendering.musetalk.face_crops import face_box, face_pixels, jaw_mask
from engine.rendering.musetalk.footage import Shot, follow_face, read_pictures
from engine.rendering.musetalk.generator import face_latents

BATCH = 8
"""Faces enencoded at once."""

SMOOTHING = 2
"""Each box is averaged with this many on each side: landmarks tremble, faces do not."""


def prepare_avatar(
    data: bytes,
    avatar_id: str,
    directory: Path,
    vae: Any,
    *,
    size: int = 512,
    name: str | None = None,
    presents: Presents = "",
    finder: FaceFinder | None = None,
    replace: bool = False,
    progress: Progress = lambda step, done: None,
) -> Path:
    """Make ``<directory>/<avatar_id>/musetalk`` from an enencoded video or picture; gives this folder.

    Args:
        vae: the ``AutoencoderKL`` the generator was trained with, on its device.
        size: edge in pixels of the avatar's square pictures, even.
        presents: whom the face looks like.
        finder: finds the face; made here when None.
        progress: called with a step and the share done, 0..1.

    Raises:
        InvalidField, Conflict: as ``check_target``.
        TooLarge, UnreadableMedia, UnsuitablePortrait: see the messages.
        ModelMissing: the face models are not installed.
    """
    check_target(directory, avatar_id, replace=replace)
    finder = finder or FaceFinder()
    progress("reading pictures", 0.0)
    pictures = read_pictures(data)
    shots = follow_face(pictures, size, finder, lambda step, done: progress(step, 0.1 + 0.4 * done))
    boxed = [(shot, box) for shot in shots if (box := face_box(shot.points, size, size)) is not None]
    if not boxed:
        raise UnsuitablePortrait("the face is cut off by the edge of the picture")
    boxes = _smooth(np.array([box for _, box in boxed], np.float64))
    shots = [shot for shot, _ in boxed]
    masks = [jaw_mask(shot.points, _box(box)) for shot, box in zip(shots, boxes, strict=True)]
    latents = _encode(shots, boxes, vae, lambda done: progress("encoding faces", 0.5 + 0.4 * done))
    progress("writing the avatar", 0.9)
    numbers: dict[str, npt.NDArray[Any]] = {"latents": latents, "masks": np.stack(masks), "boxes": boxes}
    made = write_avatar(
        directory,
        avatar_id,
        name or avatar_id,
        (shot.picture for shot in shots),
        numbers,
        description="Made from a portrait." if len(pictures) == 1 else "Made from a video.",
        presents=presents,
        replace=replace,
    )
    progress("done", 1.0)
    return made


def _encode(
    shots: list[Shot], boxes: npt.NDArray[np.int32], vae: Any, progress: Callable[[float], None]
) -> npt.NDArray[np.float16]:
    device = next(vae.parameters()).device
    encoded = []
    for at in range(0, len(shots), BATCH):
        progress(at / len(shots))
        faces = np.stack(
            [
                face_pixels(shot.picture, _box(box))
                for shot, box in zip(shots[at : at + BATCH], boxes[at : at + BATCH], strict=True)
            ]
        )
        pixels = torch.from_numpy(faces).to(device).permute(0, 3, 1, 2).float() / 255
        encoded.append(face_latents(vae, pixels).to(torch.float16).cpu())
    return np.asarray(torch.cat(encoded).numpy())


def _smooth(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """(N, 4) boxes averaged over time."""
    padded = np.pad(boxes, ((SMOOTHING, SMOOTHING), (0, 0)), mode="edge")
    spans = np.lib.stride_tricks.sliding_window_view(padded, 2 * SMOOTHING + 1, axis=0)
    smooth: npt.NDArray[np.int32] = np.rint(spans.mean(axis=-1)).astype(np.int32)
    return smooth


def _box(values: npt.NDArray[np.int32]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(value) for value in values)
    return left, top, right, bottom
