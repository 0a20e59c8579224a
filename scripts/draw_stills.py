"""Writes ``still.jpg`` of every built-in avatar: what a page shows before the models are loaded.

    .venv/bin/python scripts/draw_stills.py

Run it after a change of the avatars' art or of the ``puppet`` renderer.
"""

from __future__ import annotations

import io

import av
import numpy as np
from PIL import Image

from engine.animation.idle_motion import idle_loop
from engine.avatars.folders import BUILTIN, STILL
from engine.contracts import FrameRequest
from engine.items import FRAME_SAMPLES, AnimatedFrame
from engine.rendering.puppet.renderer import PuppetRenderer

SIZE = 512
QUALITY = 85


def main() -> None:
    """The command."""
    renderer = PuppetRenderer(size=SIZE)
    frame = AnimatedFrame(0, np.zeros(FRAME_SAMPLES, np.float32), idle_loop(8.0, seed=7)[0], speaking=False)
    for avatar in renderer.list_avatars():
        (picture,) = renderer.render([FrameRequest(renderer.load(avatar.id), frame, 0.0, "still")])
        rgb = av.VideoFrame.from_ndarray(picture.yuv, format="yuv420p").to_ndarray(format="rgb24")
        output = io.BytesIO()
        Image.fromarray(rgb).save(output, "JPEG", quality=QUALITY, optimize=True, progressive=True)
        (BUILTIN / avatar.id / STILL).write_bytes(output.getvalue())
        print(f"{avatar.id}: {len(output.getvalue()) // 1024} kB")


if __name__ == "__main__":
    main()
