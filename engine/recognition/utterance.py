"""The books of one utterance while it is spoken: its sound, what is settled, what is decoded.

In: sound as it comes, and what the recognizer made of a window. Out: which sound to decode next,
and transcripts. It decides and remembers; it calls no model but the voice detector (``hear``,
in a worker thread), has no clock and nothing to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from engine.items import INPUT_RATE, FloatArray, Transcript, Word
from engine.recognition.agreement import UNSPACED, LocalAgreement, join_words, normal
from engine.recognition.speech_spans import STEP, STEPS_PER_S, Span, find_speech, interpolate
from engine.recognition.vad import SileroStream
from engine.recognition.whisper_window import Hypothesis

LONGEST_S = 300
"""Sound that nobody asked to decode is kept so long; then the oldest goes."""

SURE_LANGUAGE, SURE_AFTER_S = 0.9, 1.2
"""A language detected with this probability in this much sound is kept for the utterance."""

QUIET_STEPS = 4
"""Steps (128 ms) of silence after speech a decode must have heard to stand for longer silence too."""

SLIDE_S = 8.0
"""Once a window is longer, it slides to the end of a settled sentence."""

SLIDE_AT_PAUSE_S = 12.0
"""Once it is so long without one, to a settled pause."""

CUT_SLACK = 5
"""Steps (160 ms) around the end of a word within which the quietest place is looked for."""

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…", ";", "；")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the first window of the sound at hand says."""

    start: int
    """Step of the utterance at which the sound began."""

    window: Span
    """The piece that was decoded, in steps from ``start``."""

    said: Hypothesis | None
    """None when nobody spoke."""

    probabilities: FloatArray = field(repr=False)
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


def ends_quietly(probabilities: FloatArray) -> bool:
    """Whether the last word of this sound is over, and was heard to be."""
    speech = find_speech(probabilities)
    return not speech or len(probabilities) >= speech[-1].end + QUIET_STEPS


def said_again(before: Sequence[str], words: Sequence[str], language: str) -> int:
    """With how many words, three at most, ``words`` say once more what those before end with.

    A cut within speech may leave the last word's sound on both sides of it.
    """
    if language in UNSPACED:
        return 0
    longest = min(3, len(before), len(words))
    tail = [normal(word) for word in before[len(before) - longest :]]
    head = [normal(word) for word in words[:longest]]
    return next((n for n in range(longest, 0, -1) if tail[longest - n :] == head[:n]), 0)


