"""The recognizer all sessions share: whole recordings, and utterances while they are spoken.

In: float32 mono 16 kHz. Out: ``Transcript``s. Model and voice detector run in the threads of a
``DecodeQueue``, which decides whose decode is next; the event loop only keeps the books.
``WhisperRecognizer.close`` ends the threads; a stream owns nothing and is just dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import structlog

from engine.errors import RecognitionFailed, SettingsError
from engine.items import INPUT_RATE, FloatArray, Transcript
from engine.recognition.agreement import join_words
from engine.recognition.decode_queue import DecodeQueue, Ticket, Urgency
from engine.recognition.plausibility import evidence_of, is_believable
from engine.recognition.speech_spans import (
    STEP,
    STEPS_PER_S,
    Span,
    closed,
    cut_windows,
    find_speech,
    interpolate,
)
from engine.recognition.utterance import Heard, Utterance, ends_quietly
from engine.recognition.vad import SileroStream, SileroVad
from engine.recognition.whisper_window import ANY_OTHER, LANGUAGES, Hypothesis, Stale, WhisperWindow

P = ParamSpec("P")
R = TypeVar("R")

VAD_BATCH = 60 * INPUT_RATE // STEP
"""Steps judged in one go; between two of them the ticket is looked at."""

EXPRESS = 1
"""Decodes beside the others for students who have finished."""

DOUBTED = -0.3
"""Mean log probability below which Whisper may have completed a sentence that was not: worth a look at
word times. Whole sentences stay above, made-up endings between -0.4 and -1.1."""

SHORTEST_WORD_MS = 40
"""Before the end of speech. Most last words begin 260 ms and more before it, made-up ones after it."""

_log = structlog.get_logger(__name__)


class WhisperRecognizer:
    """``contracts.Recognizer`` on a Whisper model and Silero's voice detector.

    Loading takes one to two seconds and warms everything up: the first call is as fast as the next.

    Args:
        model_dir: a Whisper model in CTranslate2 form.
        detector: shared with the listeners; stays open when this closes.
        device: ``cpu`` (int8) or ``cuda`` (float16).
        threads: of one decode; more than one makes short decodes slower.
        workers: decodes at once; one more may run when a student waits for an answer.
        language: an ISO 639-1 code; several joined by commas to detect only among them, or
            with ``*`` among them any other, too; None detects any. A call's own language comes first.

    Raises:
        ModelMissing: a file is not there or does not load.
        SettingsError: a language Whisper does not know, or an English-only model asked for another.
    """

    def __init__(
        self,
        model_dir: Path,
        detector: SileroVad,
        device: str = "cpu",
        threads: int = 1,
        workers: int = 1,
        language: str | None = None,
    ) -> None:
        self._window = WhisperWindow(model_dir, device, threads, workers + EXPRESS)
        self._detector = detector
        self._name = model_dir.name
        self._language = self._known(language)
        self._queue = DecodeQueue("asr", workers, EXPRESS)
        self._window.warm_up()

    @property
    def waiting(self) -> int:
        """Decodes that wait for their turn (for metrics)."""
        return self._queue.depth

    def understands(self, language: str) -> bool:
        """See ``contracts.Recognizer``."""
        return language in (LANGUAGES if self._window.multilingual else ("en",))

    async def transcribe(self, pcm: FloatArray, language: str | None = None) -> Transcript:
        """A whole recording of any length, decoded in windows cut at pauses.

        Word times are interpolated within a window's speech (to about 0.3 s). Cancelled, it stops
        after the step it is at.

        Raises:
            RecognitionFailed: the model broke.
            SettingsError: a language this model can not do.
        """
        wanted = self._known(language) or self._language
        probabilities = await self.run(Urgency.RECORDING, 0.0, self._hear_all, pcm)
        pieces: list[Transcript] = []
        for span in cut_windows(probabilities):
            heard = probabilities[span.start : span.end]
            sound = closed(span, pcm, probabilities)
            said = await self.run(Urgency.RECORDING, span.seconds, self.decode, sound, wanted)
            if not self.believes(said, heard):
                continue
            wanted = wanted if wanted and "," not in wanted else said.language if said.language_p > 0.8 else wanted
            words = interpolate(said.words, heard, span.start)
            pieces.append(Transcript(said.text, said.text, said.language, words, said.no_speech))
        if not pieces:
            return Transcript("", no_speech=1.0, final=True)
        first = pieces[0]
        text = join_words([piece.text for piece in pieces], first.language)
        words = tuple(word for piece in pieces for word in piece.words)
        return Transcript(text, text, first.language, words, min(piece.no_speech for piece in pieces), final=True)

    def stream(self, language: str | None = None) -> WhisperStream:
        """Begin an utterance of unknown length.

        Raises:
            SettingsError: a language this model can not do.
        """
        return WhisperStream(self, self._detector.stream(), self._known(language) or self._language)

    def close(self) -> None:
        """Wait for the decode that runs, drop those that wait, end the threads. Idempotent."""
        self._queue.close()

    async def run(
        self,
        urgency: Urgency,
        seconds: float,
        function: Callable[Concatenate[Ticket, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a step in a worker thread when it is its turn; what breaks is a ``RecognitionFailed``."""
        try:
            return await self._queue.run(urgency, seconds, function, *args, **kwargs)
        except (RuntimeError, ValueError) as error:
            _log.error("recognition_failed", model=self._name, seconds=round(seconds, 2), exc_info=True)
            raise RecognitionFailed("the recording could not be recognized") from error

    def decode(self, ticket: Ticket, pcm: FloatArray, language: str | None) -> Hypothesis:
        """One window to text. Computes: in a worker thread only."""
        return self._window.decode(pcm, language, ticket.is_dropped)

    def timed(self, said: Hypothesis, until_ms: float | None) -> Hypothesis:
        """The same with word times, see ``WhisperWindow.timed``. Computes: in a worker thread only."""
        return self._window.timed(said, until_ms)

    @staticmethod
    def believes(said: Hypothesis, heard: FloatArray) -> bool:
        """Whether these words were said, given P(speech) of their window."""
        return is_believable(said.words, evidence_of(heard, said.no_speech, said.avg_logprob))

    def _hear_all(self, ticket: Ticket, pcm: FloatArray) -> FloatArray:
        detector = self._detector.stream()
        steps = np.pad(pcm, (0, -len(pcm) % STEP)).reshape(-1, STEP)
        judged: list[FloatArray] = []
        for start in range(0, len(steps), VAD_BATCH):
            if ticket.dropped:
                raise Stale
            judged.append(detector.judge(steps[start : start + VAD_BATCH]))
        return np.concatenate(judged) if judged else np.zeros(0, np.float32)

    def _known(self, language: str | None) -> str | None:
        """``language`` less the codes this model can not do; of a list, one that it can is enough."""
        if not language:
            return None
        codes = [code for code in language.split(",") if code != ANY_OTHER]
        able = [code for code in codes if self.understands(code)]
        if able or not codes:
            return ",".join([*able, *([ANY_OTHER] if ANY_OTHER in language else [])])
        if all(code in LANGUAGES for code in codes):
            raise SettingsError(
                f"asr_language is {language!r}: the model {self._name} understands only English; "
                "use a multilingual one (whisper-base)"
            )
        raise SettingsError(f"asr_language is {language!r}: Whisper knows {', '.join(sorted(LANGUAGES))}")


