"""The built-in page in a real Chromium, over WebRTC and over the WebSocket it falls back to."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ARTEFACTS, until
from playwright.async_api import Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_UDP = """
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  // As behind a firewall: the candidates of the other side lead nowhere.
  setRemoteDescription({type, sdp}) {
    return super.setRemoteDescription({type, sdp: sdp.replace(/a=candidate.*\\r\\n/g, "")});
  }
};
"""
both_transports = pytest.mark.parametrize("transport", ["webrtc", "websocket"])


async def start(page: Page) -> None:
    """Press Start and wait until the tutor listens."""
    await page.get_by_role("button", name=re.compile("Start talking|Continue")).click()
    await expect(page.locator("#welcome")).to_be_hidden()


async def ask(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")


async def speaking(page: Page, beyond: int = 0) -> int:
    """Wait until more than ``beyond`` pictures of a speaking tutor were painted; gives how many."""
    return int(
        await until(
            lambda: page.evaluate(f"shown.speakingPictures > {beyond + 1} && shown.speakingPictures"),
            "pictures of a speaking tutor",
        )
    )


@both_transports
async def test_a_typed_question_is_answered_with_picture_captions_and_text(
    engine_url: str, browse: Any, transport: str
) -> None:
    page = await browse(f"{engine_url}/?transport={transport}")
    await start(page)
    await ask(page, "Why is the sky blue?")
    await speaking(page)
    await until(
        lambda: page.evaluate("document.getElementById('captions').textContent.length > 12"), "captions of a few words"
    )
    await page.screenshot(path=ARTEFACTS / f"speaking-{transport}.png")
    await expect(page.locator("#transport")).to_have_text("WebRTC" if transport == "webrtc" else "WebSocket")
    await expect(page.locator("#transcript .user")).to_contain_text("Why is the sky blue?")
    await expect(page.locator("#transcript .assistant").last).not_to_be_empty()
    await expect(page.locator("#latency")).to_contain_text("ms")
    print(transport, await page.locator("#latency").text_content())
    await expect(page.locator("#state")).to_have_attribute("data-state", "listening")
    # The second turn plays too: players that stop after the first one are a known trap.
    pictures = await page.evaluate("shown.speakingPictures")
    await ask(page, "And at night?")
    await speaking(page, pictures)


@both_transports
async def test_a_spoken_question_is_heard_and_answered(
    engine_url: str, browse: Any, spoken_question: Path, transport: str
) -> None:
    page = await browse(f"{engine_url}/?transport={transport}", microphone=spoken_question)
    await start(page)
    await expect(page.locator("#transcript .user")).to_contain_text(re.compile("sky", re.IGNORECASE))
    await speaking(page)
    await expect(page.locator("#transcript .user")).to_have_count(1)


@both_transports
async def test_the_stop_button_silences_the_tutor_and_the_next_question_is_answered(
    engine_url: str, browse: Any, transport: str
) -> None:
    page = await browse(f"{engine_url}/?transport={transport}")
    await start(page)
    await ask(page, "Tell me a long story about the sea and everything that lives in it.")
    await speaking(page)
    await page.locator("#stop").click()
    await expect(page.locator("#state")).to_have_attribute("data-state", "listening")
    pictures = await page.evaluate("shown.speakingPictures")
    await asyncio.sleep(1)
    assert await page.evaluate("shown.speakingPictures") == pictures, "the tutor spoke on"
    assert await page.locator("#transcript .cut").count() <= 1
    await ask(page, "What is two plus two?")
    await speaking(page, pictures)


async def test_a_peer_that_cannot_connect_falls_back_to_the_socket(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/?transport=auto", script=NO_UDP)
    await start(page)
    await expect(page.locator("#transport")).to_have_text("WebSocket")
    await ask(page, "Hello!")
    await speaking(page)


async def test_a_reload_goes_on_with_the_same_conversation(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/")
    await start(page)
    await ask(page, "My name is Robin.")
    await speaking(page)
    before = await page.evaluate("sessionStorage.session")
    await page.reload()
    await expect(page.locator("#transcript .user")).to_contain_text("My name is Robin.")
    await start(page)
    assert await page.evaluate("sessionStorage.session") == before
    await ask(page, "Do you know my name?")
    await speaking(page)
    await expect(page.locator("#transcript .user")).to_have_count(2)


async def test_two_browsers_never_hear_each_other(engine_url: str, browse: Any) -> None:
    first, second = await browse(f"{engine_url}/"), await browse(f"{engine_url}/")
    await start(first)
    await start(second)
    greeting = await second.locator("#transcript li").all_text_contents()
    await ask(first, "Tell me about volcanoes.")
    await speaking(first)
    assert await second.locator("#transcript li").all_text_contents() == greeting
    assert await second.evaluate("shown.speakingPictures") == 0
    await ask(second, "Tell me about dolphins.")
    await speaking(second)
    assert "volcano" not in (await second.locator("#transcript").inner_text()).lower()
    assert "dolphin" not in (await first.locator("#transcript").inner_text()).lower()


async def test_the_session_that_has_ended_is_replaced_by_a_new_one(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/")
    await start(page)
    session = (await page.evaluate("JSON.parse(sessionStorage.session)"))["session_id"]
    await page.request.delete(f"{engine_url}/v1/sessions/{session}")
    await expect(page.locator("#problem")).to_be_visible()
    await start(page)
    assert (await page.evaluate("JSON.parse(sessionStorage.session)"))["session_id"] != session
    await expect(page.locator("#problem")).to_be_hidden()


async def test_chinese_and_the_settings(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/", locale="zh-CN", color_scheme="dark")
    await expect(page.locator("#start")).to_have_text("开始对话")
    await until(lambda: page.evaluate("document.getElementById('still').naturalWidth"), "a picture of the tutor")
    await page.locator("#settings-open").click()
    await expect(page.locator("#settings")).to_be_visible()
    assert await page.locator("#avatar option").count() >= 3
    await page.screenshot(path=ARTEFACTS / "settings-zh-dark.png")
    await page.keyboard.press("Escape")
    await page.locator("#language").click()
    await expect(page.locator("#start")).to_have_text("Start talking")
    assert await page.evaluate("document.documentElement.lang") == "en"
