"""Who may read a transcript, in which form, and for how long; what the webhook gets. Real sockets, scripted parts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from engine.lessons import LessonArchive
from engine.protocol.lessons import LessonTranscript
from engine.sessions import MemoryKeeper, Session, SessionRegistry
from engine.settings import LessonSettings
from engine.tokens import TokenSigner
from engine.transport.api.lessons_api import LessonsApi
from engine.transport.api.middleware import api_key, errors_as_json, only_own_pages
from engine.tutors.store import TutorStore
from tests.conversation.conversation_stage import FakeModel, MemorySink, Stage
from tests.serving import serving

KEY, SECRET = "k" * 20, "s" * 32
LIMIT_S = 30.0
ANSWER = "Plants turn light into sugar."


class Client(MemorySink):
    """A client that says when it has got a reply."""

    def __init__(self) -> None:
        super().__init__()
        self.done = asyncio.Event()

    def _note(self, message: dict[str, Any]) -> None:
        super()._note(message)
        if message["type"] == "turn_done":
            self.done.set()


class School:
    """An engine's registry and transcript API over real sockets, and the web tier it tells."""

    def __init__(self, **lessons: Any) -> None:
        self.stage = Stage(model=FakeModel(ANSWER))
        self.told: list[dict[str, Any]] = []
        self.tell = asyncio.Event()
        self._lessons = lessons

    async def hook(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        self.tell.set()
        return web.Response()

    @asynccontextmanager
    async def running(self, key: str | None = KEY, hooked: bool = False) -> AsyncIterator[School]:
        stage, settings = self.stage, self.stage.settings
        stage.parts.knowledge = SimpleNamespace(exists=lambda kb_id: False)
        stage.parts.end_session = lambda session: None
        stage.parts.picture_cost_s, stage.parts.dropping_frames = lambda: 0.001, lambda now: False
        settings.api_key = SecretStr(key) if key else None
        self.tokens = TokenSigner(SECRET, 3600)
        hook = web.Application()
        hook.router.add_post("/", self.hook)
        async with serving(hook) as hook_url:
            if hooked:
                self._lessons.update(webhook_url=f"{hook_url}/", webhook_secret=SECRET)
            settings.lessons = LessonSettings(**self._lessons)
            archive = LessonArchive(settings.lessons, stage.metrics)
            app = web.Application(middlewares=[errors_as_json, only_own_pages(settings), api_key(settings)])
            async with archive.running():
                registry = SessionRegistry(stage.parts, TutorStore(), MemoryKeeper(), archive)
                app.add_routes(LessonsApi(settings, self.tokens, lambda: registry).routes())
                self.registry = registry
                async with registry.running(), serving(app) as self.base, aiohttp.ClientSession() as self.http:
                    yield self

    async def taught(self) -> Session:
        """A session in which one question was answered, as text."""
        session, sink = self.registry.create(1, 2), Client()
        session.conversation.attach(sink, streaming=True, avatar=None)
        session.conversation.say("What do plants do?", None)
        async with asyncio.timeout(LIMIT_S):
            await sink.done.wait()
            await session.conversation.wait_idle()
        return session

    async def get(self, session_id: str, query: str = "", **headers: str) -> tuple[int, str, str]:
        url = f"{self.base}/v1/sessions/{session_id}/transcript{query}"
        async with self.http.get(url, headers=headers) as reply:
            return reply.status, reply.content_type, await reply.text()


BY_KEY = {"Authorization": f"Bearer {KEY}"}


async def test_json_and_vtt_by_query_or_header() -> None:
    async with School().running() as school:
        session = await school.taught()
        status, kind, text = await school.get(session.id, **BY_KEY)
        assert (status, kind) == (200, "application/json")
        transcript = LessonTranscript.model_validate_json(text)
        assert [entry.text for entry in transcript.entries] == ["What do plants do?", ANSWER]
        assert (transcript.tutor_id, transcript.student_id, transcript.ended) == (1, 2, None)
        for query, accept, wanted in (
            ("?format=vtt", "*/*", "text/vtt"), ("", "text/vtt", "text/vtt"), ("", "text/vtt, */*;q=0.5", "text/vtt"),
            ("?format=json", "text/vtt", "application/json"), ("", "application/json, text/vtt", "application/json"),
        ):  # fmt: skip
            status, kind, text = await school.get(session.id, query, **BY_KEY, Accept=accept)
            assert (status, kind, ANSWER in text) == (200, wanted, True), (query, accept)
        status, _, text = await school.get(session.id, "?format=srt", **BY_KEY)
        assert status == 422 and "json or vtt" in text


async def test_only_the_key_or_the_sessions_own_token_opens_it() -> None:
    async with School().running() as school:
        session, other = await school.taught(), school.registry.create(1, 3)
        own, foreign = (school.tokens.sign(each.id, 1, 2) for each in (session, other))
        late = TokenSigner(SECRET, -10).sign(session.id, 1, 2)
        assert (await school.get(session.id, f"?token={own}"))[0] == 200
        assert (await school.get(session.id, Authorization=f"Bearer {own}"))[0] == 200
        for given in ("", foreign, late, KEY[:-1], "x", own[:-4]):
            status, _, text = await school.get(session.id, Authorization=f"Bearer {given}")
            assert status == 401 and ANSWER not in text, given
        assert (await school.get(session.id))[0] == 401
        assert (await school.get(session.id, f"?token={KEY}"))[0] == 401, "the key does not belong into an address"
        for unknown in ("nobody", "..%2f..", "0" * 200):
            assert (await school.get(unknown, **BY_KEY))[0] == 404


async def test_without_a_key_pages_of_other_sites_may_not_read_it() -> None:
    async with School().running(key=None) as school:
        session = await school.taught()
        assert (await school.get(session.id))[0] == 200
        assert (await school.get(session.id, Origin="https://elsewhere.example"))[0] == 403
        assert (await school.get(session.id, Origin="http://localhost:3000"))[0] == 403
        assert (await school.get(session.id, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
        token = school.tokens.sign(session.id, 1, 2)
        assert (await school.get(session.id, f"?token={token}", Origin="http://localhost:3000"))[0] == 200


async def test_it_is_gone_with_its_session_unless_the_settings_keep_it() -> None:
    async with School().running() as school:
        session = await school.taught()
        await school.registry.end(session, "deleted")
        assert (await school.get(session.id, **BY_KEY))[0] == 404
    async with School(keep_s=3600).running() as school:
        session = await school.taught()
        await school.registry.end(session, "deleted")
        transcript = LessonTranscript.model_validate_json((await school.get(session.id, **BY_KEY))[2])
        assert transcript.ended == "deleted" and transcript.ended_at is not None and len(transcript.entries) == 2
        token = school.tokens.sign(session.id, 1, 2)
        assert (await school.get(session.id, f"?token={token}&format=vtt"))[0] == 200
    async with School(keep_s=0.05).running() as school:
        session = await school.taught()
        await school.registry.end(session, "deleted")
        await asyncio.sleep(0.2)
        assert (await school.get(session.id, **BY_KEY))[0] == 404


async def test_it_can_be_erased_while_the_session_lives_and_after() -> None:
    async with School(keep_s=3600).running() as school:
        session = await school.taught()
        address = f"{school.base}/v1/sessions/{session.id}/transcript"
        async with school.http.delete(address) as refused:
            assert refused.status == 401
        async with school.http.delete(address, headers=BY_KEY) as erased:
            assert erased.status == 204
        transcript = LessonTranscript.model_validate_json((await school.get(session.id, **BY_KEY))[2])
        assert transcript.entries == () and transcript.forgotten == 2
        await school.registry.end(session, "deleted")
        for status in (204, 404):
            async with school.http.delete(address, headers=BY_KEY) as erased:
                assert erased.status == status


async def test_the_webhook_gets_the_lesson_once_when_its_session_ends() -> None:
    async with School().running(hooked=True) as school:
        session = await school.taught()
        assert not school.told
        await school.registry.end(session, "deleted")
        await school.registry.end(session, "expired")
        async with asyncio.timeout(LIMIT_S):
            await school.tell.wait()
    (told,) = school.told
    assert (told.pop("event"), len(told.pop("id")), told.pop("at")[:2]) == ("lesson_ended", 36, "20")
    transcript = LessonTranscript.model_validate(told)
    assert [entry.text for entry in transcript.entries] == ["What do plants do?", ANSWER]
    assert transcript.ended == "deleted" and transcript.usage.completion_tokens > 0


async def test_a_lesson_that_was_running_at_shutdown_is_delivered() -> None:
    async with School(webhook_transcript=False).running(hooked=True) as school:
        await school.taught()
    (told,) = school.told
    assert told["ended"] == "shutdown" and "entries" not in told and ANSWER not in json.dumps(told)
    assert told["usage"]["replies"] == 1


async def test_running_lessons_are_told_of_when_they_changed() -> None:
    school = School(webhook_every_s=0.01)
    school.stage.settings.sessions.idle_s = 0.4  # the registry looks around ten times a second
    async with school.running(hooked=True):
        session = await school.taught()
        async with asyncio.timeout(LIMIT_S):
            while not any(len(told.get("entries", ())) == 2 for told in school.told):
                session.touch()
                await asyncio.sleep(0.02)
    assert {told["event"] for told in school.told} == {"lesson_progress", "lesson_ended"}
    revisions = [told["revision"] for told in school.told]
    assert revisions == sorted(revisions) and len({told["id"] for told in school.told}) == len(school.told)


async def test_a_dead_receiver_delays_neither_the_session_nor_its_end() -> None:
    async with School(webhook_url="http://127.0.0.1:1/", webhook_secret=SECRET).running() as school:
        session = await school.taught()
        began = time.process_time()
        await school.registry.end(session, "deleted")
        assert time.process_time() - began < 1.0
        assert (await school.taught()).conversation.record.usage().replies == 1


@pytest.mark.parametrize(
    "wrong", [{"webhook_url": "http://x/"}, {"webhook_url": "ftp://x", "webhook_secret": SECRET}, {"keep_s": -1}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LessonSettings(**wrong)