class Utterance:
    """Everything known of one utterance. One event loop; ``hear`` may run in a thread."""

    def __init__(self, detector: SileroStream, language: str | None) -> None:
        self.language = language
        """As given, or as detected once that is sure."""

        self._detector = detector
        self._hearing = threading.Lock()
        self._judged: list[FloatArray] = []
        self._judged_steps = 0
        self._forgotten_steps = 0
        self._sound: list[FloatArray] = []
        self._start = 0
        self._samples = 0
        self._agreement = LocalAgreement()
        self._committed: list[Word] = []
        self._last: Heard | None = None
        self._spoken_language = language.split(",")[0] if language else "en"
        self._tail: list[str] = []
        self._agreed_on: Hypothesis | None = None
        self._slid_to: int | None = None
        """The step from which the window was cut off speech that went on."""

    # --- sound

    @property
    def held_s(self) -> float:
        """Seconds of sound not slid away."""
        return self._samples / INPUT_RATE

    def push(self, pcm: FloatArray) -> None:
        """Add (n,) float32 16 kHz."""
        self._sound.append(np.asarray(pcm, np.float32))
        self._samples += len(pcm)
        excess = self._samples // STEP - int(LONGEST_S * STEPS_PER_S)
        if excess > 0:
            self._drop(self._start + excess)

    def snapshot(self) -> tuple[FloatArray, int]:
        """All sound not slid away, and the step of the utterance it begins at."""
        pcm = np.concatenate(self._sound) if self._sound else np.zeros(0, np.float32)
        self._sound = [pcm]
        return pcm, self._start

    def hear(self, pcm: FloatArray, start: int) -> FloatArray:
        """P(speech) of each whole step of a snapshot; only what is new is judged. Computes.

        A call given up by its awaiter may still run while the next begins, hence the lock.
        """
        with self._hearing:
            whole = len(pcm) // STEP
            fresh = start + whole - self._judged_steps
            if fresh > 0:
                fresh = min(fresh, whole)
                steps = pcm[(whole - fresh) * STEP : whole * STEP].reshape(fresh, STEP)
                skipped = start + whole - fresh - self._judged_steps
                self._judged.append(np.zeros(skipped, np.float32))
                self._judged.append(self._detector.judge(steps))
                self._judged_steps += skipped + fresh
            judged = np.concatenate(self._judged) if self._judged else np.zeros(0, np.float32)
            judged = judged[max(0, start - self._forgotten_steps) :]
            self._judged, self._forgotten_steps = [judged], max(start, self._forgotten_steps)
            return judged[:whole]

    def already_heard(self, start: int, window: Span, probabilities: FloatArray) -> Heard | None:
        """The last decode, if since then only silence has come."""
        last = self._last
        if last is None or last.start != start or last.more or last.window.start != window.start:
            return None
        before = find_speech(last.probabilities)
        if not before or find_speech(probabilities)[-1].end != before[-1].end:
            return None
        if not ends_quietly(last.probabilities):
            return None
        return Heard(start, last.window, last.said, probabilities, more=False)

    # --- words

    def remember(self, heard: Heard) -> Heard:
        """Take note of a decode: its language, and that it need not be done again. Gives what is to be made of it."""
        said = heard.said
        known = self._last is not None and said is self._last.said
        if said is not None and not known and heard.start == self._slid_to:
            again = said_again([word.text for word in self._committed], said.words, said.language)
            said = replace(said, words=said.words[again:], times=said.times[again:])
            heard = replace(heard, said=said)
        self._last = heard
        if said is None:
            return heard
        self._spoken_language = said.language
        if said.language_p >= SURE_LANGUAGE and heard.seconds >= SURE_AFTER_S:
            self.language = said.language
        return heard

    def commit(self, heard: Heard) -> None:
        """This window is closed: its words are settled and its sound goes."""
        self._committed += self._timed(heard, heard.words)
        self._agreement, self._agreed_on = LocalAgreement(), None
        self._drop(heard.start + heard.window.end)

    def revised(self, heard: Heard) -> Transcript:
        """Let the words of the open window agree with those of the revision before; what is believed now.

        ``stable`` never changes from one to the next but grows. Slides the window when it is long.
        """
        if heard.said is None:
            self._tail = []
        elif heard.said is not self._agreed_on:
            self._tail = self._agreement.update(heard.words)
            self._agreed_on = heard.said
        settled = [word.text for word in self._committed] + list(self._agreement.settled)
        text, stable = self._text(settled + self._tail), self._text(settled)
        transcript = Transcript(
            text, stable, self._spoken_language, no_speech=self._no_speech(heard), logprob=heard.logprob
        )
        if heard.seconds > SLIDE_S:
            self._slide(heard)
        return transcript

    def _slide(self, heard: Heard) -> None:
        """Begin the window behind its last settled sentence or, failing that, pause."""
        count = self._settled_in(heard)
        times = heard.said.times[:count] if heard.said else ()
        window = heard.window
        at = self._after_sentence(times, window) or (
            self._in_pause(times, heard) if heard.seconds > SLIDE_AT_PAUSE_S else None
        )
        if at is None:
            return
        words, low, high = at
        low, high = max(low, window.start + 1), min(high, window.end)
        if low >= high:
            return
        cut = low + int(np.argmin(heard.probabilities[low:high]))
        spoken = Heard(heard.start, Span(window.start, cut), heard.said, heard.probabilities, more=True)
        self._committed += self._timed(spoken, tuple(self._agreement.settled[:words]))
        self._agreement.forget(words)
        self._last = self._agreed_on = None
        self._slid_to = heard.start + cut
        self._drop(self._slid_to)

    def _settled_in(self, heard: Heard) -> int:
        """How many words the window and what is settled begin with in common."""
        count = 0
        for word, settled in zip(heard.words, self._agreement.settled, strict=False):
            if normal(word) != normal(settled):
                break
            count += 1
        return count

    @staticmethod
    def _after_sentence(times: tuple[Word, ...], window: Span) -> tuple[int, int, int] | None:
        """Words up to the last sentence end among these, and the steps between which to cut behind it."""
        ends = [i for i, word in enumerate(times) if word.text.endswith(SENTENCE_ENDS)]
        if not ends:
            return None
        about = window.start + int(times[ends[-1]].end_ms / 1000 * STEPS_PER_S)
        return ends[-1] + 1, about - CUT_SLACK, about + 2 * CUT_SLACK

    @staticmethod
    def _in_pause(times: tuple[Word, ...], heard: Heard) -> tuple[int, int, int] | None:
        """Words up to the last pause that one of these follows, and the steps of that pause."""
        window = heard.window
        speech = find_speech(heard.probabilities[window.start : window.end])
        for before, after in reversed(list(pairwise(speech))):
            middle_ms = (before.end + after.start) / 2 / STEPS_PER_S * 1000
            words = sum(word.start_ms < middle_ms for word in times)
            if words and words < len(times):
                return words, window.start + before.end, window.start + after.start
        return None

    # --- transcripts

    def whole(self, heard: Heard) -> Transcript:
        """What has been said, by the best decode of it, with interpolated word times."""
        words = (*self._committed, *self._timed(heard, heard.words))
        text = self._text([word.text for word in words])
        no_speech, language = self._no_speech(heard), self._spoken_language
        return Transcript(text, text, language, words, no_speech, heard.logprob)

    def _text(self, words: list[str]) -> str:
        return join_words(words, self._spoken_language)

    def _no_speech(self, heard: Heard) -> float:
        if heard.said is not None:
            return heard.said.no_speech
        return 0.0 if self._committed else 1.0

    @staticmethod
    def _timed(heard: Heard, words: tuple[str, ...]) -> tuple[Word, ...]:
        window = heard.window
        return interpolate(words, heard.probabilities[window.start : window.end], heard.start + window.start)

    def _drop(self, step: int) -> None:
        """Forget the sound before a step of the utterance."""
        pcm, start = self.snapshot()
        pcm = pcm[(step - start) * STEP :]
        self._sound, self._start, self._samples = [pcm], step, len(pcm)
