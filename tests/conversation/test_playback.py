"""What the student has heard: acknowledgements, the clock, and the words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversation.playback import Playback
from engine.items import FRAME_MS, Word

SAID = "Plants make **sugar**, from light."
WORDS = [
    Word("Plants", 0, 300),
    Word("make", 300, 500),
    Word("sugar", 500, 900),
    Word("from", 1000, 1200),
    Word("light", 1200, 1600),
]


def playing(frames: int = 100) -> Playback:
    playback = Playback()
    playback.words = list(WORDS)
    playback.sent(frames, now=10.0)
    return playback


def test_nothing_sent_is_nothing_heard() -> None:
    assert Playback().heard_ms(now=99) == 0


def test_the_clock_counts_without_acknowledgements() -> None:
    assert playing().heard_ms(now=10.5) == pytest.approx(500)


def test_never_more_than_was_sent() -> None:
    assert playing(frames=5).heard_ms(now=60) == 5 * FRAME_MS


def test_a_fresh_acknowledgement_moves_on_with_time() -> None:
    playback = playing()
    playback.acknowledge(300, now=10.6)
    assert playback.heard_ms(now=10.8) == pytest.approx(500)


def test_a_stale_acknowledgement_stands_still() -> None:
    playback = playing()
    playback.acknowledge(300, now=10.6)
    assert playback.heard_ms(now=15) == 300


def test_acknowledgements_are_clamped_and_never_go_back() -> None:
    playback = playing(frames=10)
    playback.acknowledge(99_999, now=11)
    playback.acknowledge(100, now=11)
    assert playback.heard_ms(now=11) == 400


def test_the_last_word_after_an_interruption_may_go_back() -> None:
    playback = playing()
    playback.acknowledge(900, now=11)
    playback.correct(500, now=11.1)
    assert playback.heard_ms(now=11.2) == 500


@pytest.mark.parametrize(
    ("position", "text"),
    [(0, ""), (100, ""), (160, "Plants"), (450, "Plants make"), (800, "Plants make **sugar"), (1600, SAID)],
)
def test_heard_text_is_cut_at_words(position: float, text: str) -> None:
    assert playing().heard_text(SAID, position) == text


@given(st.floats(0, 3000))
def test_heard_text_is_always_a_prefix(position: float) -> None:
    assert SAID.startswith(playing().heard_text(SAID, position))


def test_words_spelt_otherwise_are_passed_over() -> None:
    playback = playing()
    playback.words = [Word("It", 0, 100), Word("nineteen", 100, 400), Word("years", 400, 600)]
    assert playback.heard_text("It took 19 years.", 550) == "It took 19 years"
