"""Progress bars on a terminal, plain lines in a log, for whoever reads or writes large files."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm

_SMALL = 4 << 20


class Bars:
    """A ``Progress`` that shows one bar a file; files under 4 MB pass unseen.

    Used as a context manager: the last bar is closed on the way out.
    """

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._label = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Moves the bar of ``label`` to ``done`` of ``total`` bytes."""
        if total < _SMALL:
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
        """Ends the bar that is shown."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._label = None, ""
