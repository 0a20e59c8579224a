"""Pictures of a face from a video or a portrait: decoded within limits, cropped square, with landmarks.

In: bytes of a file that is not trusted. Out: square pictures of one size with their landmarks,
only those that show the followed face alone. Runs in the caller's thread; nothing to stop.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.audio.containers import CODECS as SOUND_CODECS
from engine.avatars.face_detection import FaceBox, FaceFinder, Points
from engine.avatars.portrait import Progress, UnsuitablePortrait, read_portrait
from engine.errors import TooLarge, UnreadableMedia
from engine.items import FPS
from engine.rendering.musetalk.avatar_files import MAX_PICTURES

MAX_VIDEO_BYTES = 256 << 20
MAX_VIDEO_PIXELS = 4096 * 2304
MAX_DECODED = 4 * MAX_PICTURES
"""Pictures of a video that are decoded at most, whatever its rate."""

MAX_DECODED_EDGE = 1280
"""Larger pictures are scaled down as they are decoded."""

MAX_MEMORY_BYTES = 2 << 30
"""Of decoded pictures: 31 s at 1280 x 720."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
CODECS = f"h264,hevc,vp8,vp9,av1,libdav1d,mpeg4,mjpeg,{SOUND_CODECS}"
ROOM = 2.3
"""Edge of the square, in heights of the face."""

MAX_MISSING = 0.1
"""Share of a video's pictures that may be undecodable before it counts as cut off."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture and where the face is in it."""

    picture: Pixels
    """(size, size, 3) RGB."""
    points: Points
    """(468, 2) in its pixels."""


def read_pictures(data: bytes) -> list[Pixels]:
    """Decode a video at 25 pictures a second, or a portrait as one picture: (H, W, 3) uint8 RGB each.

    Raises:
        TooLarge: over a limit, which the message names.
        UnreadableMedia: neither a picture nor a video, or cut off.
    """
    if data[:8].startswith((b"\x89PNG", b"\xff\xd8", b"RIFF")) and data[8:12] != b"AVI ":
        return [np.asarray(read_portrait(data))]
    if len(data) > MAX_VIDEO_BYTES:
        raise TooLarge(f"the video is larger than {MAX_VIDEO_BYTES >> 20} MB")
    pictures: list[Pixels] = []
    room = MAX_MEMORY_BYTES
    try:
        for picture in _decode(data):
            room -= picture.nbytes
            if room < 0:
                raise TooLarge(f"the video is too long: use at most {len(pictures) / FPS:.0f} s at this size")
            pictures.append(picture)
    except (av.error.FFmpegError, ValueError) as error:
        raise UnreadableMedia("the file is not a video, or is damaged or cut off") from error
    if not pictures:
        raise UnreadableMedia("the video has no pictures")
    return pictures


def _decode(data: bytes) -> Iterator[Pixels]:
    # libav may open nothing but these bytes, and only as a video
    options = {"protocol_whitelist": "none", "format_whitelist": FORMATS, "codec_whitelist": CODECS}
    with av.open(io.BytesIO(data), "r", options=options) as container:
        if not container.streams.video:
            raise UnreadableMedia("the video has no pictures")
        stream = container.streams.video[0]
        if stream.width * stream.height > MAX_VIDEO_PIXELS:
            raise TooLarge(
                f"the video is {stream.width} x {stream.height}; at most {MAX_VIDEO_PIXELS} pixels are allowed"
            )
        shown, decoded = 0, 0
        for frame in container.decode(stream):
            decoded += 1
            if decoded > MAX_DECODED:
                raise TooLarge(f"the video has more than {MAX_DECODED} pictures")
            if frame.width * frame.height > MAX_VIDEO_PIXELS:
                raise TooLarge(f"the video has pictures of {frame.width} x {frame.height}")
            at = frame.time if frame.time is not None else decoded / FPS
            if at * FPS < shown - 0.5:
                continue
            if shown == MAX_PICTURES:
                break
            shown += 1
            scale = min(1.0, MAX_DECODED_EDGE / max(frame.width, frame.height))
            small = frame.reformat(round(frame.width * scale), round(frame.height * scale), "rgb24")
            yield np.asarray(small.to_ndarray(), np.uint8)
        if decoded < (1 - MAX_MISSING) * stream.frames and shown < MAX_PICTURES:
            raise UnreadableMedia(f"the video is cut off: it has {decoded} of {stream.frames} pictures")


def follow_face(pictures: list[Pixels], size: int, finder: FaceFinder, progress: Progress) -> list[Shot]:
    """Crop to the same square around the face in all pictures, of edge ``size``; pictures without it are left out.

    Raises:
        UnsuitablePortrait: most pictures show no face or several, or the face is too small.
    """
    found: list[tuple[Pixels, Points]] = []
    for index, picture in enumerate(pictures):
        progress("following the face", index / len(pictures))
        image = Image.fromarray(picture)
        faces = finder.find(image)
        if not faces or _crowded(faces):
            continue
        points, certainty = finder.landmarks(image, faces[0])
        if certainty >= 0.5:
            found.append((picture, points))
    if len(found) < 0.5 * len(pictures):
        raise UnsuitablePortrait(f"only {len(found)} of {len(pictures)} pictures show one face")
    extents = np.array([[*points.min(axis=0), *points.max(axis=0)] for _, points in found])
    left, top, right, bottom = np.median(extents, axis=0)
    if right - left < 90:
        raise UnsuitablePortrait(f"the face is {right - left:.0f} pixels wide; at least 90 are needed, 300 are better")
    height, width = found[0][0].shape[:2]
    edge = int(min(width, height, ROOM * (bottom - top)))
    x = int(np.clip((left + right - edge) / 2, 0, width - edge))
    y = int(np.clip((top + bottom - edge) / 2, 0, height - edge))
    shots = []
    for picture, points in found:
        if picture.shape[:2] != (height, width):
            continue
        crop = Image.fromarray(picture[y : y + edge, x : x + edge]).resize((size, size), Image.Resampling.LANCZOS)
        moved = (points - np.array([x, y], np.float32)) * np.float32(size / edge)
        shots.append(Shot(np.asarray(crop), moved.astype(np.float32)))
    return shots


def _crowded(faces: list[FaceBox]) -> bool:
    return len(faces) > 1 and faces[1].width > 0.45 * faces[0].width
