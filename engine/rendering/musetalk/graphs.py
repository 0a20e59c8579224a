"""The generator at fixed batch sizes, each replayed as one CUDA graph on a GPU.

The UNet alone is about a thousand kernels, which take longer to launch than to run
when batches are small; a graph launches them all at once. A size that cannot be captured is logged and runs eagerly,
as all do on a CPU. Called from one thread; the graphs' memory is freed by ``close``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from torch import Tensor

from engine.rendering.musetalk.generator import Generator

log = structlog.get_logger(__name__)

WARM_UP_RUNS = 3
"""Runs before a capture, in which libraries choose their algorithms and allocate memory."""

TIMED_RUNS = 5
"""Runs of which the median is taken."""


@dataclass(frozen=True, slots=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    latents: Tensor
    features: Tensor
    faces: Tensor


class BucketedGenerator:
    """``Generator`` for batches of up to the largest of ``sizes``; others are padded to the next size.

    Args:
        generator: the networks.
        sizes: batch sizes.
        use_graphs: False runs all sizes eagerly, to compare or on a driver that misbehaves.
    """

    def __init__(self, generator: Generator, sizes: Sequence[int], *, use_graphs: bool = True) -> None:
        self.generator = generator
        self.sizes = tuple(sorted(sizes))
        self._captured: dict[int, _Captured] = {}
        self._use_graphs = use_graphs and generator.device.type == "cuda"

    @property
    def captured(self) -> tuple[int, ...]:
        """Sizes that run as graphs."""
        return tuple(sorted(self._captured))

    def warm_up(self) -> dict[int, float]:
        """Run every size, and capture it where possible; gives the seconds each takes."""
        seconds = {}
        # The largest first: smaller graphs then fit into the memory it has allocated.
        pool = torch.cuda.graph_pool_handle() if self._use_graphs else None
        for size in reversed(self.sizes):
            if self._use_graphs:
                self._capture(size, pool)
            seconds[size] = self._time(size)
        return dict(sorted(seconds.items()))

    def bucket(self, count: int) -> int:
        """The smallest size that holds ``count`` pictures."""
        return next(size for size in self.sizes if size >= count)

    def __call__(self, latents: Tensor, features: Tensor) -> Tensor:
        """(n, 8, 32, 32) and (n, tokens, width), n at most the largest size, to (n, 3, 256, 256) uint8.

        The result is overwritten by the next call of the same size.
        """
        count = latents.shape[0]
        size = self.bucket(count)
        captured = self._captured.get(size)
        with torch.inference_mode():
            if captured is None:
                faces: Tensor = self.generator(_filled(latents, size), _filled(features, size))
                return faces[:count]
            captured.latents[:count].copy_(latents, non_blocking=True)
            captured.features[:count].copy_(features, non_blocking=True)
            captured.graph.replay()
            return captured.faces[:count]

    def _capture(self, size: int, pool: Any) -> None:
        latents, features = self.generator.inputs(size)
        side = torch.cuda.Stream(self.generator.device)  # type: ignore[no-untyped-call]
        try:
            with torch.inference_mode():
                side.wait_stream(torch.cuda.current_stream(self.generator.device))
                with torch.cuda.stream(side):
                    for _ in range(WARM_UP_RUNS):
                        self.generator(latents, features)
                torch.cuda.current_stream(self.generator.device).wait_stream(side)
                graph = torch.cuda.CUDAGraph()
                # thread_local: other threads may use the device meanwhile
                with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                    faces = self.generator(latents, features)
            self._captured[size] = _Captured(graph, latents, features, faces)
        except RuntimeError as error:
            log.warning("musetalk_runs_without_graph", size=size, reason=str(error)[:200])

    def _time(self, size: int) -> float:
        """Median seconds of a batch of this size; on a CPU, where one run takes long, of a single run."""
        inputs = self.generator.inputs(size)
        cuda = self.generator.device.type == "cuda"
        taken = []
        for _ in range(TIMED_RUNS if cuda else 1):
            began = time.perf_counter()
            self(*inputs)
            if cuda:
                torch.cuda.synchronize(self.generator.device)
            taken.append(time.perf_counter() - began)
        return sorted(taken)[len(taken) // 2]

    def close(self) -> None:
        """Free the graphs and their memory."""
        self._captured.clear()


def _filled(values: Tensor, size: int) -> Tensor:
    """``values`` with its last entry repeated up to ``size`` entries."""
    missing = size - values.shape[0]
    return torch.cat((values, values[-1:].expand(missing, *values.shape[1:]))) if missing else values
