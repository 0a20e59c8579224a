"""Progress bars for reading and writing large files. Nothing is shown when stderr is not a terminal."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm

_MIN_BYTES = 4 << 20
"""Smaller files are read too quickly for a bar to be worth showing."""


class ProgressBars:
    """A ``Progress`` that shows one bar per file of at least 4 MiB.

    A context manager: leaving it closes the last bar. Not thread safe.
    """

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._label = ""

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Moves the bar of ``label`` to ``done`` of ``total`` bytes, opening it if necessary."""
        if total < _MIN_BYTES:
            return
        if label != self._label or self._bar is None:
            self.close()
            self._label = label
            self._bar = tqdm(
                total=total,
                desc=f"  {label}",
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                file=sys.stderr,
                leave=True,
                disable=None,
                dynamic_ncols=True,
            )
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Closes the current bar, if any."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._label = None, ""
