"""The state of one utterance while it is spoken: its audio, its settled words, its latest decode.

In: audio with P(speech) as it arrives, and what the recognizer made of a window. Out: which audio to decode
next, and transcripts. It decides and remembers; it calls no model, has no clock and no thread, and there is
nothing to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from engine.items import INPUT_RATE, VAD_FRAME, FloatArray, Transcript, Word
from engine.recognition.agreement import LocalAgreement, join_words, normal
from engine.recognition.speech_spans import FRAMES_PER_S, Span, SpeechTrack, find_speech, interpolate
from engine.recognition.whisper_window import Hypothesis
from engine.text.scripts import UNSPACED_LANGUAGES

MAX_UNDECODED_S = 300
"""Audio that nobody asks to decode is kept for this long; then the oldest is dropped."""

SURE_LANGUAGE, SURE_AFTER_S = 0.9, 1.2
"""A language detected with this probability in this much audio is kept for the utterance. A judgement."""

QUIET_FRAMES = 4
"""A decode that had 128 ms of silence after the last word stands however much more silence follows."""

SLIDE_S = 8.0
"""A longer window slides to the end of a settled sentence."""

SLIDE_AT_PAUSE_S = 12.0
"""Without such an end, a window longer than this slides to a settled pause."""

CUT_SLACK_FRAMES = 5
"""160 ms around the end of a word within which the quietest place is looked for."""

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…", ";", "；")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All audio of an utterance that has not slid away."""

    pcm: FloatArray = field(repr=False)
    """(n * 512,) float32, 16 kHz."""

    track: SpeechTrack
    """Of its n frames."""

    start: int
    """Frame of the utterance at which it begins."""


@dataclass(frozen=True, slots=True)
class WindowDecode:
    """What was recognised in the first window of a snapshot."""

    start: int
    """Frame of the utterance at which the snapshot begins."""

    window: Span
    """The piece that was decoded, in frames from ``start``."""

    said: Hypothesis | None
    """None when nobody spoke."""

    track: SpeechTrack = field(repr=False)
    """Of the snapshot."""

    more: bool
    """Another window follows."""

    @property
    def seconds(self) -> float:
        return self.window.seconds

    @property
    def words(self) -> tuple[str, ...]:
        return self.said.words if self.said else ()

    @property
    def logprob(self) -> float:
        """Mean log probability of the words."""
        return self.said.avg_logprob if self.said else 0.0

    @property
    def window_track(self) -> SpeechTrack:
        """Of the window alone."""
        return self.track[self.window.start : self.window.end]


def ends_quietly(track: SpeechTrack) -> bool:
    """Whether the last word of this audio is over, and enough silence followed to be certain."""
    speech = find_speech(track)
    return not speech or len(track) >= speech[-1].end + QUIET_FRAMES


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


