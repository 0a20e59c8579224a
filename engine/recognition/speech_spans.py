"""Where in a recording somebody speaks, and how to cut it into windows the recognizer takes.

In: P(speech) of every 32 ms. Out: spans of speech, then windows of at most ``longest`` windows of
32 ms, cut at pauses. Pure functions over arrays; no thread, nothing to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import INPUT_RATE, FloatArray, Word

STEP = 512
"""Samples one probability speaks of (32 ms at 16 kHz)."""

STEPS_PER_S = INPUT_RATE / STEP

ON, OFF = 0.5, 0.35
"""P(speech) at which speech begins, and below which it ends."""

SHORTEST_SPEECH = 3
"""Steps (96 ms); what is shorter is a click."""

SHORTEST_PAUSE = 6
"""Steps (192 ms); what is shorter is a gap within a word."""

PADDING = 10
"""Steps (320 ms) kept before and after speech: consonants begin before the detector is sure."""

CLOSING = 4
"""Steps (128 ms) of silence that a window of finished speech ends with, heard or not."""

LONG_PAUSE = 94
"""Steps (3 s); recognition begins anew after one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a recording, in steps of 32 ms, the end not included."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / STEPS_PER_S

    def of(self, pcm: FloatArray) -> FloatArray:
        """This piece of ``pcm``."""
        return pcm[self.start * STEP : self.end * STEP]


def find_speech(probabilities: FloatArray) -> list[Span]:
    """Spans of speech, in order, without padding; short gaps bridged, clicks left out."""
    spans: list[Span] = []
    start: int | None = None
    for step, p in enumerate(probabilities):
        if start is None and p >= ON:
            start = step
        elif start is not None and p < OFF:
            spans.append(Span(start, step))
            start = None
    if start is not None:
        spans.append(Span(start, len(probabilities)))
    bridged: list[Span] = []
    for span in spans:
        if bridged and span.start - bridged[-1].end < SHORTEST_PAUSE:
            bridged[-1] = Span(bridged[-1].start, span.end)
        else:
            bridged.append(span)
    return [span for span in bridged if span.end - span.start >= SHORTEST_SPEECH]


def closed(window: Span, pcm: FloatArray, probabilities: FloatArray) -> FloatArray:
    """This window of ``pcm`` with ``CLOSING`` of silence behind its speech, made up as far as it was not heard.

    Cut right behind a word, Whisper mistakes that word, or all of it. More silence than this leads it to
    complete a sentence that breaks off.
    """
    speech = find_speech(probabilities[window.start : window.end])
    missing = speech[-1].end + CLOSING - (window.end - window.start) if speech else 0
    return np.pad(window.of(pcm), (0, max(0, missing) * STEP))


def cut_windows(probabilities: FloatArray, longest_s: float = 25.0) -> list[Span]:
    """Windows that hold all speech, each at most ``longest_s``, cut where nobody speaks if possible.

    Leading, trailing and long inner silence is left out.
    """
    longest = int(longest_s * STEPS_PER_S) - 2 * PADDING
    speech = [piece for span in find_speech(probabilities) for piece in _split_long(span, probabilities, longest)]
    windows: list[Span] = []
    group: list[Span] = []
    for span in speech:
        if group and span.start - group[-1].end >= LONG_PAUSE:
            windows.append(Span(group[0].start, group[-1].end))
            group = []
        while group and span.end - group[0].start > longest:
            cut = _best_cut(group, span)
            windows.append(Span(group[0].start, group[cut].end))
            group = group[cut + 1 :]
        group.append(span)
    if group:
        windows.append(Span(group[0].start, group[-1].end))
    return _pad(windows, len(probabilities))


def interpolate(words: Sequence[str], probabilities: FloatArray, first_step: int) -> tuple[Word, ...]:
    """About when each word is heard: a window's speech, pauses left out, shared by their letters.

    Args:
        words: of the window, in order.
        probabilities: P(speech) of every 32 ms of the window.
        first_step: where the window begins; times count from where step 0 does.
    """
    if not words:
        return ()
    spoken = np.flatnonzero(probabilities >= OFF)
    steps = spoken if len(spoken) else np.arange(len(probabilities) or 1)
    letters = np.cumsum([0, *(len(word) + 1 for word in words)])
    shares = letters / letters[-1] * len(steps)
    starts = steps[np.floor(shares[:-1]).astype(int)] + shares[:-1] % 1
    ends = steps[np.ceil(shares[1:] - 1e-9).astype(int) - 1] + 1 - (-shares[1:] % 1)
    starts_ms, ends_ms = ((at + first_step) * 1000 / STEPS_PER_S for at in (starts, ends))
    return tuple(Word(word, float(a), float(b)) for word, a, b in zip(words, starts_ms, ends_ms, strict=True))


def _best_cut(group: Sequence[Span], following: Span) -> int:
    """After which span of a full group to cut: the longest pause in its second half."""
    middle = (group[0].start + group[-1].end) / 2
    late = [i for i, span in enumerate(group) if span.end >= middle]
    after = [*group[1:], following]
    return max(late, key=lambda i: (after[i].start - group[i].end, i))


def _split_long(span: Span, probabilities: FloatArray, longest: int) -> list[Span]:
    """Speech without a pause is cut where it sounds least like speech, in the window's last third."""
    pieces: list[Span] = []
    start = span.start
    while span.end - start > longest:
        low = start + longest * 2 // 3
        cut = low + int(np.argmin(probabilities[low : start + longest]))
        pieces.append(Span(start, cut))
        start = cut
    return [*pieces, Span(start, span.end)]


def _pad(windows: Sequence[Span], total: int) -> list[Span]:
    """Add padding, at most half of the silence to the neighbour."""
    padded: list[Span] = []
    for i, window in enumerate(windows):
        before = windows[i - 1].end if i else -PADDING
        after = windows[i + 1].start if i + 1 < len(windows) else total + PADDING
        start = window.start - min(PADDING, (window.start - before) // 2)
        end = window.end + min(PADDING, (after - window.end) // 2)
        padded.append(Span(max(0, start), min(total, end)))
    return padded
