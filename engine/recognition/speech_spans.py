"""Where in audio somebody speaks, and how to cut it into windows that the recognizer takes.

In: P(speech) of each 32 ms frame (``SpeechTrack``). Out: spans of speech, and windows of at most 25 s cut at
pauses, all counted in frames. Pure functions over arrays: no thread, nothing to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.items import INPUT_RATE, VAD_FRAME, FloatArray, Word

FRAMES_PER_S = INPUT_RATE / VAD_FRAME

MIN_SPEECH_FRAMES = 3
"""96 ms; anything shorter is a click. Fixed, unlike the thresholds: even a short word takes 100 ms, and Whisper
makes nothing of less."""

MIN_PAUSE_FRAMES = 6
"""192 ms; a shorter silence is a gap within a word."""

PADDING_FRAMES = 10
"""320 ms kept before and after speech: consonants begin before the detector is sure."""

CLOSING_FRAMES = 4
"""128 ms of silence at the end of a window of finished speech, recorded or added."""

LONG_PAUSE_FRAMES = 94
"""3 s; recognition begins anew after such a pause."""


@dataclass(frozen=True, slots=True)
class SpeechTrack:
    """What the voice detector says of a stretch of audio, and when that is speech."""

    probabilities: FloatArray = field(repr=False)
    """(n,) float32, P(speech) of each frame, 0..1."""

    start: float = 0.5
    """P(speech) at which speech begins."""

    stop: float = 0.35
    """P(speech) below which it ends."""

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, frames: slice) -> SpeechTrack:
        return SpeechTrack(self.probabilities[frames], self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a recording, in frames; ``end`` is not part of it."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / FRAMES_PER_S

    def of(self, pcm: FloatArray) -> FloatArray:
        """This piece of ``pcm``, (n,) at 16 kHz."""
        return pcm[self.start * VAD_FRAME : self.end * VAD_FRAME]


def find_speech(track: SpeechTrack) -> list[Span]:
    """Spans of speech in order, without padding. Short gaps are bridged and clicks left out."""
    spans: list[Span] = []
    start: int | None = None
    for frame, p in enumerate(track.probabilities):
        if start is None and p >= track.start:
            start = frame
        elif start is not None and p < track.stop:
            spans.append(Span(start, frame))
            start = None
    if start is not None:
        spans.append(Span(start, len(track)))
    bridged: list[Span] = []
    for span in spans:
        if bridged and span.start - bridged[-1].end < MIN_PAUSE_FRAMES:
            bridged[-1] = Span(bridged[-1].start, span.end)
        else:
            bridged.append(span)
    return [span for span in bridged if span.end - span.start >= MIN_SPEECH_FRAMES]


def closed(window: Span, pcm: FloatArray, track: SpeechTrack) -> FloatArray:
    """This window of ``pcm``, with zeros added until ``CLOSING_FRAMES`` of silence follow its speech.

    Whisper mishears a word, or drops it, when the window ends right behind it. With more silence than this it
    tends to complete a sentence that was broken off.
    """
    speech = find_speech(track[window.start : window.end])
    missing = speech[-1].end + CLOSING_FRAMES - (window.end - window.start) if speech else 0
    return np.pad(window.of(pcm), (0, max(0, missing) * VAD_FRAME))


def cut_windows(track: SpeechTrack, longest_s: float = 25.0) -> list[Span]:
    """Windows that hold all speech, each at most ``longest_s``, cut where nobody speaks if possible.

    Leading, trailing and long inner silence is left out.
    """
    longest = int(longest_s * FRAMES_PER_S) - 2 * PADDING_FRAMES
    speech = [piece for span in find_speech(track) for piece in _split_long(span, track, longest)]
    windows: list[Span] = []
    group: list[Span] = []
    for span in speech:
        if group and span.start - group[-1].end >= LONG_PAUSE_FRAMES:
            windows.append(Span(group[0].start, group[-1].end))
            group = []
        while group and span.end - group[0].start > longest:
            cut = _best_cut(group, span)
            windows.append(Span(group[0].start, group[cut].end))
            group = group[cut + 1 :]
        group.append(span)
    if group:
        windows.append(Span(group[0].start, group[-1].end))
    return _pad(windows, len(track))


def interpolate(words: Sequence[str], track: SpeechTrack, first_frame: int) -> tuple[Word, ...]:
    """About when each word is spoken: the speech of a window, pauses left out, is divided by their letters.

    Args:
        words: of the window, in order.
        track: of the window.
        first_frame: where the window begins. Times count from frame 0.
    """
    if not words:
        return ()
    spoken = np.flatnonzero(track.probabilities >= track.stop)
    frames = spoken if len(spoken) else np.arange(len(track) or 1)
    letters = np.cumsum([0, *(len(word) + 1 for word in words)])
    shares = letters / letters[-1] * len(frames)
    starts = frames[np.floor(shares[:-1]).astype(int)] + shares[:-1] % 1
    ends = frames[np.ceil(shares[1:] - 1e-9).astype(int) - 1] + 1 - (-shares[1:] % 1)
    starts_ms, ends_ms = ((at + first_frame) * 1000 / FRAMES_PER_S for at in (starts, ends))
    return tuple(Word(word, float(a), float(b)) for word, a, b in zip(words, starts_ms, ends_ms, strict=True))


def _best_cut(group: Sequence[Span], following: Span) -> int:
    """After which span of a full group to cut: the longest pause in its second half."""
    middle = (group[0].start + group[-1].end) / 2
    late = [i for i, span in enumerate(group) if span.end >= middle]
    after = [*group[1:], following]
    return max(late, key=lambda i: (after[i].start - group[i].end, i))


def _split_long(span: Span, track: SpeechTrack, longest: int) -> list[Span]:
    """Cut speech without a pause where it sounds least like speech, in the last third of a window."""
    pieces: list[Span] = []
    start = span.start
    while span.end - start > longest:
        low = start + longest * 2 // 3
        cut = low + int(np.argmin(track.probabilities[low : start + longest]))
        pieces.append(Span(start, cut))
        start = cut
    return [*pieces, Span(start, span.end)]


def _pad(windows: Sequence[Span], total: int) -> list[Span]:
    """Add padding, at most half of the silence towards the neighbour."""
    padded: list[Span] = []
    for i, window in enumerate(windows):
        before = windows[i - 1].end if i else -PADDING_FRAMES
        after = windows[i + 1].start if i + 1 < len(windows) else total + PADDING_FRAMES
        start = window.start - min(PADDING_FRAMES, (window.start - before) // 2)
        end = window.end + min(PADDING_FRAMES, (after - window.end) // 2)
        padded.append(Span(max(0, start), min(total, end)))
    return padded
