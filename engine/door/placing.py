"""Which engine a new session goes to, and which one goes on with a session whose engine is gone."""

from __future__ import annotations

import random
from typing import Any

import aiohttp
import structlog

from engine.cluster.calls import EngineCallFailed, post
from engine.cluster.directory import Directory
from engine.cluster.envelope import Owner, read_owner
from engine.cluster.metrics import DoorMetrics
from engine.cluster.nodes import SILENT_S, NodeTable
from engine.cluster.placement import choose
from engine.errors import Busy, EngineError, InvalidField, Unauthorized, UnknownSession

log = structlog.get_logger(__name__)

TRIES = 3
"""Engines that are asked before a session is refused."""

RETRY_FULL_S, RETRY_BROKEN_S = 5, 2
"""When a refused client may ask again, in seconds."""

REFUSALS: dict[int, type[EngineError]] = {401: Unauthorized, 422: InvalidField}
"""Answers of an engine that another engine would give too."""


class Placing:
    """Places sessions.

    Args:
        client: calls engines.
        directory: tells who owns a session.
        nodes: the engines heard of.
        metrics: count.
        dice: where chance comes from.
    """

    def __init__(
        self,
        client: aiohttp.ClientSession,
        directory: Directory,
        nodes: NodeTable,
        metrics: DoorMetrics,
        dice: random.Random | None = None,
    ) -> None:
        self._client = client
        self._directory = directory
        self._nodes = nodes
        self._metrics = metrics
        self._dice = dice or random.Random()

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """A new session as an engine describes it.

        Raises:
            Busy: no engine has room, or none could be asked.
            InvalidField, Unauthorized: an engine refused what was asked for.
        """
        answer = await self._ask(body, "/v1/sessions", set())
        if isinstance(answer, dict):
            self._metrics.placements.labels("placed").inc()
            return answer
        self._metrics.placements.labels("full" if answer is None else "failed").inc()
        raise Busy("no engine has room for another session", retry_after_s=RETRY_FULL_S)

    async def resume(self, session_id: str) -> dict[str, Any]:
        """The session as the engine describes it that has it, or that adopts it because its own is gone.

        Raises:
            UnknownSession: nobody remembers it.
            Busy: no engine has room, or the directory is down.
        """
        for _ in range(TRIES):
            try:
                owner = await self.owner(session_id)
            except UnknownSession:
                self._metrics.resumes.labels("unknown").inc()
                raise
            found = await self._where_it_was(owner, session_id)
            if found is None:
                found = await self._ask({"epoch": owner.epoch}, f"/v1/sessions/{session_id}/adopt", {owner.node})
            if isinstance(found, dict):
                self._metrics.resumes.labels("adopted" if found.get("adopted") else "found").inc()
                log.info("session_resumed", session=session_id, adopted=found.get("adopted"))
                return found
            if found is None or found.answered != 409:
                break  # 409: another door was faster; look who has it now
        self._metrics.resumes.labels("failed").inc()
        raise Busy("no engine can take this session right now", retry_after_s=RETRY_BROKEN_S)

    async def owner(self, session_id: str) -> Owner:
        """Who has a session, as it was stored last.

        Raises:
            UnknownSession: nobody remembers it.
            DirectoryDown.
        """
        stored = await self._directory.load(session_id)
        if stored is None:
            raise UnknownSession("no live session has this id")
        return read_owner(stored.value)

    async def _where_it_was(self, owner: Owner, session_id: str) -> dict[str, Any] | EngineCallFailed | None:
        """The session on its own engine; None when that is gone or ending."""
        report = self._nodes.find(owner.node)
        heard = {each["node"]: each["heard_s"] for each in self._nodes.listed()}
        others_heard = any(each.node != owner.node for each, _ in self._nodes.ready())
        silent = heard.get(owner.node, SILENT_S) >= SILENT_S
        if others_heard and (silent or (report is not None and report.state == "draining")):
            return None
        try:
            return await post(self._client, f"{owner.url}/v1/sessions/{session_id}/adopt", {"epoch": owner.epoch})
        except EngineCallFailed as error:
            if error.answered == 409:
                return error
            self._nodes.refused(owner.node)
            log.info("owner_gone", session=session_id, node=owner.node, status=error.answered)
            return None

    async def _ask(self, body: dict[str, Any], path: str, tried: set[str]) -> dict[str, Any] | EngineCallFailed | None:
        """The first good answer of up to ``TRIES`` engines, else the last failure; None when there is none to ask."""
        failure: EngineCallFailed | None = None
        for _ in range(TRIES):
            target = choose(self._nodes.ready(), self._dice, tried)
            if target is None:
                break
            tried.add(target.node)
            self._nodes.placed(target.node)
            try:
                return await post(self._client, target.url + path, body)
            except EngineCallFailed as error:
                if (refusal := REFUSALS.get(error.answered)) is not None:
                    raise refusal(error.message) from None
                if error.answered == 409:
                    return error
                self._nodes.refused(target.node)
                log.info("engine_refused", node=target.node, status=error.answered)
                failure = error
        return failure
