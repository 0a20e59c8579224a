"""Where a language model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of an OpenAI-compatible server."""

    base_url: str
    """Up to and including ``/v1``."""

    api_key: str


class EndpointSource(Protocol):
    """Knows where the model answers now; the embedded one gets a new port when it is restarted."""

    async def endpoint(self) -> Endpoint:
        """The current endpoint. May wait without a limit."""

    async def suspect(self) -> None:
        """Report that it did not answer in time."""


@dataclass(frozen=True, slots=True)
class FixedEndpoint:
    """An endpoint that somebody else runs and that never moves."""

    at: Endpoint

    async def endpoint(self) -> Endpoint:
        return self.at

    async def suspect(self) -> None:
        """Nothing can be done about it from here."""
