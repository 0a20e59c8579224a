"""The books of an utterance: what slides, what is committed, what need not be decoded again. No model."""

from __future__ import annotations

import numpy as np
import pytest

from engine.items import FloatArray, Word
from engine.recognition.speech_spans import STEP, STEPS_PER_S, Span
from engine.recognition.utterance import Heard, Utterance, ends_quietly, said_again
from engine.recognition.whisper_window import Hypothesis


class LoudIsSpeech:
    """A voice detector that takes every loud window for speech."""

    def judge(self, windows: FloatArray) -> FloatArray:
        return np.where(np.abs(windows).max(axis=1) > 0.1, 0.95, 0.02).astype(np.float32)


def sound(*pieces: tuple[float, bool]) -> FloatArray:
    """(seconds, loud) after each other, in whole steps."""
    parts = [np.full(round(s * STEPS_PER_S) * STEP, 0.5 if loud else 0.0, np.float32) for s, loud in pieces]
    return np.concatenate(parts)


def utterance(pcm: FloatArray, language: str | None = None) -> Utterance:
    made = Utterance(LoudIsSpeech(), language)  # type: ignore[arg-type]
    made.push(pcm)
    return made


def hear(of: Utterance, text: str, ms_a_word: float = 500, language_p: float = 1.0) -> Heard:
    """A decode of all there is, its words evenly spaced."""
    pcm, start = of.snapshot()
    probabilities = of.hear(pcm, start)
    words = tuple(text.split())
    times = tuple(Word(word, i * ms_a_word, (i + 1) * ms_a_word) for i, word in enumerate(words))
    said = Hypothesis(words, "en", language_p, 0.1, -0.2, times=times)
    return Heard(start, Span(0, len(probabilities)), said, probabilities, more=False)


def test_a_long_window_slides_behind_its_last_settled_sentence() -> None:
    speech = utterance(sound((10, True)))
    text = "one two three four. five six"
    speech.revised(hear(speech, text))
    transcript = speech.revised(hear(speech, text + " seven"))
    assert transcript.stable == text and transcript.text == text + " seven"
    assert 7.5 < speech.held_s < 8.5, "2 s of settled sentence went"
    after = hear(speech, "five six seven eight")
    assert speech.revised(after).text == "one two three four. five six seven eight"
    final = speech.whole(after)
    assert final.text == "one two three four. five six seven eight"
    assert [w.start_ms for w in final.words] == sorted(w.start_ms for w in final.words)


def test_without_a_sentence_end_it_slides_at_a_pause() -> None:
    speech = utterance(sound((3, True), (0.5, False), (10, True)))
    text = " ".join("abcdefghijklmnop")
    speech.revised(hear(speech, text))
    speech.revised(hear(speech, text + " q"))
    assert 10 < speech.held_s < 10.6
    assert speech.revised(hear(speech, "h i j")).text.startswith("a b c d e f g h i j")


def test_a_word_on_both_sides_of_the_cut_is_told_once() -> None:
    speech = utterance(sound((3, True), (0.5, False), (10, True)))
    text = " ".join("abcdefghijklmnop")
    speech.revised(hear(speech, text))
    speech.revised(hear(speech, text + " q"))
    again = speech.remember(hear(speech, "G H i"))
    assert again.words == ("H", "i")
    assert speech.revised(again).text.startswith("a b c d e f g h i j")
    assert speech.whole(again).text == "a b c d e f g H i"
    stammer = speech.remember(hear(speech, "g g h"))
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
def test_what_is_said_again(before: str, words: str, language: str, count: int) -> None:
    assert said_again(before.split(), words.split(), language) == count


def test_a_short_window_or_one_that_reads_otherwise_now_stays() -> None:
    short = utterance(sound((5, True)))
    for text in ("it rains. why", "it rains. why now"):
        short.revised(hear(short, text))
    assert abs(short.held_s - 5) < 0.05
    other = utterance(sound((10, True)))
    for text in ("it rains. why", "it rains. why now"):
        other.revised(hear(other, text, ms_a_word=0))
    assert other.held_s > 9


def test_only_silence_after_the_last_word_needs_no_new_decode() -> None:
    speech = utterance(sound((2, True), (0.3, False)))
    heard = hear(speech, "that is all")
    speech.remember(heard)
    speech.push(sound((0.5, False)))
    pcm, start = speech.snapshot()
    known = speech.already_heard(start, heard.window, speech.hear(pcm, start))
    assert known is not None and known.said is heard.said
    speech.push(sound((0.3, True)))
    pcm, start = speech.snapshot()
    assert speech.already_heard(start, heard.window, speech.hear(pcm, start)) is None


def test_a_decode_that_ended_within_a_word_is_done_again_after_silence() -> None:
    speech = utterance(sound((2, True), (0.06, False)))
    heard = hear(speech, "that is al")
    assert not ends_quietly(heard.probabilities)
    speech.remember(heard)
    speech.push(sound((0.5, False)))
    pcm, start = speech.snapshot()
    assert speech.already_heard(start, heard.window, speech.hear(pcm, start)) is None


def test_speech_from_the_very_first_step_is_heard_after_nothing_was() -> None:
    speech = utterance(sound((0.04, True)))
    pcm, start = speech.snapshot()
    speech.remember(Heard(start, Span(0, 0), None, speech.hear(pcm, start), more=False))  # too short to be speech
    speech.push(sound((1, True), (0.3, False)))
    pcm, start = speech.snapshot()
    assert speech.already_heard(start, Span(0, 40), speech.hear(pcm, start)) is None


def test_a_sure_language_is_kept_and_an_unsure_one_is_not() -> None:
    speech = utterance(sound((3, True)))
    speech.remember(hear(speech, "hola", language_p=0.5))
    assert speech.language is None
    speech.remember(hear(speech, "hello", language_p=0.95))
    assert speech.language == "en"


def test_a_committed_window_is_text_for_good_and_its_sound_goes() -> None:
    speech = utterance(sound((2, True), (4, False), (2, True)))
    pcm, start = speech.snapshot()
    probabilities = speech.hear(pcm, start)
    first = Heard(start, Span(0, 70), Hypothesis(("first",), "en", 1, 0, 0), probabilities, more=True)
    speech.commit(first)
    assert speech.held_s < 6
    final = speech.whole(hear(speech, "second"))
    assert final.text == "first second" and final.words[1].start_ms > 5000


def test_each_step_is_judged_once_also_after_sliding() -> None:
    speech = utterance(sound((1, True), (1, False)))
    pcm, start = speech.snapshot()
    whole = speech.hear(pcm, start)
    assert len(whole) == len(pcm) // STEP and whole[0] > 0.9 and whole[-1] < 0.1
    speech.push(sound((1, True)))
    pcm, start = speech.snapshot()
    assert np.array_equal(speech.hear(pcm, start)[: len(whole)], whole)
