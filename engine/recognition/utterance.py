"""The state of one utterance while it is spoken: its audio, its settled words, its latest decode.

In: audio with P(speech) as it arrives, and what the recognizer made of a window. Out: which audio to decode
next, and transcripts. It decides and remembers; it calls no model, has no clock and no thread, and there is
nothing to stop.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.items import INPUT_RATE, VAD_FRAME, FloatArray, Transcript, Word
from engine.recognition.agreement import LocalAgreement, join_words, normal
from engine.recognition.sliding import find_cut, repeated_words
from engine.recognition.speech_spans import FRAMES_PER_S, Span, SpeechTrack, find_speech, interpolate
from engine.recognition.whisper_window import Hypothesis
from engine.recognition.window_decode import Snapshot, WindowDecode, ends_quietly

MAX_UNDECODED_S = 300
"""Audio that nobody asks to decode is kept for this long; then the oldest is dropped."""

SURE_LANGUAGE, SURE_AFTER_S = 0.9, 1.2
"""A language detected with this probability in this much audio is kept for the utterance. A judgement."""


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
        self._slide(decode)
        return transcript

    def whole(self, decode: WindowDecode) -> Transcript:
        """Everything said so far, by the best decode of it, with interpolated word times."""
        words = (*self._committed, *_timed(decode, decode.words))
        text = self._text([word.text for word in words])
        return Transcript(text, text, self._spoken_language, words, self._no_speech(decode), decode.logprob)

    def _slide(self, decode: WindowDecode) -> None:
        """Begin a window that has grown long anew, behind words that are settled."""
        cut = find_cut(decode, self._settled_in(decode))
        if cut is None:
            return
        spoken = replace(decode, window=Span(decode.window.start, cut.frame), more=True)
        self._committed += _timed(spoken, tuple(self._agreement.settled[: cut.words]))
        self._agreement.forget(cut.words)
        self._last = self._agreed_on = None
        self._slid_to = decode.start + cut.frame
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
