"""Where to cut a window that has grown long: behind a settled sentence or in a settled pause. Pure.

A cut in the middle of speech may leave audio of one word on both sides of it; ``repeated_words`` finds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.items import Word
from engine.recognition.agreement import normal
from engine.recognition.speech_spans import FRAMES_PER_S, Span, find_speech
from engine.recognition.window_decode import WindowDecode
from engine.text.scripts import UNSPACED_LANGUAGES

SLIDE_S = 8.0
"""A longer window slides to the end of a settled sentence."""

SLIDE_AT_PAUSE_S = 12.0
"""Without such an end, a window longer than this slides to a settled pause."""

CUT_SLACK_FRAMES = 5
"""160 ms around the end of a word within which the quietest place is looked for."""

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…", ";", "；")


@dataclass(frozen=True, slots=True)
class WindowCut:
    """Where a window is cut."""

    words: int
    """Words of the window before the cut."""

    frame: int
    """The first frame behind it, counted as in ``WindowDecode.window``."""


def find_cut(decode: WindowDecode, settled: int) -> WindowCut | None:
    """Where to begin the window anew: behind its last settled sentence or, failing that, its last settled pause.

    Args:
        decode: of the window; its words need times.
        settled: how many of its words will not change any more.

    Returns:
        None while the window is short, or there is no such place.
    """
    if decode.seconds <= SLIDE_S:
        return None
    times = decode.said.times[:settled] if decode.said else ()
    window = decode.window
    at = _after_sentence(times, window) or (_in_pause(times, decode) if decode.seconds > SLIDE_AT_PAUSE_S else None)
    if at is None:
        return None
    words, low, high = at
    low, high = max(low, window.start + 1), min(high, window.end)
    if low >= high:
        return None
    return WindowCut(words, low + int(np.argmin(decode.track.probabilities[low:high])))


def repeated_words(before: Sequence[str], words: Sequence[str], language: str) -> int:
    """How many words (three at most) at the start of ``words`` repeat the end of ``before``.

    A cut within speech may leave audio of the last word on both sides of it.
    """
    if language in UNSPACED_LANGUAGES:
        return 0
    longest = min(3, len(before), len(words))
    tail = [normal(word) for word in before[len(before) - longest :]]
    head = [normal(word) for word in words[:longest]]
    return next((n for n in range(longest, 0, -1) if tail[longest - n :] == head[:n]), 0)


def _after_sentence(times: tuple[Word, ...], window: Span) -> tuple[int, int, int] | None:
    """Words up to the last end of a sentence, and the frames between which to cut behind it."""
    ends = [i for i, word in enumerate(times) if word.text.endswith(SENTENCE_ENDS)]
    if not ends:
        return None
    about = window.start + int(times[ends[-1]].end_ms / 1000 * FRAMES_PER_S)
    return ends[-1] + 1, about - CUT_SLACK_FRAMES, about + 2 * CUT_SLACK_FRAMES


def _in_pause(times: tuple[Word, ...], decode: WindowDecode) -> tuple[int, int, int] | None:
    """Words up to the last pause that another of them follows, and the frames of that pause."""
    start = decode.window.start
    for before, after in reversed(list(pairwise(find_speech(decode.window_track)))):
        middle_ms = (before.end + after.start) / 2 / FRAMES_PER_S * 1000
        words = sum(word.start_ms < middle_ms for word in times)
        if words and words < len(times):
            return words, start + before.end, start + after.start
    return None
