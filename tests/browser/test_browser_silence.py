"""An engine that falls silent: noticed by the page within two seconds, told in a child's words, and overcome."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Browse
from tests.browser.test_browser_page import ask, speaking, start

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCHED = """async () => {
  const { Heartbeat } = await import("/static/heartbeat.js");
  window.alive = true;
  window.log = [];
  const note = (what) => log.push([what, performance.now()]);
  const heart = new Heartbeat(async () => alive, {
    stalled: note,
    lost: () => { note("lost"); heart.stop(); },
  });
  heart.start();
}"""

DEAF = """
window.deaf = false;
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  set onmessage(handle) { super.onmessage = (event) => window.deaf || handle?.(event); }
};
"""
"""A WebSocket that stays open, but hands on nothing while ``deaf``."""


async def test_silence_is_noticed_within_two_seconds_and_given_up_after_more(engine_url: str, browse: Browse) -> None:
    page = await browse(engine_url)
    await page.clock.install()
    await page.reload()
    await page.evaluate(WATCHED)
    await page.clock.run_for(10_000)
    assert await page.evaluate("log") == []
    began = await page.evaluate("(alive = false, performance.now())")
    await page.clock.run_for(2_500)
    ((stalled, noticed_at),) = await page.evaluate("log")
    assert stalled is True and noticed_at - began <= 2_000
    await page.evaluate("(alive = true, 0)")
    await page.clock.run_for(1_000)
    assert (await page.evaluate("log"))[-1][0] is False
    await page.evaluate("(alive = false, 0)")
    await page.clock.run_for(20_000)
    assert [what for what, _ in await page.evaluate("log")] == [True, False, True, "lost"]


async def test_a_silent_engine_is_told_in_plain_words_and_the_lesson_goes_on(engine_url: str, browse: Browse) -> None:
    page = await browse(f"{engine_url}/?transport=websocket", script=DEAF)
    await start(page)
    session = await page.evaluate("sessionStorage.session")
    await ask(page, "Tell me a long story about a ship.")
    await speaking(page)
    await page.evaluate("(deaf = true, 0)")
    await expect(page.locator("#problem")).to_have_text("Oh, I lost the connection. Getting your tutor back…")
    await expect(page.locator("#state")).to_have_attribute("data-state", "reconnecting")
    await page.evaluate("(deaf = false, 0)")
    await expect(page.locator("#problem")).to_be_hidden()
    pictures: Any = await page.evaluate("shown.speakingPictures")
    await ask(page, "What is two plus two?")
    await speaking(page, pictures)
    assert await page.evaluate("sessionStorage.session") == session
