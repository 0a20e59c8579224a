"""The web tier against a real engine: logins, own sessions only, and an engine that is busy or down."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest
from sqlalchemy import create_engine, text

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "a secret of the school, 32 characters"


async def test_login_gives_a_token_for_the_right_password_only(web_tier: Any) -> None:
    async with web_tier() as http:
        right = await http.post("/api/student/login", json={"username": "anna", "password": "apple-tree"})
        wrong = await http.post("/api/student/login", json={"username": "anna", "password": "blue-boat"})
        nobody = await http.post("/api/student/login", json={"username": "carl", "password": "apple-tree"})
        empty = await http.post("/api/student/login", json={"username": "", "password": ""})
    assert right.status_code == 200
    assert right.json()["token_type"] == "bearer"
    assert right.json()["student"]["name"] == "Anna"
    assert (wrong.status_code, nobody.status_code, empty.status_code) == (401, 401, 422)
    assert wrong.json() == nobody.json(), "answers must not tell which names exist"


async def test_passwords_are_stored_hashed(web_tier: Any, tmp_path: Any) -> None:
    async with web_tier():
        database = create_engine(f"sqlite:///{tmp_path / 'school.db'}")
        with database.connect() as db:
            hashes = [row[0] for row in db.execute(text("select password_hash from students"))]
        database.dispose()
    assert len(set(hashes)) == 2
    assert all(stored.startswith("$argon2id$") for stored in hashes)


async def test_a_session_of_the_web_tier_opens_the_engine(web_tier: Any, login: Any) -> None:
    async with web_tier() as http:
        student = await login(http)
        opened = (await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=student)).json()
        assert {"session_id", "engine_url", "engine_token"} <= opened.keys()
        url = f"{opened['engine_url']}?token={opened['engine_token']}"
        async with aiohttp.ClientSession() as browser, browser.ws_connect(url, max_msg_size=0) as socket_:
            await socket_.send_str('{"type": "configure", "stream": true, "video": "none"}')
            ready = json.loads((await socket_.receive(20)).data)
            assert (ready["type"], ready["session"]) == ("ready", opened["session_id"])
            assert ready["tutor"] == "Professor Owen"
        found = await http.get(f"/api/student/sessions/{opened['session_id']}", headers=student)
        assert (found.json()["status"], found.json()["tutor_id"]) == ("active", 1)


async def test_the_catalogue_is_open_and_known_to_the_engine(web_tier: Any) -> None:
    async with web_tier() as http:
        tutors = (await http.get("/api/tutors")).json()
        picture = await http.get("/api/tutors/13/picture.jpg")
        assert (await http.get("/api/tutors/99/picture.jpg")).status_code == 404
    assert (picture.headers["content-type"], picture.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert [(tutor["id"], tutor["name"]) for tutor in tutors] == [(1, "Professor Owen"), (7, "Lin"), (13, "Maya")]


async def test_students_see_and_end_their_own_sessions_only(web_tier: Any, login: Any, engine: Any) -> None:
    async with web_tier() as http:
        anna, ben = await login(http), await login(http, "ben", "blue-boat")
        opened = (await http.post("/api/student/sessions", json={"tutor_id": 7}, headers=anna)).json()
        path = f"/api/student/sessions/{opened['session_id']}"
        assert (await http.get(path, headers=ben)).status_code == 404
        assert (await http.delete(path, headers=ben)).status_code == 404
        assert (await http.get("/api/student/sessions", headers=ben)).json() == []
        assert len(engine.registry) == 1
        own = (await http.get("/api/student/sessions", headers=anna)).json()
        assert [session["session_id"] for session in own] == [opened["session_id"]]
        assert (await http.delete(path, headers=anna)).status_code == 204
        assert len(engine.registry) == 0
        assert (await http.get(path, headers=anna)).status_code == 404


async def test_a_session_the_engine_has_ended_is_told_and_can_be_deleted(
    web_tier: Any, login: Any, engine: Any
) -> None:
    async with web_tier() as http:
        student = await login(http)
        opened = (await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=student)).json()
        await engine.registry.end(engine.registry.find(opened["session_id"]), "test")
        path = f"/api/student/sessions/{opened['session_id']}"
        assert (await http.get(path, headers=student)).json()["status"] == "ended"
        assert (await http.delete(path, headers=student)).status_code == 204


async def test_a_token_is_renewed_for_the_student_s_own_session_only(web_tier: Any, login: Any, engine: Any) -> None:
    async with web_tier() as http:
        anna, ben = await login(http), await login(http, "ben", "blue-boat")
        opened = (await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=anna)).json()
        path = f"/api/student/sessions/{opened['session_id']}/token"
        answer = await http.post(path, headers=anna)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
        renewed = answer.json()
        claims = jwt.decode(renewed["engine_token"], options={"verify_signature": False})
        assert claims["sub"] == opened["session_id"] and claims["exp"] == renewed["expires_at"]
        assert (await http.post(path, headers=ben)).status_code == 404
        assert (await http.post(path)).status_code == 401
        await engine.registry.end(engine.registry.find(opened["session_id"]), "test")
        assert (await http.post(path, headers=anna)).status_code == 404


async def test_without_a_good_token_nothing_is_given(web_tier: Any, login: Any) -> None:
    def signed(secret: str = SECRET, minutes: float = 5, **claims: Any) -> dict[str, str]:
        expires = datetime.now(UTC) + timedelta(minutes=minutes)
        token = jwt.encode({"sub": "1", "aud": "school", "exp": expires, **claims}, secret, "HS256")
        return {"Authorization": f"Bearer {token}"}

    async with web_tier(app_secret=SECRET) as http:
        assert (await http.get("/api/student/sessions", headers=signed())).status_code == 200
        for headers in (
            {}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eA=="}, signed(secret="x" * 40),
            signed(minutes=-1), signed(sub="999"), signed(sub="anna"), signed(aud="another school"),
        ):  # fmt: skip
            answer = await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_unknown_tutors_and_bad_bodies(web_tier: Any, login: Any, engine: Any) -> None:
    async with web_tier() as http:
        student = await login(http)
        unknown = await http.post("/api/student/sessions", json={"tutor_id": 2}, headers=student)
        missing = await http.post("/api/student/sessions", json={}, headers=student)
        broken = await http.post("/api/student/sessions", content="{", headers=student)
        assert (unknown.status_code, missing.status_code, broken.status_code) == (404, 422, 422)
        assert len(engine.registry) == 0


async def test_a_full_engine_is_503_with_retry_after(web_tier: Any, login: Any, engine: Any) -> None:
    async with web_tier() as http:
        student = await login(http)
        for _ in range(engine.settings.sessions.max):
            engine.registry.create(1, 99, None)
        answer = await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=student)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert "busy" in answer.json()["detail"]


async def test_an_engine_that_is_down_is_503_with_retry_after(web_tier: Any, login: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with web_tier(engine_url=f"http://127.0.0.1:{port}") as http:
        student = await login(http)
        answer = await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=student)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_wrong_engine_key_is_the_servers_fault_and_is_not_shown(web_tier: Any, login: Any) -> None:
    async with web_tier(engine_api_key="wrong") as http:
        student = await login(http)
        answer = await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=student)
    assert answer.status_code == 502
    assert "key" not in answer.text


async def test_a_second_worker_finds_the_database_filled(web_tier: Any, login: Any) -> None:
    async with web_tier() as first, web_tier() as second:
        await login(first)
        await login(second, "ben", "blue-boat")
        assert len((await second.get("/api/tutors")).json()) == 3


async def test_a_student_has_one_lesson_at_a_time(web_tier: Any, login: Any, engine: Any) -> None:
    async with web_tier() as http:
        anna, ben = await login(http), await login(http, "ben", "blue-boat")
        opened = await asyncio.gather(
            *(http.post("/api/student/sessions", json={"tutor_id": 1}, headers=anna) for _ in range(4))
        )
        assert {answer.status_code for answer in opened} == {200}
        assert len(engine.registry) == 1
        assert len((await http.get("/api/student/sessions", headers=anna)).json()) == 1
        assert (await http.post("/api/student/sessions", json={"tutor_id": 1}, headers=ben)).status_code == 200


async def test_guessing_passwords_is_slowed_down_for_that_name_only(web_tier: Any, login: Any) -> None:
    async with web_tier() as http:
        wrong = {"username": "anna", "password": "pear-tree"}
        codes = [(await http.post("/api/student/login", json=wrong)).status_code for _ in range(10)]
        assert codes == [401] * 8 + [429] * 2
        refused = await http.post("/api/student/login", json={"username": "anna", "password": "apple-tree"})
        assert (refused.status_code, int(refused.headers["Retry-After"]) >= 1) == (429, True)
        await login(http, "ben", "blue-boat")


async def test_a_flood_of_logins_leaves_the_others_answered(web_tier: Any) -> None:
    async with web_tier() as http:
        guesses = [http.post("/api/student/login", json={"username": f"nobody{n}", "password": "x"}) for n in range(60)]
        answers = await asyncio.gather(*guesses, http.get("/api/tutors"))
        codes = [answer.status_code for answer in answers]
        assert codes[-1] == 200
        assert set(codes[:-1]) == {401, 503}
        assert codes.count(401) >= 16


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/student/login", rb'{"username": "\ud800", "password": "secret-word"}'),
        ("/api/student/login", rb'{"username": "a\u0000b", "password": "secret-word"}'),
        ("/api/student/login", b'{"username": "", "password": "secret-word"}'),
        ("/api/student/login", b'{"username": NaN, "password": "secret-word"}'),
        ("/api/student/login", b"[" * 30_000),
        ("/api/student/login", b'{"username": ' + b"9" * 6000 + b"}"),
        ("/api/student/sessions", b'{"tutor_id": NaN}'),
        ("/api/student/sessions", b'{"tutor_id": 1e400}'),
        ("/api/student/sessions", b'{"tutor_id": 99999999999999999999999}'),
        ("/api/student/sessions", b'{"tutor_id": -1}'),
        ("/api/student/sessions", b"\xff\xfe"),
    ],
)
async def test_hostile_json_is_the_senders_fault(web_tier: Any, login: Any, path: str, body: bytes) -> None:
    async with web_tier() as http:
        headers = {**await login(http), "Content-Type": "application/json"}
        answer = await http.post(path, content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert "secret-word" not in answer.text


async def test_numbers_in_addresses_are_bounded(web_tier: Any) -> None:
    async with web_tier() as http:
        assert (await http.get(f"/api/tutors/{10**30}/picture.jpg")).status_code == 422


async def test_a_large_body_is_refused_before_it_is_read(web_tier: Any) -> None:
    sent = 0

    async def body() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 64_000
            yield b"x" * 64_000

    async with web_tier() as http:
        answer = await http.post("/api/student/login", content=body())
    assert answer.status_code == 413
    assert sent < 1_000_000
