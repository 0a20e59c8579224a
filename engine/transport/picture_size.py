"""How large a client's pictures are, and how many bits they get. Pure."""

from __future__ import annotations

import os

from engine.settings.groups import VideoSettings

LARGE_SIZE, LARGE_CORES = 768, 4
"""On two cores, larger pictures would take the time of the language model."""

WORTH_LARGE = 1.2
"""A picture shown at fewer than so many times its pixels does not look blurred. A judgement."""

LARGE_BELOW = 0.4
"""Larger pictures are for machines with time to spare: below this share of the drawing thread. A judgement."""


def larger_edge(video: VideoSettings, shown_px: int, busy: float) -> int | None:
    """The edge, in pixels, of pictures larger than ``video.size``; None where the usual ones will do.

    Args:
        video: the settings.
        shown_px: the edge at which the client shows them, in device pixels.
        busy: share of the drawing thread's time that is taken, 0..1.
    """
    large = video.large_size
    if large is None:
        large = LARGE_SIZE if len(os.sched_getaffinity(0)) >= LARGE_CORES else video.size
    wanted = shown_px >= WORTH_LARGE * video.size and large > video.size
    return large if wanted and busy < LARGE_BELOW else None


def video_bitrate(video: VideoSettings, edge: int) -> int:
    """H.264 bits per second of pictures with this edge, in pixels: as many for each pixel as at ``video.size``."""
    return video.bitrate * max(edge, video.size) ** 2 // video.size**2
