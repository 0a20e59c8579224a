"""The management API over real sockets: every line of the contract, and hostile input."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel

from engine.app import Engine
from engine.protocol import http
from engine.settings import Settings
from engine.tokens import TokenSigner
from engine.transport.api.openapi import PATHS, TutorList

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def get(caller: Any, path: str, **options: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
    async with caller.http.get(caller.base + path, **options) as reply:
        body = await reply.json() if "json" in reply.content_type else await reply.text()
        return reply.status, body, reply


async def test_health_is_exactly_as_promised(caller: Any) -> None:
    status, body, _ = await get(caller, "/health")
    assert (status, body) == (200, {"status": "healthy", "service": "GPU Server"})


async def test_ready_when_warm(caller: Any) -> None:
    assert (await get(caller, "/ready"))[0] == 200


async def test_session_life_cycle(caller: Any) -> None:
    created = await caller.create()
    assert set(created) == {"session_id", "engine_url", "engine_token", "status"}
    assert str(uuid.UUID(created["session_id"])) == created["session_id"]
    assert created["engine_url"] == caller.base.replace("http", "ws") + f"/ws/ws/{created['session_id']}"
    assert created["status"] == "active"
    status, body, _ = await get(caller, f"/v1/sessions/{created['session_id']}")
    assert status == 200
    assert set(body) == {"session_id", "tutor_id", "student_id", "status", "created_at", "last_activity"}
    assert (body["tutor_id"], body["student_id"]) == (1, 123)
    assert datetime.fromisoformat(body["created_at"]).utcoffset() is not None
    assert created["session_id"] in [s["session_id"] for s in (await get(caller, "/v1/sessions"))[1]["sessions"]]
    async with caller.http.delete(f"{caller.base}/v1/sessions/{created['session_id']}") as reply:
        assert (reply.status, await reply.read()) == (204, b"")
    status, body, _ = await get(caller, f"/v1/sessions/{created['session_id']}")
    assert (status, body["error"]["code"]) == (404, "unknown_session")
    assert await caller.delete(created["session_id"]) == 404


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 400, "JSON"), (b"{", 400, "JSON"), (b"[]", 400, "object"), (b"{}", 422, "tutor_id"),
        (b'{"tutor_id":"1","student_id":1}', 422, "tutor_id"), (b'{"tutor_id":1}', 422, "student_id"),
        (b'{"tutor_id":-1,"student_id":1}', 422, "tutor_id"), (b'{"tutor_id":1.5,"student_id":1}', 422, "tutor_id"),
        (b'{"tutor_id":1,"student_id":1,"kb_id":"../../etc"}', 422, "kb_id"),
        (b'{"tutor_id":1,"student_id":1,"kb_id":7}', 422, "kb_id"), (b"\xff\xfe", 400, "JSON"),
        (b"[" * 100_000, 400, "JSON"), (b'{"tutor_id":' + b"9" * 4000 + b',"student_id":1}', 422, "tutor_id"),
    ],
)  # fmt: skip
async def test_bad_bodies_are_refused_by_name(caller: Any, body: bytes, status: int, word: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with caller.http.post(f"{caller.base}/v1/sessions", data=body, headers=headers) as reply:
        answer = await reply.json()
        assert reply.status == status, answer
        assert word in answer["error"]["message"]


async def test_a_huge_body_is_refused(caller: Any) -> None:
    async with caller.http.post(f"{caller.base}/v1/sessions", data=b"x" * 3_000_000) as reply:
        assert (reply.status, (await reply.json())["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("PUT", "/health", 405)])
async def test_errors_are_json(caller: Any, method: str, path: str, status: int) -> None:
    async with caller.http.request(method, caller.base + path) as reply:
        assert reply.status == status
        assert set((await reply.json())["error"]) == {"code", "message"}


async def test_full_engine_says_when_to_come_back(caller: Any, engine: Engine) -> None:
    created: list[dict[str, Any]] = []
    try:
        created += [await caller.create() for _ in range(engine.settings.sessions.max)]
        async with caller.http.post(f"{caller.base}/v1/sessions", json={"tutor_id": 1, "student_id": 1}) as reply:
            assert reply.status == 503
            assert int(reply.headers["Retry-After"]) >= 1
            assert (await reply.json())["error"]["code"] == "busy"
    finally:
        await asyncio.gather(*(caller.delete(one["session_id"]) for one in created))


async def test_tokens_that_do_not_fit(caller: Any, session: dict[str, Any], engine: Engine) -> None:
    other = await caller.create()
    secret = engine.settings.secret.get_secret_value()
    expired = TokenSigner(secret, -10).sign(session["session_id"], 1, 1)
    forged = TokenSigner("x" * 32, 60).sign(session["session_id"], 1, 1)
    for token in ("", "garbage", expired, forged, other["engine_token"]):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await caller.http.ws_connect(f"{session['engine_url']}?token={token}")
        assert refused.value.status == 401
    await caller.delete(other["session_id"])
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await caller.http.ws_connect(f"{other['engine_url']}?token={other['engine_token']}")
    assert refused.value.status == 404


async def test_token_in_the_header(caller: Any, session: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {session['engine_token']}"}
    async with caller.http.ws_connect(session["engine_url"], headers=headers) as ws:
        await ws.send_str('{"type":"ping"}')
        assert (await ws.receive_json(timeout=60))["type"] == "pong"


async def test_token_as_a_subprotocol(caller: Any, session: dict[str, Any]) -> None:
    token = "tutor.token." + session["engine_token"]
    async with caller.http.ws_connect(session["engine_url"], protocols=("tutor.v1", token)) as ws:
        assert ws.protocol == "tutor.v1"
        await ws.send_str('{"type":"ping"}')
        assert (await ws.receive_json(timeout=60))["type"] == "pong"
    for protocols, status in (((token,), 400), (("tutor.v1", "tutor.token.x"), 401), (("tutor.v1",), 401)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await caller.http.ws_connect(session["engine_url"], protocols=protocols)
        assert refused.value.status == status


async def test_a_renewed_token_opens_the_session(caller: Any, session: dict[str, Any]) -> None:
    async with caller.http.post(f"{caller.base}/v1/sessions/{session['session_id']}/token") as reply:
        renewed = http.SessionToken.model_validate(await reply.json())
    socket = await caller.connect({**session, "engine_token": renewed.engine_token})
    await socket.send(type="ping")
    await socket.expect("pong")
    await socket.ws.close()


@pytest.mark.parametrize("origin", ["http://evil.test", "null"])
async def test_foreign_pages_open_no_socket(caller: Any, session: dict[str, Any], origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await caller.http.ws_connect(f"{session['engine_url']}?token={session['engine_token']}", origin=origin)
    assert refused.value.status == 403


async def test_the_page_has_a_policy_without_inline_scripts(caller: Any) -> None:
    async with caller.http.get(f"{caller.base}/") as reply:
        policy = reply.headers["Content-Security-Policy"]
        text = await reply.text()
    assert "script-src 'self';" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert "<script>" not in text and " onclick" not in text and " style=" not in text


async def test_plain_get_of_the_socket_is_told_so(caller: Any, session: dict[str, Any]) -> None:
    status, body, _ = await get(caller, f"/ws/ws/{session['session_id']}?token={session['engine_token']}")
    assert (status, body["error"]["code"]) == (400, "bad_request")


async def test_metrics_and_openapi(caller: Any) -> None:
    status, text, _ = await get(caller, "/metrics")
    assert status == 200
    assert "tutor_sessions " in text and "tutor_loop_lag_seconds_bucket" in text
    document = (await get(caller, "/openapi.json"))[1]
    assert document["openapi"].startswith("3.1")
    assert set(PATHS) <= set(document["paths"])


async def test_avatars(caller: Any) -> None:
    avatars = (await get(caller, "/v1/avatars"))[1]["avatars"]
    assert "avatar_tutor_13" in [avatar["id"] for avatar in avatars]
    async with caller.http.get(f"{caller.base}/v1/avatars/avatar_tutor_13/idle.mp4") as reply:
        assert (reply.status, reply.content_type) == (200, "video/mp4")
        assert b"ftyp" in (await reply.read())[:12]
    status, body, _ = await get(caller, "/v1/avatars/..%2F..%2Fetc/idle.mp4")
    assert (status, body["error"]["code"]) == (422, "unknown_avatar")


async def test_api_key_guards_the_management_calls() -> None:
    from engine.telemetry import Metrics
    from engine.transport.api.middleware import api_key, cors, errors_as_json
    from engine.transport.api.routes import Api, Readiness

    settings = Settings(port=0, api_key="k" * 40)
    app = aiohttp.web.Application(middlewares=[cors(settings), errors_as_json, api_key(settings)])
    app.add_routes(Api(settings, Metrics(), Readiness(), TokenSigner("s" * 32, 60)).routes())
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as http:
            for headers, status in (
                ({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": "Bearer " + "k" * 40}, 503),
            ):  # fmt: skip
                async with http.get(f"{base}/v1/sessions", headers=headers) as reply:
                    assert reply.status == status
                    if status == 503:
                        assert "Retry-After" in reply.headers
            async with http.get(f"{base}/ready") as reply:
                assert reply.status == 503
            async with http.get(f"{base}/health") as reply:
                assert reply.status == 200
    finally:
        await runner.cleanup()


async def test_a_closed_page_says_so_with_its_token_alone(caller: Any, session: dict[str, Any]) -> None:
    path = f"{caller.base}/v1/sessions/{session['session_id']}/leave"
    async with aiohttp.ClientSession() as http:
        for token, status in (("wrong", 401), ("", 401), (session["engine_token"], 204)):
            async with http.post(path, data=token) as reply:
                assert reply.status == status


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/health", http.Status), ("/ready", http.Status), ("/v1/sessions", http.SessionList),
        ("/v1/sessions/{session_id}", http.SessionState), ("/v1/sessions/{session_id}/ice", http.IceServers),
        ("/v1/avatars", http.AvatarList), ("/v1/avatars/avatar_tutor_13", http.AvatarState),
        ("/v1/voices", http.VoiceList), ("/v1/tutors", TutorList), ("/v1/knowledge", http.KnowledgeList),
        ("/v1/avatars/nobody", http.ErrorAnswer),
    ],
)  # fmt: skip
async def test_answers_are_as_openapi_describes_them(
    caller: Any, session: dict[str, Any], path: str, model: type[BaseModel]
) -> None:
    headers = {"Authorization": f"Bearer {session['engine_token']}"}
    _, body, _ = await get(caller, path.format(**session), headers=headers)
    model.model_validate(body)


async def test_openapi_describes_every_route(caller: Any, engine: Engine) -> None:
    assert engine.app is not None
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in engine.app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }
    document = (await get(caller, "/openapi.json"))[1]
    described = {(method, path) for path, operations in document["paths"].items() for method in operations}
    assert served - {("get", "/static/{name}")} == described
