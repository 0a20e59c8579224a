"""What the engine uses of its machine beside its own process: its child processes, and a GPU where there is one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PROC = Path("/proc")


class MachineCollector(Collector):
    """Reads ``/proc`` and torch's own figures when metrics are asked for."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Memory of the children, and of each GPU that torch uses."""
        memory = GaugeMetricFamily(
            "tutor_children_resident_memory_bytes", "Resident memory of child processes: the embedded language model."
        )
        memory.add_metric([], sum(resident_bytes(child) for child in descendants(os.getpid())))
        yield memory
        yield from _gpus(sys.modules.get("torch"))


def descendants(pid: int) -> Iterator[int]:
    """Children of ``pid``, and theirs. Nothing where the kernel does not tell."""
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from descendants(int(child))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _gpus(torch: Any) -> Iterator[GaugeMetricFamily]:
    """Nothing unless torch is loaded and has begun to use a GPU: asking must not start it."""
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return
    memory = GaugeMetricFamily(
        "tutor_gpu_memory_bytes",
        "GPU memory: total, used by anybody, and allocated by the engine.",
        labels=["gpu", "kind"],
    )
    busy = GaugeMetricFamily(
        "tutor_gpu_busy_ratio", "Share of the last second in which the GPU worked.", labels=["gpu"]
    )
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        kinds = {"total": total, "used": total - free, "allocated": torch.cuda.memory_allocated(index)}
        for kind, amount in kinds.items():
            memory.add_metric([str(index), kind], amount)
        # Needs the driver's management library, which torch does not bring.
        with contextlib.suppress(ModuleNotFoundError, RuntimeError):
            busy.add_metric([str(index)], torch.cuda.utilization(index) / 100)
    yield memory
    if busy.samples:
        yield busy
