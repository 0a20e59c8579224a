"""What a picture costs: `python -m bench.renderer [--size 512] [--device cpu] [--seconds 4]`.

Milliseconds of one core for each picture, drawn only and also encoded as H.264, for a face that talks and moves, that
only talks, and that is idle; by batch size; and how many sessions at 25 pictures a second one core could draw. Prints
JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from engine.animation.pose import CHANNEL, rest_pose
from engine.contracts import FrameRequest
from engine.items import FPS, AnimatedFrame, FloatArray
from engine.rendering.puppet.renderer import PuppetRenderer
from engine.rendering.torch_threads import use_one_thread
from engine.transport.media.encoders import MediaFormat, VideoEncoder


def moving(index: int) -> FloatArray:
    """Speech with the head motion of a lively speaker."""
    pose = talking(index)
    for name, depth, period in (("head_yaw", 0.3, 61), ("head_pitch", 0.2, 43), ("head_roll", 0.12, 83)):
        pose[CHANNEL[name]] = depth * np.sin(2 * np.pi * index / period)
    return pose


def talking(index: int) -> FloatArray:
    """Speech with a still head."""
    pose = idle(index)
    pose[CHANNEL["jaw_open"]] = 0.35 + 0.3 * np.sin(index * 1.1)
    pose[CHANNEL["mouth_stretch"]] = max(0.0, float(np.sin(index * 0.7))) * 0.6
    pose[CHANNEL["mouth_pucker"]] = max(0.0, float(np.sin(index * 0.7 + 3))) * 0.6
    return pose


def idle(index: int) -> FloatArray:
    """Breathing and a blink now and then."""
    pose = rest_pose()
    pose[CHANNEL["breath"]] = 0.5 - 0.5 * np.cos(2 * np.pi * index / 100)
    pose[CHANNEL["blink_left"]] = pose[CHANNEL["blink_right"]] = float(index % 100 < 3)
    return pose


def measure(
    renderer: PuppetRenderer, poses: Callable[[int], FloatArray], batch: int, seconds: float
) -> dict[str, float]:
    """Draw ``batch`` sessions at a time for ``seconds``; percentiles of wall milliseconds per picture."""
    avatars = [renderer.load(avatar_id) for avatar_id in ("avatar_tutor_13", "avatar_tutor_1", "avatar_tutor_7")]
    sound = np.zeros(960, np.float32)
    encoders = [VideoEncoder(MediaFormat(*avatars[0].size)) for _ in range(batch)]
    walls, drawing_s, coding_s, index = [], 0.0, 0.0, 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        requests = [
            FrameRequest(avatars[s % 3], AnimatedFrame(index, sound, poses(index + 17 * s), True), 0.0, f"session {s}")
            for s in range(batch)
        ]
        start, cpu = time.perf_counter(), time.thread_time()
        pictures = renderer.render(requests)
        drawn = time.thread_time()
        walls.append((time.perf_counter() - start) * 1000 / batch)
        for encoder, picture in zip(encoders, pictures, strict=True):
            encoder.encode(picture)
        drawing_s, coding_s = drawing_s + drawn - cpu, coding_s + time.thread_time() - drawn
        index += 1
    cpu_ms, coding_ms = (seconds * 1000 / (index * batch) for seconds in (drawing_s, coding_s))
    p50, p95 = np.percentile(walls, (50, 95))
    return {
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "best_ms": round(min(walls), 2),
        "thread_ms": round(cpu_ms, 2),
        "encoding_thread_ms": round(coding_ms, 2),
        "pose_to_encoded_ms": round(cpu_ms + coding_ms, 2),
        "sessions_per_core": round(1000 / FPS / float(p50), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What a picture costs.")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    use_one_thread()
    renderer = PuppetRenderer(size=arguments.size, device=arguments.device)
    started = time.perf_counter()
    renderer.load("avatar_tutor_13")
    report: dict[str, object] = {
        "renderer": "puppet",
        "size": arguments.size,
        "device": arguments.device,
        "torch": torch.__version__,
        "load_s": round(time.perf_counter() - started, 2),
    }
    for name, poses in (("moving", moving), ("talking", talking), ("idle", idle)):
        for batch in (1, 8):
            measure(renderer, poses, batch, 0.5)
            report[f"{name}, {batch} sessions"] = measure(renderer, poses, batch, arguments.seconds)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
