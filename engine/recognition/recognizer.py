"""The recognizer all sessions share: whole recordings, and utterances while they are spoken.

In: float32 mono 16 kHz. Out: ``Transcript``s. Model and voice detector run in the threads of a
``DecodeQueue``, which decides whose decode is next; the event loop only keeps the books.
``WhisperRecognizer.close`` ends the threads; a stream owns nothing and is just dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import structlog

from engine.errors import RecognitionFailed, SettingsError
from engine.items import INPUT_RATE, VAD_FRAME, FloatArray, Transcript
from engine.recognition.agreement import join_words
from engine.recognition.decode_queue import DecodeQueue, Ticket, Urgency
from engine.recognition.plausibility import evidence_of, is_believable
from engine.recognition.silero import SileroVad
from engine.recognition.speech_spans import (
    FRAMES_PER_S,
    Span,
    SpeechTrack,
    closed,
    cut_windows,
    find_speech,
    interpolate,
)
from engine.recognition.utterance import UtteranceState
from engine.recognition.whisper_window import ANY_OTHER, LANGUAGES, Hypothesis, Stale, WhisperWindow
from engine.recognition.window_decode import Snapshot, WindowDecode, ends_quietly

P = ParamSpec("P")
R = TypeVar("R")

VAD_BATCH = 60 * INPUT_RATE // VAD_FRAME
"""Frames of a recording judged in one go (60 s); between two batches the decode may be given up."""

WHOLE_S = 25.0
"""Longest window of a recording."""

LONG_RECORDING_S = 30
PIECE_S = 12.0
"""Longest window of a recording of more than ``LONG_RECORDING_S`` seconds: a decode that has begun cannot be broken
off, and others wait for it, so it must not take more than about 0.7 s of a core."""

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
        language: used where a call names none: as in ``contracts.Recognizer``, but every code must be one of
            Whisper's.

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
        vad_start: float = 0.5,
        vad_stop: float = 0.35,
    ) -> None:
        self._window = WhisperWindow(model_dir, device, threads, workers + EXPRESS)
        self._detector = detector
        self._thresholds = vad_start, vad_stop
        self._name = model_dir.name
        self._language = self._setting(language)
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
            SettingsError: a language this model cannot do.
        """
        wanted = self._known(language) or self._language
        track = await self.run(Urgency.RECORDING, 0.0, self._detect_speech, pcm)
        pieces: list[Transcript] = []
        longest_s = WHOLE_S if len(pcm) <= LONG_RECORDING_S * INPUT_RATE else PIECE_S
        decoded_s = 0.0
        for span in cut_windows(track, longest_s):
            window_track = track[span.start : span.end]
            window = closed(span, pcm, track)
            # Each piece is due later than the one before: who sends much waits behind who sends little.
            decoded_s += span.seconds
            said = await self.run(Urgency.RECORDING, decoded_s, self.decode, window, wanted)
            if not self.believes(said, window_track):
                continue
            wanted = wanted if wanted and "," not in wanted else said.language if said.language_p > 0.8 else wanted
            words = interpolate(said.words, window_track, span.start)
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
            SettingsError: a language this model cannot do.
        """
        return WhisperStream(self, UtteranceState(self._known(language) or self._language, *self._thresholds))

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
    def believes(said: Hypothesis, track: SpeechTrack) -> bool:
        """Whether these words were said, given the voice detector's judgement of their window."""
        return is_believable(said.words, evidence_of(track, said.no_speech, said.avg_logprob))

    def _detect_speech(self, ticket: Ticket, pcm: FloatArray) -> SpeechTrack:
        detector = self._detector.stream()
        frames = np.pad(pcm, (0, -len(pcm) % VAD_FRAME)).reshape(-1, VAD_FRAME)
        judged = [np.zeros(0, np.float32)]
        for start in range(0, len(frames), VAD_BATCH):
            if ticket.dropped:
                raise Stale
            judged.append(detector.judge(frames[start : start + VAD_BATCH]))
        return SpeechTrack(np.concatenate(judged), *self._thresholds)

    def _setting(self, language: str | None) -> str | None:
        unknown = [code for code in (language or "").split(",") if code and code not in (ANY_OTHER, *LANGUAGES)]
        if unknown:
            raise _unknown_language(language, unknown)
        return self._known(language)

    def _known(self, language: str | None) -> str | None:
        """``language`` less the codes this model cannot do; of a list, one that it can is enough."""
        if not language:
            return None
        codes = [code for code in language.split(",") if code != ANY_OTHER]
        able = [code for code in codes if self.understands(code)]
        if able or not codes:
            return ",".join([*able, *([ANY_OTHER] if ANY_OTHER in language else [])])
        if all(code in LANGUAGES for code in codes):
            raise SettingsError(
                f"asr.language is {language!r}: the model {self._name} understands only English; "
                "set asr.model to a multilingual one (whisper-base)"
            )
        raise _unknown_language(language, codes)


