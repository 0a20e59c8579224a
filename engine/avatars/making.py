"""Makes avatars from portraits that were uploaded, one at a time, beside live sessions.

In: an encoded picture and an id. Out: an avatar folder, and the state of each request. The event loop
asks, one worker thread computes. ``close`` waits for the avatar being made and drops the queued ones.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from engine.avatars.folders import AVATAR_ID, BUILTIN
from engine.concurrency.worker import Worker
from engine.contracts import AvatarFactory, Presents, Renderer
from engine.errors import Busy, Conflict, EngineError, InvalidField, ModelMissing, NotAvailable, NotFound

log = structlog.get_logger(__name__)

MAX_QUEUED = 8
"""Avatars being made or queued; further requests are refused."""

MAX_REMEMBERED = 100
"""Requests whose outcome can still be asked for."""

State = Literal["waiting", "making", "ready", "failed"]


@dataclass(slots=True)
class Making:
    """State of one avatar that is being made. Written by the worker thread, read by the event loop."""

    id: str
    state: State = "waiting"
    step: str = ""
    """What is being done, in words."""
    progress: float = 0.0
    """Share that is done, 0..1."""
    error: EngineError | None = None

    @property
    def under_way(self) -> bool:
        """Neither ready nor failed yet."""
        return self.state in ("waiting", "making")

    def moved(self, step: str, done: float) -> None:
        """It is being made: ``step`` has begun, and ``done`` of everything is done, 0..1."""
        self.state, self.step, self.progress = "making", step, done


class AvatarMaker:
    """Makes, reports on and deletes an operator's own avatars.

    Args:
        directory: where they are; None if no folder is configured.
        renderer: draws them, and lists the existing ones.
        factory: makes them for that renderer.
        forget: called with the id of an avatar that changed or was deleted.
    """

    def __init__(
        self, directory: Path | None, renderer: Renderer, factory: AvatarFactory, forget: Callable[[str], None]
    ) -> None:
        self._directory = directory
        self._renderer = renderer
        self._factory = factory
        self._forget = forget
        self._worker = Worker("avatar-making")
        self._makings: OrderedDict[str, Making] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def make(
        self, avatar_id: str, data: bytes, name: str | None, *, presents: Presents = "", replace: bool = False
    ) -> Making:
        """Begin to make an avatar from an encoded picture. Returns at once; ``find`` reports progress.

        Raises:
            NotAvailable: no folder for avatars is configured.
            InvalidField: the id or the name is not allowed.
            Conflict: the id is built in, taken, or being made.
            Busy: ``MAX_QUEUED`` avatars are being made or queued.
        """
        directory = self._own_directory()
        if not AVATAR_ID.fullmatch(avatar_id):
            raise InvalidField("field 'id': use 1 to 64 of a-z, 0-9, _ and -")
        if name is not None and not (name.isprintable() and 1 <= len(name.strip()) <= 80):
            raise InvalidField("field 'name': use 1 to 80 printable characters")
        if (BUILTIN / avatar_id).is_dir():
            raise Conflict(f"avatar {avatar_id} is built in")
        running = self._makings.get(avatar_id)
        if running is not None and running.under_way:
            raise Conflict(f"avatar {avatar_id} is being made")
        if not replace and (directory / avatar_id).exists():
            raise Conflict(f"avatar {avatar_id} exists already")
        if len(self._tasks) >= MAX_QUEUED:
            raise Busy(f"{MAX_QUEUED} avatars are being made or queued; try again later", retry_after_s=10)
        making = Making(avatar_id)
        self._remember(making)
        make = functools.partial(
            self._factory.make_avatar,
            data,
            avatar_id,
            directory,
            name=name,
            presents=presents,
            replace=replace,
            progress=making.moved,
        )
        task = asyncio.create_task(self._run(making, make), name="avatar-making")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return making

    async def check(self) -> None:
        """Check that avatars can be made here, before an upload is read.

        Raises:
            NotAvailable: something is missing; the message says what, and how to get it.
        """
        self._own_directory()
        try:
            await asyncio.to_thread(self._factory.can_make_avatars)
        except ModelMissing as error:
            raise NotAvailable(f"avatars cannot be made here: {error.message}") from None

    def find(self, avatar_id: str) -> Making:
        """The state of an avatar: being made, failed or ready.

        Raises:
            NotFound: no avatar has this id.
        """
        making = self._makings.get(avatar_id)
        if making is not None:
            return making
        if any(known.id == avatar_id for known in self._renderer.list_avatars()):
            return Making(avatar_id, "ready", "done", 1.0)
        raise NotFound("no avatar has this id")

    async def delete(self, avatar_id: str) -> None:
        """Delete an own avatar's folder. Sessions that show it keep it until they end.

        Raises:
            NotFound: no avatar has this id.
            Conflict: it is built in, or being made.
        """
        making = self._makings.get(avatar_id)
        if making is not None and making.under_way:
            raise Conflict(f"avatar {avatar_id} is being made")
        known = self._makings.pop(avatar_id, None)
        directory = self._directory
        folder = directory / avatar_id if directory is not None and AVATAR_ID.fullmatch(avatar_id) else None
        if folder is None or folder.is_symlink() or not folder.is_dir():
            if AVATAR_ID.fullmatch(avatar_id) and (BUILTIN / avatar_id).is_dir():
                raise Conflict(f"avatar {avatar_id} is built in")
            if known is None:
                raise NotFound("no avatar has this id")
            return
        await asyncio.to_thread(shutil.rmtree, folder)
        self._forget(avatar_id)

    async def close(self) -> None:
        """Drop queued requests and wait for the avatar being made."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._worker.close)

    def _own_directory(self) -> Path:
        if self._directory is None:
            raise NotAvailable("this engine has no folder for avatars: set ENGINE_AVATARS_DIR")
        return self._directory

    def _remember(self, making: Making) -> None:
        self._makings.pop(making.id, None)
        self._makings[making.id] = making
        for avatar_id in [key for key, each in self._makings.items() if not each.under_way]:
            if len(self._makings) <= MAX_REMEMBERED:
                return
            del self._makings[avatar_id]

    async def _run(self, making: Making, make: Callable[[], Path]) -> None:
        try:
            await self._worker.run(make)
            self._forget(making.id)
            # Loaded here, so that the first session that shows it does not wait for its pictures.
            await self._worker.run(self._renderer.load, making.id)
        except EngineError as error:
            making.state, making.error = "failed", error
        except Exception:
            log.exception("avatar_making_failed", avatar=making.id)
            making.state, making.error = "failed", EngineError("the engine failed; see its log")
        else:
            making.state, making.step, making.progress = "ready", "done", 1.0
