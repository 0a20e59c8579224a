"""A browser on https behind nginx and Caddy, with the engine under a sub-path: WebSocket, WebRTC, WebRTC by a relay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiortc import RTCPeerConnection
from playwright.async_api import expect
from yarl import URL

from tests.browser.conftest import until
from tests.browser.test_browser_page import ask, speaking, start
from tests.deploy.conftest import Ports
from tests.deploy.edges import edge

pytestmark = pytest.mark.asyncio(loop_scope="session")

PEERS = """
const Peer = window.RTCPeerConnection;
window.peers = [];
window.RTCPeerConnection = class extends Peer {
  constructor(options) { super({...options, iceTransportPolicy: POLICY}); window.peers.push(this); }
};
"""
KIND = """async () => {
  const reports = [...(await peers.at(-1).getStats()).values()];
  const pair = reports.find((each) => each.type === "candidate-pair" && each.nominated && each.state === "succeeded");
  return pair && reports.find((each) => each.id === pair.localCandidateId).candidateType;
}"""
"""The kind of candidate that this browser's packets leave from."""


SECURED = """async () => {
  const { secured } = await import("./static/webrtc-link.js");
  return ["ws://engine:9000/ws/ws/1", "ws://localhost:9000/ws/ws/1"].map(secured);
}"""
"""What the client makes of addresses that a web tier got over plain HTTP."""


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def school(
    request: pytest.FixtureRequest, ports: Ports, engine_behind: None, tls_folder: Any, tmp_path_factory: Any
) -> Iterator[str]:
    with edge(request.param, ports, tls_folder, tmp_path_factory.mktemp(request.param)) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def inside(ports: Ports) -> AsyncIterator[None]:
    """Stands in for web tier and page: answers with the path and the headers that reached it."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"path": request.path, "headers": dict(request.headers)})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", ports.inside).start()
        yield
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        yield session


@pytest.mark.parametrize(("transport", "policy"), [("websocket", "all"), ("webrtc", "all"), ("webrtc", "relay")])
async def test_the_tutor_talks_over_https_under_a_sub_path(
    school: str, browse: Any, transport: str, policy: str
) -> None:
    page = await browse(
        f"{school}/engine/?transport={transport}", script=PEERS.replace("POLICY", f'"{policy}"'),
        ignore_https_errors=True,
    )  # fmt: skip
    await start(page)
    await expect(page.locator("#transport")).to_have_text("WebRTC" if transport == "webrtc" else "WebSocket")
    await ask(page, "What is a fraction?")
    assert await speaking(page)
    assert await page.evaluate(SECURED) == ["wss://engine:9000/ws/ws/1", "ws://localhost:9000/ws/ws/1"]
    if transport == "webrtc":
        kind = await until(lambda: page.evaluate(KIND), "a nominated pair")
        assert (kind == "relay") == (policy == "relay"), kind


async def test_a_whip_client_can_hang_up_what_it_was_given(school: str, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{school}/engine/v1/sessions", json={"tutor_id": 1, "student_id": 1}) as answer:
        created = await answer.json()
    assert created["engine_url"] == f"wss{school.removeprefix('https')}/engine/ws/ws/{created['session_id']}"
    headers = {"Authorization": f"Bearer {created['engine_token']}", "Content-Type": "application/sdp"}
    peer = RTCPeerConnection()
    peer.addTransceiver("audio", direction="sendrecv")
    await peer.setLocalDescription(await peer.createOffer())
    offer, url = peer.localDescription.sdp, f"{school}/engine/v1/sessions/{created['session_id']}/webrtc"
    async with http.post(url, data=offer, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        location = answer.headers["Location"]
    await peer.close()
    async with http.delete(answer.url.join(URL(location)), headers=headers) as answer:
        assert answer.status == 204, location


async def test_plain_http_is_sent_to_https(school: str, ports: Ports, http: aiohttp.ClientSession) -> None:
    async with http.get(f"http://localhost:{ports.http}/engine/", allow_redirects=False) as answer:
        assert answer.status in (301, 308)
        assert answer.headers["Location"].startswith("https://localhost")


@pytest.mark.parametrize("path", ["/engine/metrics", "/api/engine/webhook"])
async def test_what_is_for_inside_is_not_there(
    school: str, inside: None, http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(f"{school}{path}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("path", ["/", "/teacher.html", "/api/student/login"])
async def test_pages_and_web_tier_get_the_paths_they_know_and_the_true_address(
    school: str, inside: None, http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(f"{school}{path}", headers={"X-Forwarded-For": "198.51.100.7"}) as answer:
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"]
        echoed = await answer.json()
    assert echoed["path"] == path
    given = {name.lower(): value for name, value in echoed["headers"].items()}
    assert given["x-forwarded-for"] in ("127.0.0.1", "::1")
    assert given["x-forwarded-proto"] == "https"
