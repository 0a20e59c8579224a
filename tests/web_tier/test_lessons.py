"""Lessons at the web tier: the engine's webhook, reading again, teachers and their own students only, deletion."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio
from app.database import Lesson, Student, Teacher, Teaching
from app.passwords import hash_password
from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import Session

from engine.lessons import LessonArchive
from engine.settings import LessonSettings
from tests.serving import serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "w" * 32
HOOK = "/api/engine/webhook"
LIMIT_S = 60.0


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    seconds = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Tutor-Signature": f"t={seconds},v1={digest}", "Content-Type": "application/json"}


async def deliver(http: httpx.AsyncClient, told: Any) -> httpx.Response:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return await http.post(HOOK, content=body, headers=signed(body))


def told(session_id: str, revision: int = 3, **changes: Any) -> dict[str, Any]:
    """A delivery as the engine makes it."""
    entries = [
        {"who": "student", "id": 1, "turn": 1, "start_ms": 500, "end_ms": 1500, "text": "What is a leaf?", "by": "text",
         "language": None, "continued": False, "held_back": None},
        {"who": "tutor", "id": 2, "turn": 1, "start_ms": 2000, "end_ms": 4000, "text": "A leaf makes",
         "unheard": "sugar.", "origin": "model", "sources": [], "ended": "interrupted", "interrupted_by": "client"},
    ]  # fmt: skip
    return {
        "id": "1", "event": "lesson_ended", "session_id": session_id, "ended": "deleted",
        "ended_at": "2026-01-02T03:04:05Z", "revision": revision, "entries": entries,
        "safety": [{"turn": 4, "at_ms": 9000, "category": "abuse", "stage": "question"}],
        "usage": {"replies": 1, "spoken_s": 2.0}, **changes,
    }  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def school(web_tier: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with web_tier(engine_webhook_secret=SECRET) as http:
        yield http


async def open_lesson(http: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
    answer = await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=headers)
    opened: dict[str, Any] = answer.json()
    return opened


async def teacher(http: httpx.AsyncClient, username: str = "clara", password: str = "cherry-cake") -> dict[str, str]:
    answer = await http.post("/api/teacher/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def with_database(tmp_path: Path, change: Any) -> None:
    database = create_engine(f"sqlite:///{tmp_path / 'school.db'}")
    with Session(database) as db:
        change(db)
        db.commit()
    database.dispose()


async def test_a_delivery_is_stored_once_whatever_comes_twice_or_late(school: Any, login: Any) -> None:
    anna = await login(school)
    lesson_id = (await open_lesson(school, anna))["session_id"]
    for revision, text in ((2, "early"), (5, "last"), (5, "again"), (4, "late")):
        entries = [{"who": "student", "start_ms": 0, "end_ms": 1, "text": text}]
        progress = told(lesson_id, revision, entries=entries, event="lesson_progress", ended=None, ended_at=None)
        assert (await deliver(school, progress)).json() == {"stored": True}
    ended = told(lesson_id, 5)
    assert [(await deliver(school, ended)).status_code for _ in range(2)] == [200, 200]
    found = (await school.get(f"/api/student/lessons/{lesson_id}", headers=anna)).json()
    assert [entry["text"] for entry in found["entries"]] == ["What is a leaf?", "A leaf makes"]
    assert (found["ended"], found["entries"][1]["unheard"], found["usage"]["replies"]) == ("deleted", "sugar.", 1)
    assert [note["category"] for note in found["safety"]] == ["abuse"]


async def test_only_a_fresh_signature_of_the_engine_is_taken(school: Any, login: Any, web_tier: Any) -> None:
    lesson_id = (await open_lesson(school, await login(school)))["session_id"]
    body, now = json.dumps(told(lesson_id)).encode(), time.time()
    for headers in (
        {}, signed(body, secret="x" * 32), signed(body + b" "), signed(body, now - 400), signed(body, now + 400),
        {"X-Tutor-Signature": signed(body)["X-Tutor-Signature"].replace("t=", "t=-")},
        {"X-Tutor-Signature": "t=" + "9" * 5000 + ",v1="}, {"X-Tutor-Signature": "t=٣,v1=" + "0" * 64},
    ):  # fmt: skip
        answer = await school.post(HOOK, content=body, headers={k: v.encode() for k, v in headers.items()})
        assert answer.status_code == 401, headers
    async with web_tier() as closed:
        assert (await closed.post(HOOK, content=body, headers=signed(body))).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 30_000, b'{"event": "lesson_ended"}', b'{"event": "safety", "session": 7}',
     b'{"event":"lesson_ended","session_id":"s","ended":null,"ended_at":null,"revision":1e99}',
     b'{"event":"lesson_ended","session_id":"s","ended":null,"ended_at":null,"revision":-1}'],
)  # fmt: skip
async def test_signed_nonsense_is_refused(school: Any, body: bytes) -> None:
    assert (await deliver(school, body)).status_code == 422


async def test_what_is_not_known_is_accepted_and_not_stored(school: Any) -> None:
    for other in (told("nobody"), {"event": "news"}, [1], "x", {"event": ["lesson_ended"]}):
        assert (await deliver(school, other)).json() == {"stored": False}
    large = told("nobody", entries=[{"who": "tutor", "start_ms": 0, "end_ms": 0, "text": "x" * 300_000}])
    assert (await deliver(school, large)).json() == {"stored": False}
    assert (await deliver(school, b" " * (5 << 20))).status_code == 413


async def test_safety_events_come_by_either_webhook_and_are_listed_once_without_words(school: Any, login: Any) -> None:
    lesson_id = (await open_lesson(school, await login(school)))["session_id"]
    incident = {"id": "2", "event": "safety", "session": lesson_id, "reply": 4, "tutor": "1", "category": "abuse",
                "stage": "question", "at": datetime.now(UTC).isoformat(), "words": "my dad hits me"}  # fmt: skip
    assert (await deliver(school, incident)).json() == {"stored": True}
    assert (await deliver(school, incident)).json() == {"stored": True}
    await deliver(school, told(lesson_id))
    answer = await school.get("/api/teacher/safety", headers=await teacher(school))
    (event,) = answer.json()
    assert (event["category"], event["stage"], event["turn"], event["student_id"]) == ("abuse", "question", 4, 1)
    assert "dad" not in answer.text


async def test_a_teacher_reads_the_lessons_of_own_students_only(school: Any, login: Any, tmp_path: Path) -> None:
    def add(db: Session) -> None:
        db.add(Teacher(id=9, username="dora", name="Mr Dora", password_hash=hash_password("date-tree")))
        db.flush()
        db.add(Teaching(teacher_id=9, student_id=2))

    with_database(tmp_path, add)
    anna, ben = await login(school), await login(school, "ben", "blue-boat")
    annas, bens = [(await open_lesson(school, each))["session_id"] for each in (anna, ben)]
    await deliver(school, told(annas))
    clara, dora = await teacher(school), await teacher(school, "dora", "date-tree")

    async def listed(headers: dict[str, str], path: str = "/api/teacher/lessons") -> set[str]:
        return {lesson["lesson_id"] for lesson in (await school.get(path, headers=headers)).json()}

    assert await listed(clara) == {annas, bens} and await listed(dora) == {bens}
    assert await listed(clara, "/api/teacher/lessons?student_id=1") == {annas}
    assert await listed(dora, "/api/teacher/lessons?student_id=1") == set()
    assert [s["name"] for s in (await school.get("/api/teacher/students", headers=dora)).json()] == ["Ben"]
    assert (await school.get("/api/teacher/safety", headers=dora)).json() == []
    assert (await school.get(f"/api/teacher/lessons/{annas}", headers=clara)).status_code == 200
    for path in (f"/api/teacher/lessons/{annas}", "/api/teacher/lessons/nobody"):
        assert (await school.get(path, headers=dora)).status_code == 404
    assert (await school.delete("/api/teacher/students/1/records", headers=dora)).status_code == 404
    assert await listed(ben, "/api/student/lessons") == {bens}
    assert (await school.get(f"/api/student/lessons/{annas}", headers=ben)).status_code == 404
    for path, headers in (("/api/teacher/lessons", anna), ("/api/student/lessons", clara), ("/api/teacher/safety", {})):
        assert (await school.get(path, headers=headers)).status_code == 401, path
    wrong = {"username": "anna", "password": "apple-tree"}
    assert (await school.post("/api/teacher/login", json=wrong)).status_code == 401


async def talk(opened: dict[str, Any], text: str) -> None:
    """Ask one question over the session's socket, and read the answer as text."""
    url = f"{opened['engine_url']}?token={opened['engine_token']}"
    async with aiohttp.ClientSession() as browser, browser.ws_connect(url, max_msg_size=0) as socket:
        await socket.send_str('{"type": "configure", "stream": true, "video": "none"}')
        await socket.send_str(json.dumps({"type": "text", "content": text}))
        async with asyncio.timeout(LIMIT_S):
            while json.loads((await socket.receive()).data)["type"] != "turn_done":
                pass


