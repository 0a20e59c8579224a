"""A lesson's transcript against what a peer really played: each word is a tone of its own, found again in the audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import numpy as np

from engine.contracts import Voice
from engine.items import OUTPUT_RATE, Clause, FloatArray, Speech, Word
from engine.lessons import Lesson
from engine.protocol.lessons import StudentSaid, TutorSaid
from tests.conversation.conversation_stage import FakeModel
from tests.conversation.conversation_stage import Stage as Talk
from tests.fakes import FakeSynthesizer
from tests.transport.webrtc.webrtc_stage import Browser, open_browser, open_stage

WORDS = ("red", "green", "blue", "brown", "white", "black", "pink", "grey")
STORY = " ".join(WORDS) + "."
WORD_MS = 800
RATE = 48_000
STEP = RATE // 50
LIMIT_S = 240
SLACK_MS = 250
"""What may lie between the engine's clock and the client's ear: packets on their way, and a pause of the machine."""


def tone_of(word: str) -> int:
    """In Hz, a multiple of 50: a whole number of waves in 20 ms."""
    return 400 + 200 * WORDS.index(word.strip(".").lower())


@dataclass
class Tones(FakeSynthesizer):
    """Says each word as its tone, ``WORD_MS`` long."""

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        words = clause.spoken.split()
        for index, word in enumerate(words):
            at = np.arange(OUTPUT_RATE * WORD_MS // 1000) / OUTPUT_RATE
            pcm = (0.4 * np.sin(2 * np.pi * tone_of(word) * at)).astype(np.float32)
            yield Speech(clause, pcm, (Word(word, 0.0, WORD_MS),), last=index == len(words) - 1)


def tones(heard: FloatArray) -> Iterator[str]:
    """Which word each 20 ms belong to, in the order in which they were played; silence is left out."""
    for piece in heard[: len(heard) // STEP * STEP].reshape(-1, STEP):
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(STEP)))
        loudness = [float(spectrum[tone_of(word) // 50]) for word in WORDS]
        if max(loudness) > 0.1 * STEP / 4:
            yield WORDS[int(np.argmax(loudness))]


def played(browser: Browser, since: int = 0) -> list[tuple[str, int]]:
    """The words that came after so many samples, with the ms of each."""
    heard = np.concatenate(browser.heard)[since:]
    runs = [(word, 20 * len(list(run))) for word, run in groupby(tones(heard))]
    return [(word, ms) for word, ms in runs if ms >= 60]


def spoken(text: str) -> list[str]:
    return text.strip(".").lower().split()


async def test_what_a_peer_played_is_in_the_transcript_to_the_word_through_an_interruption() -> None:
    talk = Talk(model=FakeModel(STORY), synthesizer=Tones())
    async with open_stage() as stage, asyncio.TaskGroup() as group:
        running = group.create_task(talk.conversation.run())
        stage.session.conversation = talk.conversation  # type: ignore[assignment]
        async with open_browser(stage.post, video=False) as browser:
            await browser.event("ready")
            browser.send(type="text", content="Which colours are there?")
            await browser.wait(lambda: 20 * len(browser.loud()) > 3.6 * WORD_MS, LIMIT_S)
            browser.send(type="interrupt")
            cut = await browser.event("interrupted")
            # What was on its way has come once it has been silent for a second.
            quiet = len(browser.sounds)
            await browser.wait(lambda: len(browser.sounds) > quiet + 50)
            first, since = played(browser), sum(map(len, browser.heard))
            browser.send(type="text", content="And once more?")
            await browser.wait(
                lambda: any(e["type"] == "turn_done" and e["turn"] == 2 for e in browser.events), LIMIT_S
            )
            await browser.wait(
                lambda: browser.events[-1]["type"] == "playing" and not browser.events[-1]["turn"], LIMIT_S
            )
            quiet = len(browser.sounds)
            await browser.wait(lambda: len(browser.sounds) > quiet + 50)
            second = played(browser, since)
        talk.conversation.close()
        await running
    record = Lesson("11111111-2222-4333-8444-555555555555", 1, 2, "Owen", datetime.now(UTC), talk.conversation.record)
    entries = record.transcript().entries
    cut_off, whole = (entry for entry in entries if isinstance(entry, TutorSaid))
    assert [e.text for e in entries if isinstance(e, StudentSaid)] == ["Which colours are there?", "And once more?"]
    # The reply that was heard out.
    assert [word for word, _ in second] == list(WORDS) == spoken(whole.text)
    assert (whole.unheard, whole.ended) == ("", "done")
    # The one that was cut off: every word that was played to its end, and none that was not begun.
    heard_ms = sum(ms for _, ms in first)
    assert [word for word, _ in first] == list(WORDS[: len(first)])
    told = spoken(cut_off.text)
    assert told == list(WORDS[: len(told)]) and len(told) < len(WORDS)
    assert (heard_ms - SLACK_MS) // WORD_MS <= len(told) <= -(-(heard_ms + SLACK_MS) // WORD_MS)
    assert (cut_off.text, cut_off.ended, cut_off.interrupted_by) == (cut["content"], "interrupted", "client")
    assert spoken(f"{cut_off.text} {cut_off.unheard}") == list(WORDS), "nothing of what was written is lost"