class WhisperStream:
    """``contracts.RecognitionStream``: one utterance on a growing window.

    The window slides at the end of settled sentences once it is longer than 8 s, so a
    revision costs the same however long the student speaks. What silence alone was added to is
    not decoded again: a second ``preview`` is immediate. Any call may be cancelled;
    the next one takes up everything pushed.
    """

    def __init__(self, recognizer: WhisperRecognizer, detector: SileroStream, language: str | None) -> None:
        self._recognizer = recognizer
        self._utterance = Utterance(detector, language)

    def push(self, pcm: FloatArray) -> None:
        self._utterance.push(pcm)

    @property
    def held_s(self) -> float:
        """Seconds of sound in the window and waiting to be decoded."""
        return self._utterance.held_s

    async def revise(self) -> Transcript:
        return self._utterance.revised(await self._listen(Urgency.PARTIAL))

    async def preview(self) -> Transcript:
        return self._utterance.whole(await self._listen(Urgency.PREVIEW))

    async def _listen(self, urgency: Urgency) -> Heard:
        """Decode the window; speech too long for one window, or before a long pause, is committed on the way."""
        while True:
            pcm, start = self._utterance.snapshot()
            is_partial = urgency is Urgency.PARTIAL
            heard = await self._recognizer.run(urgency, len(pcm) / INPUT_RATE, self._hear, pcm, start, is_partial)
            heard = self._utterance.remember(heard)
            if not heard.more:
                return heard
            self._utterance.commit(heard)

    def _hear(self, ticket: Ticket, pcm: FloatArray, start: int, is_partial: bool) -> Heard:
        """In a worker thread: judge what is new, decode the first window of what is there."""
        utterance, recognizer = self._utterance, self._recognizer
        probabilities = utterance.hear(pcm, start)
        windows = cut_windows(probabilities)
        if not windows:
            return Heard(start, Span(0, 0), None, probabilities, more=False)
        window, more = windows[0], len(windows) > 1
        known = utterance.already_heard(start, window, probabilities)
        if known is not None:
            return known
        # A partial may break off within a word, and shows by that which words were made up.
        is_open = is_partial and not ends_quietly(probabilities)
        sound = window.of(pcm) if is_open else closed(window, pcm, probabilities)
        said = recognizer.decode(ticket, sound, utterance.language)
        if not recognizer.believes(said, probabilities[window.start : window.end]):
            return Heard(start, window, None, probabilities, more)
        if not more and (is_partial or said.avg_logprob < DOUBTED):
            said = recognizer.timed(said, self._last_beginning_ms(said, window, probabilities))
        return Heard(start, window, said, probabilities, more)

    @staticmethod
    def _last_beginning_ms(said: Hypothesis, window: Span, probabilities: FloatArray) -> float | None:
        """Where in the window the last word can have begun; None when speech goes on to its end."""
        if not ends_quietly(probabilities):
            return None
        if said.avg_logprob >= DOUBTED:
            return math.inf
        return (find_speech(probabilities)[-1].end - window.start) * 1000 / STEPS_PER_S - SHORTEST_WORD_MS
