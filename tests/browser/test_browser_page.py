"""The built-in page in a real Chromium, over WebRTC and over the WebSocket it falls back to."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ARTEFACTS, EARS, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_UDP = """
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  // As behind a firewall: neither side learns where the other is.
  get localDescription() {
    const { type, sdp } = super.localDescription;
    return { type, sdp: sdp.replace(/a=candidate.*\\r\\n/g, "") };
  }
  setRemoteDescription({type, sdp}) {
    return super.setRemoteDescription({type, sdp: sdp.replace(/a=candidate.*\\r\\n/g, "")});
  }
};
"""
NO_MICROPHONE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
  window.allowed ? open(wanted) : Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
"""
GREETED = """sessionStorage.conversation ??= '[{"role": "assistant", "text": "Hello."}]';"""
"""A conversation has begun, so the tutor greets nobody, and its first answer is reply 1."""

AUDIBLE = 0.003
"""Loudness (RMS) above which sound counts as heard, about -50 dBFS."""

both_transports = pytest.mark.parametrize("transport", ["webrtc", "websocket"])


async def start(page: Page) -> None:
    """Press Start, stop the tutor's greeting, and wait until the tutor listens."""
    await page.get_by_role("button", name=re.compile("Start talking|Continue|New lesson")).click()
    await expect(page.locator("#welcome")).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(page.locator("#state")).to_have_attribute("data-state", "listening")
    await page.evaluate("shown.speakingPictures = 0")


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
    engine_url: str, browse: Any, recordings: dict[str, Path], transport: str
) -> None:
    page = await browse(f"{engine_url}/?transport={transport}", microphone=recordings["question"])
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
    await expect(page.locator("#transcript .assistant.cut .unheard").last).to_be_visible()
    await ask(page, "What is two plus two?")
    await speaking(page, pictures)


