"""The state of an utterance: what slides, what is committed, what need not be decoded again. No model."""

from __future__ import annotations

import numpy as np
import pytest

from engine.items import VAD_FRAME, FloatArray, Word
from engine.recognition.sliding import repeated_words
from engine.recognition.speech_spans import FRAMES_PER_S, Span
from engine.recognition.utterance import UtteranceState
from engine.recognition.whisper_window import Hypothesis
from engine.recognition.window_decode import WindowDecode, ends_quietly

Piece = tuple[float, bool]
"""Seconds, and whether somebody speaks."""


def push(state: UtteranceState, *pieces: Piece) -> None:
    """Pieces after each other, in whole frames."""
    for seconds, speaks in pieces:
        frames = round(seconds * FRAMES_PER_S)
        audio: FloatArray = np.full(frames * VAD_FRAME, 0.5 if speaks else 0.0, np.float32)
        state.push(audio, np.full(frames, 0.95 if speaks else 0.02, np.float32))


def utterance(*pieces: Piece) -> UtteranceState:
    state = UtteranceState(None)
    push(state, *pieces)
    return state


def decoded(of: UtteranceState, text: str, ms_a_word: float = 500, language_p: float = 1.0) -> WindowDecode:
    """A decode of all there is, its words evenly spaced."""
    held = of.snapshot()
    words = tuple(text.split())
    times = tuple(Word(word, i * ms_a_word, (i + 1) * ms_a_word) for i, word in enumerate(words))
    said = Hypothesis(words, "en", language_p, 0.1, -0.2, times=times)
    return WindowDecode(held.start, Span(0, len(held.track)), said, held.track, more=False)


def test_a_long_window_slides_behind_its_last_settled_sentence() -> None:
    speech = utterance((10, True))
    text = "one two three four. five six"
    speech.revised(decoded(speech, text))
    transcript = speech.revised(decoded(speech, text + " seven"))
    assert transcript.stable == text and transcript.text == text + " seven"
    assert 7.5 < speech.held_s < 8.5, "2 s of settled sentence went"
    after = decoded(speech, "five six seven eight")
    assert speech.revised(after).text == "one two three four. five six seven eight"
    final = speech.whole(after)
    assert final.text == "one two three four. five six seven eight"
    assert [w.start_ms for w in final.words] == sorted(w.start_ms for w in final.words)


def test_without_a_sentence_end_it_slides_at_a_pause() -> None:
    speech = utterance((3, True), (0.5, False), (10, True))
    text = " ".join("abcdefghijklmnop")
    speech.revised(decoded(speech, text))
    speech.revised(decoded(speech, text + " q"))
    assert 10 < speech.held_s < 10.6
    assert speech.revised(decoded(speech, "h i j")).text.startswith("a b c d e f g h i j")


def test_a_word_on_both_sides_of_the_cut_is_told_once() -> None:
    speech = utterance((3, True), (0.5, False), (10, True))
    text = " ".join("abcdefghijklmnop")
    speech.revised(decoded(speech, text))
    speech.revised(decoded(speech, text + " q"))
    again = speech.remember(decoded(speech, "G H i"))
    assert again.words == ("H", "i")
    assert speech.revised(again).text.startswith("a b c d e f g h i j")
    assert speech.whole(again).text == "a b c d e f g H i"
    stammer = speech.remember(decoded(speech, "g g h"))
    assert stammer.words == ("g", "h")
    assert speech.remember(stammer).words == ("g", "h"), "what was kept is no echo"


@pytest.mark.parametrize(
    ("before", "words", "language", "count"),
    [
        ("no account of where", "Where we are", "en", 1),
        ("in his book,", "Book, capital", "en", 1),
        ("one two three", "two three four", "en", 2),
        ("one two", "three four", "en", 0),
        ("", "one", "en", 0),
        ("one", "", "en", 0),
        ("妈", "妈 在", "zh", 0),
    ],
)
def test_what_is_repeated_words(before: str, words: str, language: str, count: int) -> None:
    assert repeated_words(before.split(), words.split(), language) == count


def test_a_short_window_or_one_that_reads_otherwise_now_stays() -> None:
    short = utterance((5, True))
    for text in ("it rains. why", "it rains. why now"):
        short.revised(decoded(short, text))
    assert abs(short.held_s - 5) < 0.05
    other = utterance((10, True))
    for text in ("it rains. why", "it rains. why now"):
        other.revised(decoded(other, text, ms_a_word=0))
    assert other.held_s > 9


def test_only_silence_after_the_last_word_needs_no_new_decode() -> None:
    speech = utterance((2, True), (0.3, False))
    decode = decoded(speech, "that is all")
    speech.remember(decode)
    push(speech, (0.5, False))
    known = speech.already_decoded(speech.snapshot(), decode.window)
    assert known is not None and known.said is decode.said
    push(speech, (0.3, True))
    assert speech.already_decoded(speech.snapshot(), decode.window) is None


def test_a_decode_that_ended_within_a_word_is_done_again_after_silence() -> None:
    speech = utterance((2, True), (0.06, False))
    decode = decoded(speech, "that is al")
    assert not ends_quietly(decode.track)
    speech.remember(decode)
    push(speech, (0.5, False))
    assert speech.already_decoded(speech.snapshot(), decode.window) is None


def test_speech_from_the_very_first_frame_is_heard_after_nothing_was() -> None:
    speech = utterance((0.04, True))
    held = speech.snapshot()
    speech.remember(WindowDecode(held.start, Span(0, 0), None, held.track, more=False))  # too short to be speech
    push(speech, (1, True), (0.3, False))
    assert speech.already_decoded(speech.snapshot(), Span(0, 40)) is None


def test_a_sure_language_is_kept_and_an_unsure_one_is_not() -> None:
    speech = utterance((3, True))
    speech.remember(decoded(speech, "hola", language_p=0.5))
    assert speech.language is None
    speech.remember(decoded(speech, "hello", language_p=0.95))
    assert speech.language == "en"


def test_a_committed_window_is_text_for_good_and_its_sound_goes() -> None:
    speech = utterance((2, True), (4, False), (2, True))
    held = speech.snapshot()
    first = WindowDecode(held.start, Span(0, 70), Hypothesis(("first",), "en", 1, 0, 0), held.track, more=True)
    speech.commit(first)
    assert speech.held_s < 6
    final = speech.whole(decoded(speech, "second"))
    assert final.text == "first second" and final.words[1].start_ms > 5000


def test_audio_and_probabilities_stay_together_also_after_sliding() -> None:
    speech = utterance((1, True), (1, False))
    speech.commit(WindowDecode(0, Span(0, 40), None, speech.snapshot().track, more=True))
    push(speech, (1, True))
    held = speech.snapshot()
    assert held.start == 40 and len(held.pcm) == len(held.track) * VAD_FRAME
    loud = held.pcm.reshape(-1, VAD_FRAME).max(axis=1) > 0.1
    assert np.array_equal(held.track.probabilities > 0.5, loud)


def test_audio_that_does_not_match_its_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="500 samples are not 1 frames"):
        UtteranceState(None).push(np.zeros(500, np.float32), np.zeros(1, np.float32))


def test_the_thresholds_given_decide_what_is_speech() -> None:
    state = UtteranceState(None, start=0.3, stop=0.2)
    state.push(np.zeros(10 * VAD_FRAME, np.float32), np.full(10, 0.35, np.float32))
    assert not ends_quietly(state.snapshot().track)
