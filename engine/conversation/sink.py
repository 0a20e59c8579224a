"""Where a conversation's output goes: a socket, a WebRTC peer, or a test.

All methods are called on the event loop. Everything of a turn carries its number, so that a
sink can drop what is stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.items import MediaFrame
from engine.protocol.outgoing import Event


class Sink(Protocol):
    """One client's end of the conversation."""

    live: bool
    """Plays while it receives, so a reply is over when its playback is, not when it was sent."""

    async def event(self, event: Event) -> None:
        """Send in order; waits when the client is slow."""

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        """Send pictures with their sound; waits so as not to run too far ahead of playback.

        Cancelling it sends none of ``frames`` or all of them.
        """

    async def finish(self, turn: int) -> None:
        """All media of ``turn`` has been given; flush what an encoder holds."""

    def drop(self, turn: int) -> None:
        """``turn`` was interrupted: nothing of it may leave any more. Never waits."""