async def test_stop_before_the_answer_begins_and_the_tutor_listens_again(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/")
    await start(page)
    await page.evaluate(
        """() => {
          document.getElementById("text").value = "Why is the sky blue?";
          document.getElementById("composer").requestSubmit();
          document.getElementById("stop").click();
        }"""
    )
    await expect(page.locator("#state")).to_have_attribute("data-state", "listening", timeout=2000)
    await expect(page.locator("#transcript .dots")).to_have_count(0)
    await ask(page, "What is two plus two?")
    await speaking(page)


async def test_a_student_who_speaks_over_the_tutor_is_heard_and_nothing_stale_follows(
    engine_url: str, browse: Any, recordings: dict[str, Path]
) -> None:
    page = await browse(
        f"{engine_url}/?transport=webrtc", microphone=recordings["interjection"], script=EARS + NO_MICROPHONE + GREETED
    )
    await start(page)
    # A blocked microphone is said, with what to do, and typing goes on.
    await expect(page.locator("#problem")).to_contain_text("The microphone is blocked. Allow it")
    await ask(page, "Tell me a long story about the sea and everything that lives in it.")
    await speaking(page)
    await page.evaluate("window.allowed = true")
    await page.locator("#microphone").click()
    await expect(page.locator("#problem")).to_be_hidden()
    await expect(page.locator("#transcript .user").last).to_contain_text(re.compile("fraction", re.IGNORECASE))
    await until(
        lambda: page.evaluate("ears.events.some(([, m]) => m.type === 'playing' && m.turn === 2)"), "a second answer"
    )
    ears = await page.evaluate("ears")
    at = {(message["type"], message.get("turn", 0)): seconds for seconds, message in reversed(ears["events"])}
    assert at["interrupted", 1] < at["transcription", 0] < at["playing", 2]
    levels = np.array(ears["levels"])
    # Half a second empties the jitter buffer of a browser that is behind; then there is silence until the next answer.
    between = (levels[:, 0] > at["interrupted", 1] + 0.5) & (levels[:, 0] < at["playing", 2])
    assert not (levels[between, 2] > AUDIBLE).any(), "something of the old answer was still heard"
    heard = levels[(levels[:, 0] < at["interrupted", 1]), 2]
    assert (heard > AUDIBLE).any(), "the first answer was never heard"
    of_first_turn = [m["type"] for s, m in ears["events"] if s > at["interrupted", 1] and m.get("turn") == 1]
    assert not set(of_first_turn) - {"interrupted"}


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
    before = await page.evaluate("JSON.parse(sessionStorage.session).session_id")
    await page.reload()
    await expect(page.locator("#transcript .user")).to_contain_text("My name is Robin.")
    await start(page)
    assert await page.evaluate("JSON.parse(sessionStorage.session).session_id") == before
    await ask(page, "Do you know my name?")
    await speaking(page)
    await expect(page.locator("#transcript .user")).to_have_count(2)


async def test_two_browsers_never_hear_each_other(engine_url: str, browse: Any) -> None:
    first, second = await browse(f"{engine_url}/"), await browse(f"{engine_url}/", script=EARS + GREETED)
    await start(first)
    await start(second)
    greeting = await second.locator("#transcript li").all_text_contents()
    await ask(first, "Tell me about volcanoes.")
    await speaking(first)
    assert await second.locator("#transcript li").all_text_contents() == greeting
    assert await second.evaluate("shown.speakingPictures") == 0
    levels = np.array(await second.evaluate("ears.levels"))
    assert len(levels) > 10
    assert levels[:, 2].max() < AUDIBLE, "the other student's tutor was heard"
    await ask(second, "Tell me about dolphins.")
    await speaking(second)
    assert "volcano" not in (await second.locator("#transcript").inner_text()).lower()
    assert "dolphin" not in (await first.locator("#transcript").inner_text()).lower()


async def test_the_session_that_has_ended_is_replaced_by_a_new_one(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/")
    await start(page)
    session = (await page.evaluate("JSON.parse(sessionStorage.session)"))["session_id"]
    await page.request.delete(f"{engine_url}/v1/sessions/{session}")
    await expect(page.locator("#ended")).to_be_visible()
    await start(page)
    assert (await page.evaluate("JSON.parse(sessionStorage.session)"))["session_id"] != session
    await expect(page.locator("#problem")).to_be_hidden()


REOPENING = """async () => {
  const { Conversation } = await import("/static/conversation.js");
  sessionStorage.removeItem("conversation");
  const list = document.createElement("ol");
  const conversation = new Conversation(list, () => ({ you: "You: ", unheard: "" }));
  conversation.ask("What is a verb?");
  conversation.grow(1, "A doing word.", true);
  conversation.ask("What is a metaphor?");
  conversation.grow(2, "A metaphor is");
  conversation.cut(2, "");
  conversation.askOn("What is a metaphor in a poem?");
  conversation.grow(3, "A picture.");
  conversation.whole(3, "A picture.");
  conversation.spoken(3);
  conversation.say(3, "A");
  conversation.cut(3, "A");
  conversation.askOn("What is a metaphor in a poem or a song?");
  conversation.grow(4, "A comparison.", true);
  const stored = JSON.parse(sessionStorage.getItem("conversation")).map(({ text }) => text);
  return [[...list.children].map((node) => node.lastChild.textContent), stored];
}"""


async def test_a_question_that_goes_on_stands_there_once_and_what_was_heard_meanwhile_stays(
    engine_url: str, browse: Any
) -> None:
    page = await browse(f"{engine_url}/")
    shown, stored = await page.evaluate(REOPENING)
    asked = "What is a metaphor in a poem or a song?"
    assert shown == stored == ["What is a verb?", "A doing word.", asked, "A picture.", "A comparison."]


async def test_the_settings_list_the_voices_and_play_samples(engine_url: str, browse: Any) -> None:
    page = await browse(engine_url)
    await page.locator("#settings-open").click()
    await page.locator("#voices summary").click()
    row = page.locator("#voices li", has_text="Heart, a young woman")
    await expect(row).to_contain_text(re.compile(r"woman · English · Apache-2\.0 · [\d.]+ % of a processor core"))
    await page.screenshot(path=ARTEFACTS / "settings-voices.png")
    async with page.expect_response(re.compile(r"/v1/voices/.*/sample\.wav")) as answer:
        await row.get_by_role("button", name="Hear Heart, a young woman").click()
    assert (await answer.value).status == 200
    await expect(row.get_by_role("button")).to_be_enabled()


async def test_chinese_and_the_settings(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/", locale="zh-CN", color_scheme="dark")
    await expect(page.locator("#start")).to_have_text("开始对话")
    await until(lambda: page.evaluate("document.getElementById('still').naturalWidth"), "a picture of the tutor")
    tutors = page.locator("#tutors").get_by_role("radio")
    await expect(tutors).to_have_count(3)
    await page.get_by_text("Lin").first.click()
    assert "avatar_tutor_7" in (await page.locator("#still").get_attribute("src") or "")
    await page.locator("#settings-open").click()
    await expect(page.locator("#settings")).to_be_visible()
    await expect(page.locator("#tutor")).to_have_value("7")
    assert await page.locator("#face option").count() >= 4
    await page.screenshot(path=ARTEFACTS / "settings-zh-dark.png")
    await page.keyboard.press("Escape")
    await page.locator("#language").click()
    await expect(page.locator("#start")).to_have_text("Start talking")
    assert await page.evaluate("document.documentElement.lang") == "en"


async def test_the_keyboard_alone_is_enough_and_everything_has_a_name(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/", reduced_motion="reduce", script=GREETED)
    await expect(page.locator("#start")).to_be_enabled()
    await page.locator("#start").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#text")).to_be_focused()
    nameless = await page.evaluate(
        """[...document.querySelectorAll("button, input, select, [role]")].filter((node) => node.checkVisibility()
          && !node.ariaLabel && !node.labels?.length && !node.textContent.trim()).map((node) => node.outerHTML)"""
    )
    assert nameless == []
    await page.keyboard.type("Tell me a long story about a ship.")
    await page.keyboard.press("Enter")
    await speaking(page)
    await page.keyboard.press("Tab")
    await expect(page.locator("#stop")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#state")).to_have_attribute("data-state", "listening")
    await expect(page.locator("#text")).to_be_focused()


async def test_a_connection_that_breaks_is_opened_again_by_itself(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/?transport=webrtc")
    async with page.expect_response("**/webrtc") as opened:
        await start(page)
    answer = await (await opened.value).json()
    before = await page.evaluate("sessionStorage.session")
    token = (await page.evaluate("JSON.parse(sessionStorage.session)"))["engine_token"]
    # A connection that never held is left to the student.
    await asyncio.sleep(5.5)
    async with page.expect_response("**/webrtc"):
        await page.request.delete(engine_url + answer["location"], headers={"Authorization": f"Bearer {token}"})
    await expect(page.locator("#state")).to_have_attribute("data-state", "listening")
    await expect(page.locator("#welcome")).to_be_hidden()
    assert await page.evaluate("sessionStorage.session") == before
    await ask(page, "Hello!")
    await speaking(page)


async def test_a_second_window_takes_over_and_the_first_says_so(engine_url: str, browse: Any) -> None:
    first = await browse(f"{engine_url}/?transport=webrtc")
    await start(first)
    session = await first.evaluate("sessionStorage.session")
    second = await browse(f"{engine_url}/?transport=webrtc", script=f"sessionStorage.session = {session!r};")
    await asyncio.sleep(5)
    await start(second)
    await expect(first.locator("#problem")).to_contain_text("opened in another window")
    await ask(second, "Hello!")
    await speaking(second)
