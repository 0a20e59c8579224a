"""What MuseTalk costs, with random weights: `python -m bench.musetalk [--tiny] [--device cuda] [--seconds 3]`.

Speed does not depend on the values of the weights, so no download is needed. Prints JSON:

- pictures a second and ms by batch size, networks alone: eager against CUDA graphs, VAE against TAESD;
- the same through the renderer (pasting, YUV and the copy back included), and a reply's audio features;
- sessions that each run the networks by themselves against one scheduler that batches them;
- the ladder: live sessions at 25 pictures a second, the share of late pictures, and how long the first picture of a
  reply takes that begins under this load.

`--tiny` runs the small test networks, to try the script itself on a CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.contracts import FrameRequest
from engine.items import FPS, FRAME_SAMPLES, AnimatedFrame
from engine.rendering.musetalk.audio_features import WhisperFeatures
from engine.rendering.musetalk.avatar_files import write_avatar
from engine.rendering.musetalk.graphs import BucketedGenerator
from engine.rendering.musetalk.random_weights import write_random
from engine.rendering.musetalk.renderer import BATCH_SIZES, MuseTalkRenderer
from engine.rendering.musetalk.weights import Networks, check_extra, load_networks
from engine.rendering.scheduler import FrameScheduler
from engine.rendering.torch_threads import use_one_thread
from engine.telemetry import Metrics

LATE_S = 0.2
"""Pictures are asked for this long before they are due."""


def timed(run: Callable[[], object], seconds: float, device: torch.device) -> dict[str, float]:
    """Median and 95th percentile of wall milliseconds, including the wait for the device."""
    run()
    walls: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(walls) < 3:
        began = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        walls.append((time.perf_counter() - began) * 1000)
    p50, p95 = np.percentile(walls, (50, 95))
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


def networks_alone(networks: Networks, sizes: list[int], seconds: float, graphs: bool) -> dict[str, Any]:
    """By batch size."""
    generator = BucketedGenerator(networks.generator, sizes, use_graphs=graphs)
    generator.warm_up()
    table: dict[str, Any] = {}
    for size in sizes:
        inputs = networks.generator.inputs(size)
        cost = timed(partial(generator, *inputs), seconds, networks.generator.device)
        table[str(size)] = {**cost, "pictures_s": round(size * 1000 / cost["p50_ms"], 1)}
    if graphs:
        table["captured"] = list(generator.captured)
    generator.close()
    return table


class Stand:
    """A renderer with avatars, and requests for it."""

    def __init__(self, networks: Networks, models_dir: Path, folder: Path, size: int, graphs: bool) -> None:
        rng = np.random.default_rng(1)
        for name in ("one", "two"):
            if not (folder / name).exists():
                pictures = [rng.integers(0, 255, (size, size, 3), dtype=np.uint8) for _ in range(8)]
                box = np.array([size // 4, size // 4, size * 3 // 4, size * 3 // 4], np.int32)
                write_avatar(
                    folder,
                    name,
                    name,
                    pictures,
                    {
                        "latents": rng.standard_normal((8, 8, 32, 32)).astype(np.float16),
                        "masks": np.full((8, 256, 256), 255, np.uint8),
                        "boxes": np.tile(box, (8, 1)),
                    },
                )
        self.renderer = MuseTalkRenderer(networks, [folder], use_graphs=graphs)
        self.renderer.warm_up()
        shape = (networks.generator.tokens, networks.generator.width)
        self._heard = rng.standard_normal((64, *shape)).astype(np.float32)
        self._sound = np.zeros(FRAME_SAMPLES, np.float32)

    def request(self, session: int, index: int, deadline: float = 0.0) -> FrameRequest:
        features = self._heard[(index + 7 * session) % 64]
        frame = AnimatedFrame(index, self._sound, np.zeros(27, np.float32), True, features)
        return FrameRequest(self.renderer.load(("one", "two")[session % 2]), frame, deadline, f"session {session}")

    def by_batch(self, sizes: list[int], seconds: float, device: torch.device) -> dict[str, Any]:
        """Pictures from features to YUV on the host."""
        table = {}
        for size in sizes:
            requests = [self.request(session, session) for session in range(size)]
            cost = timed(partial(self.renderer.render, requests), seconds, device)
            table[str(size)] = {**cost, "pictures_s": round(size * 1000 / cost["p50_ms"], 1)}
        return table

    async def throughput(self, sessions: int, seconds: float, shared: bool) -> float:
        """Pictures a second when all sessions ask for the next one at the same time."""
        made = 0
        async with scheduler_of(self.renderer) as scheduler:
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            lock = asyncio.Lock()

            async def live(session: int) -> None:
                nonlocal made
                index = 0
                while loop.time() < end:
                    async with contextlib.nullcontext() if shared else lock:
                        await scheduler.render([self.request(session, index, loop.time() + 1)])
                    made, index = made + 1, index + 1

            await asyncio.gather(*(live(session) for session in range(sessions)))
        return round(made / seconds, 1)

    async def rung(self, sessions: int, seconds: float) -> dict[str, float]:
        """Sessions that speak at 25 pictures a second, and replies that begin meanwhile."""
        late = total = 0
        first_ms: list[float] = []
        async with scheduler_of(self.renderer) as scheduler:
            loop = asyncio.get_running_loop()
            start = loop.time() + 0.1
            count = int(seconds * FPS)

            async def live(session: int) -> None:
                nonlocal late, total
                begin = start + session / FPS / sessions
                for index in range(count):
                    due = begin + index / FPS + LATE_S
                    await asyncio.sleep(due - LATE_S - loop.time())
                    await scheduler.render([self.request(session, index, due)])
                    total += 1
                    late += loop.time() > due

            async def newcomers() -> None:
                while loop.time() < start + seconds - 0.5:
                    await asyncio.sleep(0.25)
                    began = loop.time()
                    await scheduler.render([self.request(sessions + len(first_ms), 0, began)])
                    first_ms.append((loop.time() - began) * 1000)

            await asyncio.gather(newcomers(), *(live(session) for session in range(sessions)))
        p50, p95 = np.percentile(first_ms, (50, 95))
        return {
            "sessions": sessions,
            "late_share": round(late / total, 4),
            "first_picture_p50_ms": round(float(p50), 1),
            "first_picture_p95_ms": round(float(p95), 1),
        }


def scheduler_of(renderer: MuseTalkRenderer) -> contextlib.AbstractAsyncContextManager[FrameScheduler]:
    return FrameScheduler(renderer, Metrics()).running()


def feature_times(networks: Networks, seconds: float) -> dict[str, Any]:
    """A clause of 2 s at once, and pieces of 5 frames with the 2 s before them."""
    t = np.arange(100 * FRAME_SAMPLES) / 24_000
    pcm = (0.3 * np.sin(2 * np.pi * 150 * t) * np.sin(2 * np.pi * 2 * t)).astype(np.float32)
    frames = [
        AnimatedFrame(i, pcm[i * FRAME_SAMPLES : (i + 1) * FRAME_SAMPLES], np.zeros(27, np.float32), True)
        for i in range(100)
    ]

    def piece() -> object:
        return next(streaming)

    def pieces() -> Any:
        while True:
            features = WhisperFeatures(networks.whisper)
            features.feed(frames[:60], last=False)
            for at in range(60, 100, 5):
                yield features.feed(frames[at : at + 5], last=False)

    streaming = pieces()
    device = networks.generator.device
    return {
        "clause of 2 s": timed(lambda: WhisperFeatures(networks.whisper).feed(frames[:50], last=True), seconds, device),
        "5 more frames": timed(piece, seconds, device),
    }


async def ladder(stand: Stand, seconds: float, most: int) -> list[dict[str, float]]:
    """Rungs of 1, 2, 4, 8, 10, 12, 14 ... sessions, until one has more than 1 % late."""
    rungs = []
    for sessions in [n for n in (1, 2, 4, 8, *range(10, most + 1, 2)) if n <= most]:
        rungs.append(await stand.rung(sessions, seconds))
        if rungs[-1]["late_share"] > 0.01:
            break
    return rungs


def main() -> None:
    parser = argparse.ArgumentParser(description="What MuseTalk costs, with random weights.")
    parser.add_argument("--tiny", action="store_true", help="the small networks of the tests")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, default=512, help="edge of the avatar's pictures")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--most", type=int, default=32, help="highest rung of the ladder")
    arguments = parser.parse_args()
    check_extra()
    use_one_thread()
    device, seconds = torch.device(arguments.device), arguments.seconds
    cuda = device.type == "cuda"
    sizes = list(BATCH_SIZES)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        write_random(root / "models", "tiny" if arguments.tiny else "full")
        report: dict[str, Any] = {
            "networks": "tiny" if arguments.tiny else "full size",
            "weights": "random",
            "device": torch.cuda.get_device_name(device) if cuda else "cpu",
            "torch": torch.__version__,
        }
        for decoder in ("vae", "taesd"):
            networks = load_networks(root / "models", device, decoder)
            for graphs in (False, True) if cuda else (False,):
                name = f"networks, {decoder}, {'graphs' if graphs else 'eager'}"
                report[name] = networks_alone(networks, sizes, seconds, graphs)
        networks = load_networks(root / "models", device, "vae")
        report["audio features"] = feature_times(networks, seconds)
        stand = Stand(networks, root / "models", root / "avatars", arguments.size, graphs=cuda)
        report["pictures, vae"] = stand.by_batch(sizes, seconds, device)
        report["8 sessions, pictures/s"] = {
            "each alone": asyncio.run(stand.throughput(8, seconds, shared=False)),
            "one scheduler": asyncio.run(stand.throughput(8, seconds, shared=True)),
        }
        report["ladder"] = asyncio.run(ladder(stand, seconds, arguments.most))
        if cuda:
            report["device_mb_peak"] = torch.cuda.max_memory_allocated(device) >> 20
        stand.renderer.close()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
