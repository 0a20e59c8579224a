"""The engine as a process: builds the aiohttp app, loads the models, serves, drains.

The port opens at once, so that ``/health`` answers while the models load; sessions are admitted when
they are warm. SIGTERM or SIGINT drains: no new sessions, the replies under way finish within the
limit, then everything closes. A second signal, or one while the models load, ends the process at once. What cannot be
interrupted is given up ``GRACE_S`` later.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from engine import __version__
from engine.avatars.making import AvatarMaker
from engine.concurrency.hard_stop import HardStop
from engine.conversation.parts import Parts
from engine.errors import EngineError, InvalidField, SettingsError, UnknownSession
from engine.knowledge.service import open_knowledge
from engine.lessons import LessonArchive
from engine.llm.client import OpenAIChat
from engine.sessions import Membership, Session, SessionRegistry
from engine.settings import Settings
from engine.telemetry import Metrics, tracing
from engine.tokens import TokenSigner
from engine.transport.api.application import application
from engine.transport.api.authentication import Authentication
from engine.transport.api.avatars_api import AvatarsApi
from engine.transport.api.cluster_api import ClusterApi
from engine.transport.api.idle_clips import IdleClips
from engine.transport.api.knowledge_api import routes as knowledge_routes
from engine.transport.api.lessons_api import LessonsApi
from engine.transport.api.routes import Api, Readiness
from engine.transport.api.tutors_api import TutorsApi, check_profile
from engine.transport.api.usage_api import UsageApi
from engine.transport.connections import PER_ADDRESS
from engine.transport.port import calm_accept_errors, open_port
from engine.transport.proxies import trusted_proxies
from engine.tutors.store import TutorStore
from engine.usage import UsageLedger
from engine.wiring import open_parts

log = structlog.get_logger(__name__)

GRACE_S = 4.0
"""For closing sessions, connections and files once draining is over. Orchestrators usually kill after 10 s more."""

CONNECTIONS_PER_SESSION = 4
"""From one address, which may be a web tier's or a whole school's: a socket, and some requests beside it."""


class Engine:
    """A running engine, as an async context manager: inside it the port is open and models are warm."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.metrics.build.labels(__version__).set(1)
        self.metrics.sessions_max.set(settings.sessions.max)
        self.readiness = Readiness()
        self.port = 0
        self.app: web.Application | None = None
        self.registry: SessionRegistry | None = None
        self.parts: Parts | None = None
        self.avatars: AvatarMaker | None = None
        self.membership: Membership | None = None
        """None on a machine of its own."""
        tokens = TokenSigner.of(settings)
        self._authentication = Authentication(settings)
        self._usage = UsageLedger(settings.usage, self.metrics)
        self._api = Api(settings, self.metrics, self.readiness, tokens)
        self._lessons_api = LessonsApi(settings, tokens, self._warm_registry, self._authentication)
        self._cluster_api = ClusterApi(self._warm_registry, tokens, self._websocket_url)
        self._tutors = TutorStore(settings.tutors_dir)
        self._knowledge = open_knowledge(settings)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Engine:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._port_open())
            await stack.enter_async_context(tracing.exporting(self.settings.tracing))
            await stack.enter_async_context(self.metrics.watch_loop())
            stack.callback(self._knowledge.close)
            parts = await stack.enter_async_context(
                open_parts(self.settings, self.metrics, self._knowledge, self.readiness.load)
            )
            await asyncio.to_thread(self._check_tutors, parts)
            lessons = LessonArchive(self.settings.lessons, self.metrics)
            await stack.enter_async_context(lessons.running())
            await stack.enter_async_context(self._usage.running())
            self.membership = await stack.enter_async_context(self._join())
            keeper = self.membership.keeper if self.membership is not None else None
            registry = SessionRegistry(parts, self._tutors, lessons=lessons, keeper=keeper)
            registry.ended = self._session_ended
            await stack.enter_async_context(self._api.webrtc.running())
            await stack.enter_async_context(registry.running())
            if self.membership is not None:
                await stack.enter_async_context(self.membership.running(registry))
            self.registry = registry
            self.parts = parts
            if isinstance(model := parts.language_model, OpenAIChat):
                self.readiness.trouble = lambda: model.trouble
            idle_clips = IdleClips(parts)
            renderer = parts.scheduler.renderer

            def forget(avatar_id: str) -> None:
                renderer.forget(avatar_id)
                idle_clips.forget(avatar_id)

            self.avatars = AvatarMaker(self.settings.avatars_dir, renderer, parts.avatar_factory, forget)
            stack.push_async_callback(self.avatars.close)
            self._api.serve(registry, idle_clips)
            await stack.enter_async_context(self._loading_faces(parts))
            self._stack = stack.pop_all()
        return self

    def _session_ended(self, session: Session) -> None:
        self._usage.ended(session.usage())
        tracing.session_ended(session.id)

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def _loading_faces(self, parts: Parts) -> AsyncIterator[None]:
        """Loads the tutors' avatars while the engine serves already, so that no first lesson waits a second for one."""
        loading = asyncio.create_task(self._load_faces(parts), name="load-faces")
        try:
            yield
        finally:
            loading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loading

    async def _load_faces(self, parts: Parts) -> None:
        for profile in self._tutors.all():
            if profile.avatar is not None:
                with contextlib.suppress(EngineError):  # a tutor without a face is shown with another one
                    await parts.encoder.run(parts.load_avatar, profile.avatar)

    @contextlib.asynccontextmanager
    async def _join(self) -> AsyncIterator[Membership | None]:
        """This engine as a member of the cluster, if the settings name one."""
        if not self.settings.cluster.servers:
            yield None
            return
        # Imported here: NATS belongs to an optional extra, and a single machine needs none of it.
        try:
            from engine.cluster.jetstream import open_jetstream
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"cluster.servers is set, and {error.name} is missing: pip install -r requirements/lock-cluster.txt"
            ) from None
        async with open_jetstream(self.settings.cluster, self.settings.sessions.idle_s) as directory:
            yield Membership(self.settings, directory, self.metrics, self.port)

    def _websocket_url(self, session_id: str) -> str:
        if self.membership is None:
            raise UnknownSession("this engine is in no cluster")
        return self.membership.websocket_url(session_id)

    def _warm_registry(self) -> SessionRegistry:
        return self._api.registry

    def _warm(self) -> Parts:
        if self.parts is None:
            raise self.readiness.refusal()
        return self.parts

    def _check_tutors(self, parts: Parts) -> None:
        """Refuse to start with a profile whose voice is missing: every reply would fail."""
        for profile in self._tutors.all():
            try:
                check_profile(profile.model_copy(update={"knowledge": None, "avatar": None}), parts)
            except InvalidField as error:
                raise SettingsError(f"tutor profile {profile.id}: {error.message}") from None

    def _avatar_maker(self) -> AvatarMaker:
        if self.avatars is None:
            raise self.readiness.refusal()
        return self.avatars

    async def drain(self) -> None:
        """Admit no more sessions, and wait for the replies under way, within the limit of the settings."""
        if self.registry is None:
            return
        if self.membership is not None:
            self.registry.draining = True
            await self.membership.tell()
            await self.membership.listen_for_others()
        await self.registry.drain(self.settings.sessions.drain_s)

    @contextlib.asynccontextmanager
    async def _port_open(self) -> AsyncIterator[None]:
        settings = self.settings
        routes = [
            *self._api.routes(),
            *self._lessons_api.routes(),
            *self._cluster_api.routes(),
            *UsageApi(self._usage, self._warm_registry).routes(),
            *knowledge_routes(self._knowledge),
            *TutorsApi(self._tutors, self._warm).routes(),
            *AvatarsApi(self._avatar_maker, settings.limits.avatar_upload_bytes).routes(),
        ]
        self.app = app = application(settings, routes, self._authentication)
        per_address = max(PER_ADDRESS, CONNECTIONS_PER_SESSION * settings.sessions.max)
        proxies = trusted_proxies(settings)
        async with open_port(app, settings.host, settings.port, per_address=per_address, proxies=proxies) as self.port:
            log.info("port_opened", host=settings.host, port=self.port)
            yield


async def serve(settings: Settings) -> None:
    """Run an engine until a signal ends it."""
    stop, warm = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    main_task = asyncio.current_task()
    hard_stop = HardStop()
    calm_accept_errors(loop)

    def on_signal() -> None:
        at_once = stop.is_set() or not warm.is_set()
        hard_stop.within(GRACE_S + (0 if at_once else settings.sessions.drain_s))
        if at_once and main_task is not None:
            main_task.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    began = time.monotonic()
    async with Engine(settings) as engine:
        # What exists now stays for good. Frozen, it is left out of collections, which are then short enough for the
        # event loop and come often: reference cycles of sessions (filter graphs, peers) do not pile up for minutes.
        gc.collect()
        gc.freeze()
        warm.set()
        host = settings.host if settings.host not in ("0.0.0.0", "::") else "localhost"
        log.info("ready", seconds=round(time.monotonic() - began, 1), page=f"http://{host}:{engine.port}/")
        await stop.wait()
        log.info("draining", limit_s=settings.sessions.drain_s)
        await engine.drain()
