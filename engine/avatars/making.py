"""Makes avatars out of portraits that came over the API, one at a time, beside live sessions.

In: encoded pictures and an id. Out: avatar folders, and what became of each wish. The event loop
asks, one worker thread computes; ``close`` waits for the one being made and drops the others.
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
from engine.contracts import AvatarFactory, Renderer
from engine.errors import Busy, Conflict, EngineError, InvalidField, ModelMissing, NotAvailable, NotFound

log = structlog.get_logger(__name__)

MOST_WAITING = 8
"""Avatars being made or waiting for it; one more is refused."""

REMEMBERED = 100
"""Finished ones whose end can still be asked for."""

State = Literal["waiting", "making", "ready", "failed"]


@dataclass(slots=True)
class Making:
    """One avatar on its way. Written by the worker thread, read by the loop."""

    id: str
    state: State = "waiting"
    step: str = ""
    progress: float = 0.0
    """How much is done, 0..1."""
    error: EngineError | None = None

    @property
    def under_way(self) -> bool:
        """Neither there nor failed yet."""
        return self.state in ("waiting", "making")


class AvatarMaker:
    """Makes, tells about and deletes an operator's own avatars.

    Args:
        directory: where they are; None when the engine was given no folder.
        renderer: draws them, and lists those there are.
        factory: makes them for that renderer.
        forget: called with an id whose avatar changed or went.
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

    async def make(self, avatar_id: str, data: bytes, name: str | None, *, replace: bool = False) -> Making:
        """Begin to make an avatar; returns at once, ``find`` tells how it goes.

        Raises:
            NotAvailable: no folder for avatars, or the face models are not installed.
            InvalidField: the id or name is none. Conflict: it is taken.
            Busy: too many wait.
        """
        directory = self._own_directory()
        if not AVATAR_ID.fullmatch(avatar_id):
            raise InvalidField("field 'id': 1 to 64 of a-z, 0-9, _ and -")
        if name is not None and not (name.isprintable() and 1 <= len(name.strip()) <= 80):
            raise InvalidField("field 'name': 1 to 80 printable characters")
        if (BUILTIN / avatar_id).is_dir():
            raise Conflict(f"avatar {avatar_id} is built in")
        running = self._makings.get(avatar_id)
        if running is not None and running.under_way:
            raise Conflict(f"avatar {avatar_id} is being made")
        if not replace and (directory / avatar_id).exists():
            raise Conflict(f"avatar {avatar_id} exists already")
        if len(self._tasks) >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} avatars are being made", retry_after_s=10)
        making = Making(avatar_id)
        self._remember(making)
        task = asyncio.create_task(self._run(making, data, name, replace), name="avatar-making")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return making

    async def check(self) -> None:
        """Whether avatars can be made here at all, asked before a body is read.

        Raises:
            NotAvailable: says what is missing and how to get it.
        """
        self._own_directory()
        try:
            await asyncio.to_thread(self._factory.can_make_avatars)
        except ModelMissing as error:
            raise NotAvailable(f"avatars cannot be made here: {error.message}") from None

    def find(self, avatar_id: str) -> Making:
        """What is known of an avatar: on its way, failed, or there.

        Raises:
            NotFound: nothing of this id.
        """
        making = self._makings.get(avatar_id)
        if making is not None:
            return making
        if any(known.id == avatar_id for known in self._renderer.list_avatars()):
            return Making(avatar_id, "ready", "done", 1.0)
        raise NotFound("there is no avatar with this id")

    async def delete(self, avatar_id: str) -> None:
        """Remove an own avatar's folder. Sessions that show it keep it until they end.

        Raises:
            NotFound: none of this id. Conflict: built in, or just being made.
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
                raise NotFound("there is no avatar with this id")
            return
        await asyncio.to_thread(shutil.rmtree, folder)
        self._forget(avatar_id)

    async def close(self) -> None:
        """Drop what waits, let the one being made end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._worker.close)

    def _own_directory(self) -> Path:
        if self._directory is None:
            raise NotAvailable("this engine keeps no avatars of its own: set ENGINE_AVATARS_DIR to a folder")
        return self._directory

    def _remember(self, making: Making) -> None:
        self._makings.pop(making.id, None)
        self._makings[making.id] = making
        for avatar_id in [key for key, each in self._makings.items() if not each.under_way]:
            if len(self._makings) <= REMEMBERED:
                return
            del self._makings[avatar_id]

    async def _run(self, making: Making, data: bytes, name: str | None, replace: bool) -> None:
        def moved(step: str, done: float) -> None:
            making.state, making.step, making.progress = "making", step, done

        make = functools.partial(
            self._factory.make_avatar,
            data,
            making.id,
            self._own_directory(),
            name=name,
            replace=replace,
            progress=moved,
        )
        try:
            await self._worker.run(make)
            self._forget(making.id)
            # Read here, so that the first session that shows it need not wait for its pictures.
            await self._worker.run(self._renderer.load, making.id)
        except EngineError as error:
            making.state, making.error = "failed", error
        except Exception:
            log.exception("an avatar could not be made", avatar=making.id)
            making.state, making.error = "failed", EngineError("the engine failed; see its log")
        else:
            making.state, making.step, making.progress = "ready", "done", 1.0
