"""Copies pictures from the device to the host on a CUDA stream of their own, through pinned buffers.

While one batch is copied, the next is computed: two buffers alternate. On a CPU there
is nothing to copy. Called from one thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Copy:
    """A batch that is being copied to the host."""

    host: Tensor
    done: torch.cuda.Event | None

    def wait(self) -> npt.NDArray[np.uint8]:
        """Wait for the copy; gives the batch in memory of its own."""
        if self.done is None:
            return np.asarray(self.host.numpy())
        self.done.synchronize()
        return self.host.numpy().copy()


class CopyBack:
    """Two pinned buffers and a copy stream."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._buffers: list[Tensor] = [torch.empty(0, dtype=torch.uint8)] * 2
        self._current = 0

    def start(self, batch: Tensor) -> Copy:
        """Begin to copy (B, ...) uint8. At most one earlier copy may be unfinished."""
        if self._stream is None:
            return Copy(batch, None)
        self._current ^= 1
        if self._buffers[self._current].numel() < batch.numel():
            self._buffers[self._current] = torch.empty(batch.numel(), dtype=torch.uint8, pin_memory=True)
        host = self._buffers[self._current][: batch.numel()].view(batch.shape)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            host.copy_(batch, non_blocking=True)
            # the allocator must not reuse the batch before it is copied
            batch.record_stream(self._stream)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record(self._stream)
        return Copy(host, done)


class Upload:
    """Copies features to the device through pinned memory, without waiting."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cuda = device.type == "cuda"

    def __call__(self, values: npt.NDArray[np.float32]) -> Tensor:
        """(n, ...) float32 on the device."""
        tensor = torch.from_numpy(values)
        if not self._cuda:
            return tensor
        # pinned blocks are kept by torch's caching host allocator until their copies are done
        return tensor.pin_memory().to(self._device, non_blocking=True)