async def test_a_running_lesson_is_there_again_after_a_reload(school: Any, login: Any) -> None:
    anna = await login(school)
    opened = await open_lesson(school, anna)
    await talk(opened, "What is 12 times 12?")
    path = f"/api/student/lessons/{opened['session_id']}"
    found = (await school.get(path, headers=anna)).json()
    assert found["entries"][0]["text"] == "What is 12 times 12?" and found["ended"] is None
    assert found["entries"][1]["origin"] == "calculation"
    await school.delete(f"/api/student/sessions/{opened['session_id']}", headers=anna)
    again = (await school.get(path, headers=anna)).json()
    assert again["entries"] == found["entries"], "the engine has forgotten it, the school has not"


async def test_the_engines_own_webhook_brings_the_end_of_a_lesson(
    school: Any, login: Any, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the real engine's archive over a socket into the database."""
    from aiohttp import web

    async def hand_on(request: web.Request) -> web.Response:
        headers = {"X-Tutor-Signature": request.headers["X-Tutor-Signature"]}
        answer = await school.post(HOOK, content=await request.read(), headers=headers)
        return web.Response(status=answer.status_code)

    app = web.Application(client_max_size=4 << 20)
    app.router.add_post(HOOK, hand_on)
    anna = await login(school)
    async with serving(app) as url:
        settings = LessonSettings.model_validate({"webhook_url": f"{url}{HOOK}", "webhook_secret": SECRET})
        archive = LessonArchive(settings, engine.metrics)
        async with archive.running():
            monkeypatch.setattr(engine.registry, "_lessons", archive)
            opened = await open_lesson(school, anna)
            await talk(opened, "What is 12 times 12?")
            await school.delete(f"/api/student/sessions/{opened['session_id']}", headers=anna)
    found = (await school.get(f"/api/student/lessons/{opened['session_id']}", headers=anna)).json()
    assert (found["ended"], found["entries"][0]["text"]) == ("deleted", "What is 12 times 12?")
    assert found["usage"]["replies"] == 1


async def test_deleting_a_students_records_ends_the_lesson_and_stores_nothing_that_comes_later(
    school: Any, login: Any, engine: Any
) -> None:
    anna, clara = await login(school), await teacher(school)
    opened = await open_lesson(school, anna)
    await deliver(school, told(opened["session_id"]))
    assert (await school.delete("/api/teacher/students/1/records", headers=clara)).status_code == 204
    assert len(engine.registry) == 0
    assert (await deliver(school, told(opened["session_id"], 9))).json() == {"stored": False}
    for path, headers in (
        ("/api/student/lessons", anna),
        ("/api/teacher/lessons", clara),
        ("/api/teacher/safety", clara),
    ):
        assert (await school.get(path, headers=headers)).json() == [], path


async def test_a_lesson_whose_engine_is_gone_shows_what_had_been_sent(school: Any, login: Any, web_tier: Any) -> None:
    anna = await login(school)
    lesson_id = (await open_lesson(school, anna))["session_id"]
    await deliver(school, told(lesson_id, event="lesson_progress", ended=None, ended_at=None))
    async with web_tier(engine_webhook_secret=SECRET, engine_url="http://127.0.0.1:1") as without_engine:
        headers = await login(without_engine)
        found = (await without_engine.get(f"/api/student/lessons/{lesson_id}", headers=headers)).json()
    assert [entry["text"] for entry in found["entries"]] == ["What is a leaf?", "A leaf makes"]
    assert found["ended"] is None


async def test_old_lessons_are_deleted(school: Any, login: Any, tmp_path: Path) -> None:
    anna = await login(school)
    old, new = [(await open_lesson(school, anna))["session_id"] for _ in range(2)]
    await deliver(school, told(old))
    ago = datetime.now(UTC) - timedelta(days=181)
    with_database(tmp_path, lambda db: db.execute(update(Lesson).where(Lesson.id == old).values(started_at=ago)))
    await deliver(school, told(new))
    kept: list[str] = []
    with_database(tmp_path, lambda db: kept.extend(db.scalars(select(Lesson.id))))
    assert kept == [new]
    names: list[str] = []
    with_database(tmp_path, lambda db: names.extend(db.scalars(select(Student.name))))
    assert names == ["Anna", "Ben"]