class UtteranceState:
    """Everything known of one utterance. Belongs to one event loop.

    Args:
        language: as a ``Recognizer`` takes it.
        start: P(speech) at which speech begins.
        stop: P(speech) below which it ends.
    """

    def __init__(self, language: str | None, start: float = 0.5, stop: float = 0.35) -> None:
        self.language = language
        """As given, or as detected once that is sure."""

        self._thresholds = start, stop
        self._audio: list[FloatArray] = []
        self._probabilities: list[FloatArray] = []
        self._start = 0
        self._samples = 0
        self._agreement = LocalAgreement()
        self._committed: list[Word] = []
        self._last: WindowDecode | None = None
        self._spoken_language = language.split(",")[0] if language else "en"
        self._tail: list[str] = []
        self._agreed_on: Hypothesis | None = None
        self._slid_to: int | None = None
        """The frame from which the window was cut off speech that went on."""

    # --- audio

    @property
    def held_s(self) -> float:
        """Seconds of audio that have not slid away."""
        return self._samples / INPUT_RATE

    def push(self, pcm: FloatArray, probabilities: FloatArray) -> None:
        """Append whole frames, (n * 512,) float32 16 kHz, with P(speech) of each, (n,).

        Raises:
            ValueError: the lengths do not match.
        """
        if len(pcm) != len(probabilities) * VAD_FRAME:
            raise ValueError(f"{len(pcm)} samples are not {len(probabilities)} frames of {VAD_FRAME}")
        self._audio.append(np.asarray(pcm, np.float32))
        self._probabilities.append(np.asarray(probabilities, np.float32))
        self._samples += len(pcm)
        excess = self._samples // VAD_FRAME - int(MAX_UNDECODED_S * FRAMES_PER_S)
        if excess > 0:
            self._drop(self._start + excess)

    def snapshot(self) -> Snapshot:
        """All audio that has not slid away."""
        pcm, probabilities = _joined(self._audio), _joined(self._probabilities)
        self._audio, self._probabilities = [pcm], [probabilities]
        return Snapshot(pcm, SpeechTrack(probabilities, *self._thresholds), self._start)

    def already_decoded(self, snapshot: Snapshot, window: Span) -> WindowDecode | None:
        """The last decode, if only silence has followed since."""
        last = self._last
        if last is None or last.start != snapshot.start or last.more or last.window.start != window.start:
            return None
        before = find_speech(last.track)
        if not before or find_speech(snapshot.track)[-1].end != before[-1].end:
            return None
        if not ends_quietly(last.track):
            return None
        return WindowDecode(snapshot.start, last.window, last.said, snapshot.track, more=False)

    # --- words

    def remember(self, decode: WindowDecode) -> WindowDecode:
        """Note a decode and its language, so that it need not be done again.

        Returns:
            The decode without words that repeat the end of what was cut off before it.
        """
        said = decode.said
        known = self._last is not None and said is self._last.said
        if said is not None and not known and decode.start == self._slid_to:
            again = repeated_words([word.text for word in self._committed], said.words, said.language)
            said = replace(said, words=said.words[again:], times=said.times[again:])
            decode = replace(decode, said=said)
        self._last = decode
        if said is None:
            return decode
        self._spoken_language = said.language
        if said.language_p >= SURE_LANGUAGE and decode.seconds >= SURE_AFTER_S:
            self.language = said.language
        return decode

    def commit(self, decode: WindowDecode) -> None:
        """Close this window: its words are settled and its audio is dropped."""
        self._committed += _timed(decode, decode.words)
        self._agreement, self._agreed_on = LocalAgreement(), None
        self._drop(decode.start + decode.window.end)

    def revised(self, decode: WindowDecode) -> Transcript:
        """A partial transcript, after comparing the open window's words with those of the decode before.

        ``stable`` only ever grows. Slides the window when it is long.
        """
        if decode.said is None:
            self._tail = []
        elif decode.said is not self._agreed_on:
            self._tail = self._agreement.update(decode.words)
            self._agreed_on = decode.said
        settled = [word.text for word in self._committed] + list(self._agreement.settled)
        text, stable = self._text(settled + self._tail), self._text(settled)
        transcript = Transcript(
            text, stable, self._spoken_language, no_speech=self._no_speech(decode), logprob=decode.logprob
        )
        if decode.seconds > SLIDE_S:
            self._slide(decode)
        return transcript

    def whole(self, decode: WindowDecode) -> Transcript:
        """Everything said so far, by the best decode of it, with interpolated word times."""
        words = (*self._committed, *_timed(decode, decode.words))
        text = self._text([word.text for word in words])
        return Transcript(text, text, self._spoken_language, words, self._no_speech(decode), decode.logprob)

    def _slide(self, decode: WindowDecode) -> None:
        """Begin the window behind its last settled sentence or, failing that, its last settled pause."""
        count = self._settled_in(decode)
        times = decode.said.times[:count] if decode.said else ()
        window = decode.window
        at = _after_sentence(times, window) or (_in_pause(times, decode) if decode.seconds > SLIDE_AT_PAUSE_S else None)
        if at is None:
            return
        words, low, high = at
        low, high = max(low, window.start + 1), min(high, window.end)
        if low >= high:
            return
        cut = low + int(np.argmin(decode.track.probabilities[low:high]))
        spoken = replace(decode, window=Span(window.start, cut), more=True)
        self._committed += _timed(spoken, tuple(self._agreement.settled[:words]))
        self._agreement.forget(words)
        self._last = self._agreed_on = None
        self._slid_to = decode.start + cut
        self._drop(self._slid_to)

    def _settled_in(self, decode: WindowDecode) -> int:
        """How many words the window and the settled words begin with in common."""
        count = 0
        for word, settled in zip(decode.words, self._agreement.settled, strict=False):
            if normal(word) != normal(settled):
                break
            count += 1
        return count

    def _text(self, words: list[str]) -> str:
        return join_words(words, self._spoken_language)

    def _no_speech(self, decode: WindowDecode) -> float:
        if decode.said is not None:
            return decode.said.no_speech
        return 0.0 if self._committed else 1.0

    def _drop(self, frame: int) -> None:
        """Forget the audio before a frame of the utterance."""
        held = self.snapshot()
        gone = frame - held.start
        pcm = held.pcm[gone * VAD_FRAME :]
        self._audio, self._probabilities = [pcm], [held.track.probabilities[gone:]]
        self._start, self._samples = frame, len(pcm)


def _joined(pieces: list[FloatArray]) -> FloatArray:
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _timed(decode: WindowDecode, words: tuple[str, ...]) -> tuple[Word, ...]:
    return interpolate(words, decode.window_track, decode.start + decode.window.start)


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
