"""Where a conversation's output goes: a socket, a WebRTC peer, or a test.

All methods are called on the event loop. Everything that belongs to a reply carries the reply's number
(the field ``turn`` of the protocol), so that a sink can drop what is stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.items import MediaFrame
from engine.protocol.outgoing import Event

NO_PICTURES = 1 << 30
"""``Sink.picture_every`` of a client that nobody looks at: only the first picture of each reply is drawn."""


class Sink(Protocol):
    """One client's end of the conversation."""

    live: bool
    """The client plays while it receives: a reply is over when its playback is, not when it has been sent."""

    @property
    def picture_every(self) -> int:
        """The client has a use for one picture in this many frames, from the first on: its line takes no more. The
        others need not be drawn."""

    async def event(self, event: Event) -> None:
        """Send a message, in order; waits while the client is slow."""

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        """Send frames of one reply; waits, so as not to run too far ahead of playback.

        Cancelling it sends all of ``frames`` or none.
        """

    async def finish(self, reply: int) -> None:
        """All frames of reply ``reply`` have been given: flush the encoders."""

    def drop(self, reply: int) -> None:
        """Reply ``reply`` was interrupted: nothing of it may leave any more. Never waits."""
