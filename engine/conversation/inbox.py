"""A conversation's inbox: everything that is handled one by one, in the order it came."""

from __future__ import annotations

from contextlib import suppress

from engine.concurrency.channel import Channel, ChannelClosed
from engine.conversation.commands import Command, Greeting, Message
from engine.conversation.tasks import SessionTasks
from engine.errors import Busy
from engine.turn_taking.events import ListenEvent

INBOX_ITEMS = 256
"""Commands and listen events that may wait. They wait only while a slow client delays the one before."""


class Inbox(Channel[Command | ListenEvent]):
    """Bounded. The listener's events wait for room; a client's messages are refused when there is none.

    Args:
        tasks: the conversation's.
    """

    def __init__(self, tasks: SessionTasks) -> None:
        super().__init__("inbox", INBOX_ITEMS)
        self._tasks = tasks

    def receive(self, message: Message | Greeting) -> None:
        """Take a client's message. Ignored once closed.

        Raises:
            Busy: the inbox is full.
        """
        if not self.closed and not self.put_nowait(message):
            raise Busy("too many messages at once", retry_after_s=1)

    def post(self, command: Command) -> None:
        """Take a command of the conversation's own, as soon as there is room. Ignored once closed."""
        if not self.closed and not self.put_nowait(command):
            with suppress(Busy):
                self._tasks.start(self._post_later(command), "command")

    async def _post_later(self, command: Command) -> None:
        with suppress(ChannelClosed):
            await self.put(command)
