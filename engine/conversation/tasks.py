"""The tasks of one conversation: begun anywhere in it, ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from engine.errors import Busy


class SessionTasks:
    """The conversation's task group, while it runs."""

    def __init__(self) -> None:
        self.group: asyncio.TaskGroup | None = None
        """None before the conversation runs and when it has ended."""

    def start(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run ``coroutine`` as a task of the conversation.

        Raises:
            Busy: the session is not running (any more).
        """
        if self.group is None:
            coroutine.close()
            raise Busy("the session is ending")
        return self.group.create_task(coroutine, name=name)
