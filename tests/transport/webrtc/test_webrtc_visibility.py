"""A peer whose page is hidden: the voice goes on, pictures are neither drawn nor sent, and come back as a keyframe."""

from __future__ import annotations

from engine.conversation.sink import NO_PICTURES
from tests.frames import beeps
from tests.transport.webrtc.webrtc_stage import Browser, Stage


def heard_since(browser: Browser, seconds: float) -> float:
    """RTP seconds of sound that came after RTP time ``seconds``."""
    return browser.sounds[-1].time - seconds


async def test_a_hidden_page_gets_its_voice_without_pictures_and_a_keyframe_when_it_is_seen_again(stage: Stage) -> None:
    async with stage.browser() as browser:
        await browser.wait(lambda: len(browser.pictures) > 3 and len(browser.sounds) > 3)
        browser.send(type="visibility", visible=False)
        await browser.wait(lambda: stage.conversation.sink.picture_every == NO_PICTURES)
        hidden_at = browser.sounds[-1].time
        # What was under way when it was hidden has come by now.
        await browser.wait(lambda: heard_since(browser, hidden_at) > 0.5)
        seen = len(browser.pictures)
        await stage.conversation.sink.media(beeps(1, 25, loud=True))
        await stage.conversation.sink.finish(1)
        await browser.wait(lambda: browser.loud() and heard_since(browser, hidden_at) > 2.5)
        assert len(browser.pictures) == seen, "a picture was sent although nobody looks"
        browser.send(type="visibility", visible=True)
        # The receiver gives out a picture when the next one begins, so the last one of before comes only now.
        await browser.wait(lambda: len(browser.pictures) > seen + 2)
        fresh = [picture for picture in browser.pictures[seen:] if picture.time > hidden_at + 1]
        assert fresh[0].keyframe
        assert stage.conversation.sink.picture_every < NO_PICTURES
