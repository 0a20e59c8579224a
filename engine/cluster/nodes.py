"""What engines tell of themselves, and who has been heard of lately. Times are given, so all of it is pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

SILENT_S = 3.0
"""An engine that has not been heard of for so long gets no sessions. Engines report every second."""

FORGOTTEN_S = 60.0
"""And after this it is no longer listed."""

MAX_REPORT_BYTES = 4096

State = Literal["starting", "ready", "draining"]


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One engine's report of itself."""

    node: str
    """Its name in the cluster."""
    boot: str
    """Random at each start."""
    url: str
    """Where doors and other engines reach it."""
    state: State
    free: int
    """How many more sessions it can take."""
    sessions: int
    version: str

    def to_json(self) -> bytes:
        """As it is published."""
        return _REPORT.dump_json(self)

    def to_wire(self) -> dict[str, Any]:
        """As doors list it."""
        return asdict(self)


_REPORT = TypeAdapter(NodeReport)


def read_report(data: bytes) -> NodeReport | None:
    """A report as it was published; None when it is none (of another version, or not ours)."""
    if len(data) > MAX_REPORT_BYTES:
        return None
    try:
        return _REPORT.validate_json(data)
    except ValidationError:
        return None


@dataclass(slots=True)
class _Heard:
    report: NodeReport
    at: float
    placed: int = 0
    """Sessions placed there since the report, which it does not count yet."""
    refused: bool = False
    """It has refused one since, or could not be reached."""


class NodeTable:
    """The engines a door has heard of.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: dict[str, _Heard] = {}

    def take(self, report: NodeReport) -> None:
        """An engine has reported."""
        self._heard[report.node] = _Heard(report, self._clock())

    def placed(self, node: str) -> None:
        """A session was placed on ``node``."""
        if (heard := self._heard.get(node)) is not None:
            heard.placed += 1

    def refused(self, node: str) -> None:
        """``node`` refused a session or did not answer: none are sent there until its next report."""
        if (heard := self._heard.get(node)) is not None:
            heard.refused = True

    def ready(self) -> list[tuple[NodeReport, int]]:
        """Engines that can be given a session, each with the places it has left."""
        now = self._clock()
        found = []
        for heard in self._heard.values():
            left = heard.report.free - heard.placed
            if heard.report.state == "ready" and now - heard.at < SILENT_S and not heard.refused and left > 0:
                found.append((heard.report, left))
        return found

    def find(self, node: str) -> NodeReport | None:
        """The last report of ``node``, however old."""
        heard = self._heard.get(node)
        return heard.report if heard is not None else None

    def listed(self) -> list[dict[str, Any]]:
        """Every engine heard of within ``FORGOTTEN_S``, by name; ``heard_s`` seconds ago."""
        now = self._clock()
        self._heard = {name: heard for name, heard in self._heard.items() if now - heard.at < FORGOTTEN_S}
        return [
            {**heard.report.to_wire(), "heard_s": round(now - heard.at, 1)} for _, heard in sorted(self._heard.items())
        ]
