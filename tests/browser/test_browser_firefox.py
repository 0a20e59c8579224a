"""The built-in page in a real Firefox, over WebRTC and over the WebSocket."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.conftest import ARTEFACTS, PATIENCE_MS, WATCH
from tests.browser.firefox import FirefoxPage, firefox, open_firefox

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(firefox() is None and "CI" not in os.environ, reason="no Firefox here"),
]
PATIENCE_S = PATIENCE_MS / 1000


@pytest_asyncio.fixture(loop_scope="session")
async def page(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[FirefoxPage]:
    executable = firefox()
    assert executable is not None, "make test-browser installs firefox-esr"
    ARTEFACTS.mkdir(exist_ok=True)
    async with open_firefox(executable, tmp_path / "profile") as opened:
        await opened.before_each_page(WATCH)
        yield opened
        (ARTEFACTS / f"{request.node.name}-end.png").write_bytes(await opened.screenshot())


async def ask(page: FirefoxPage, text: str) -> None:
    await page.evaluate(
        f"(document.getElementById('text').value = {text!r}, document.getElementById('composer').requestSubmit(), 1)"
    )


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_typed_questions_are_answered_with_a_moving_face_and_a_voice_in_firefox(
    engine_url: str, page: FirefoxPage, transport: str
) -> None:
    await page.goto(f"{engine_url}/?transport={transport}")
    await page.wait_for("!document.getElementById('start').disabled", PATIENCE_S)
    await page.evaluate("(document.getElementById('start').click(), 1)")
    await page.wait_for("document.getElementById('state').dataset.state === 'listening'", PATIENCE_S)
    name = "WebRTC" if transport == "webrtc" else "WebSocket"
    assert await page.evaluate("document.getElementById('transport').textContent") == name
    painted = 0
    for question in ("Why is the sky blue?", "And at night?"):
        began = await page.evaluate("document.getElementById('speech').currentTime")
        await ask(page, question)
        await page.wait_for(f"document.getElementById('speech').currentTime > {began + 1.5}", PATIENCE_S)
        painted = await page.wait_for(f"shown.speakingPictures > {painted + 15} && shown.speakingPictures", PATIENCE_S)
        await page.wait_for("document.getElementById('state').dataset.state === 'listening'", PATIENCE_S)
    if transport == "webrtc":
        tracks = "document.getElementById('speech').srcObject.getTracks().map((t) => [t.kind, t.readyState, t.muted])"
        assert sorted(await page.evaluate(tracks)) == [["audio", "live", False], ["video", "live", False]]