class WhisperStream:
    """``contracts.RecognitionStream``: one utterance on a growing window.

    The window slides to the end of settled sentences once it is longer than 8 s, so a revision costs the
    same however long the student speaks. Audio to which only silence was added is not decoded again: a
    second ``preview`` is immediate. Any call may be cancelled; the next one covers everything pushed.
    """

    def __init__(self, recognizer: WhisperRecognizer, state: UtteranceState) -> None:
        self._recognizer = recognizer
        self._state = state

    def push(self, pcm: FloatArray, probabilities: FloatArray) -> None:
        self._state.push(pcm, probabilities)

    @property
    def held_s(self) -> float:
        """Seconds of audio in the window and waiting to be decoded."""
        return self._state.held_s

    async def revise(self) -> Transcript:
        return self._state.revised(await self._decode_all(Urgency.PARTIAL))

    async def preview(self) -> Transcript:
        return self._state.whole(await self._decode_all(Urgency.PREVIEW))

    async def _decode_all(self, urgency: Urgency) -> WindowDecode:
        """Decode the last window. Windows before it (speech too long for one, or a long pause) are committed."""
        while True:
            snapshot, is_partial = self._state.snapshot(), urgency is Urgency.PARTIAL
            seconds = len(snapshot.pcm) / INPUT_RATE
            decode = await self._recognizer.run(urgency, seconds, self._decode_first, snapshot, is_partial)
            decode = self._state.remember(decode)
            if not decode.more:
                return decode
            self._state.commit(decode)

    def _decode_first(self, ticket: Ticket, snapshot: Snapshot, is_partial: bool) -> WindowDecode:
        """Decode the first window of what there is. In a worker thread."""
        recognizer, start, track = self._recognizer, snapshot.start, snapshot.track
        windows = cut_windows(track)
        if not windows:
            return WindowDecode(start, Span(0, 0), None, track, more=False)
        window, more = windows[0], len(windows) > 1
        known = self._state.already_decoded(snapshot, window)
        if known is not None:
            return known
        # A partial may break off within a word, and shows by that which words were made up.
        is_open = is_partial and not ends_quietly(track)
        pcm = window.of(snapshot.pcm) if is_open else closed(window, snapshot.pcm, track)
        said = recognizer.decode(ticket, pcm, self._state.language)
        if not recognizer.believes(said, track[window.start : window.end]):
            return WindowDecode(start, window, None, track, more)
        if not more and (is_partial or said.avg_logprob < DOUBTED):
            said = recognizer.timed(said, _last_word_starts_by_ms(said, window, track))
        return WindowDecode(start, window, said, track, more)


def _unknown_language(language: str | None, unknown: Sequence[str]) -> SettingsError:
    known = ", ".join(sorted(LANGUAGES))
    return SettingsError(f"asr.language is {language!r}: Whisper does not know {', '.join(unknown)}. It knows {known}")


def _last_word_starts_by_ms(said: Hypothesis, window: Span, track: SpeechTrack) -> float | None:
    """The latest start in the window that a word can have; None when speech goes on to its end."""
    if not ends_quietly(track):
        return None
    if said.avg_logprob >= DOUBTED:
        return math.inf
    return (find_speech(track)[-1].end - window.start) * 1000 / FRAMES_PER_S - SHORTEST_WORD_MS
