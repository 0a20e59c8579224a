"""Scripted parts that obey the Protocols of ``engine.contracts``, without models or threads.

The microphone's sound carries its script: the level of a sample says which word it belongs to. So the
fake voice detector and recognizer hear what really reaches them, and nothing that got lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.contracts import Message, Voice
from engine.errors import LanguageModelFailed, RecognitionFailed, SynthesisFailed
from engine.items import INPUT_RATE, OUTPUT_RATE, VAD_FRAME, AudioChunk, Clause, FloatArray, Speech, Transcript, Word

COUGH_LEVEL = 0.9
"""Sounds like speech to the voice detector, and has no words."""

VOICE_LEVEL = 0.05
"""Anything louder is voice."""

_STEP = 2.0**-11


class Script:
    """What a microphone will hear: words, coughs and silence, at their times.

    >>> Script().say(500, "What is a cell?").cough(4000, 300).pcm(6000)
    """

    def __init__(self) -> None:
        self._words: list[tuple[str, int, int]] = []
        self._coughs: list[tuple[int, int]] = []
        self._levels: dict[str, int] = {}

    def say(self, start_ms: int, text: str, word_ms: int = 240) -> Script:
        """Words one after the other; punctuation belongs to the word before it."""
        for index, word in enumerate(text.split()):
            begin = start_ms + index * word_ms
            self._words.append((word, begin, begin + word_ms))
        return self

    def cough(self, start_ms: int, ms: int) -> Script:
        self._coughs.append((start_ms, start_ms + ms))
        return self

    def end_of(self, index: int = -1) -> int:
        """When the word with this index ends, ms."""
        return self._words[index][2]

    def pcm(self, ms: int) -> FloatArray:
        """(ms * 16,) float32 with everything said so far in it."""
        sound = np.zeros(ms * INPUT_RATE // 1000, np.float32)
        for begin, end in self._coughs:
            sound[begin * 16 : end * 16] = COUGH_LEVEL
        for index, (word, begin, end) in enumerate(self._words):
            VOCABULARY[index + 1] = (word, (end - begin) * 16)
            sound[begin * 16 : end * 16] = 0.1 + (index + 1) * _STEP
        return sound


VOCABULARY: dict[int, tuple[str, int]] = {}
"""Level to word and its length in samples; filled by the script that was rendered last."""


def words_in(pcm: FloatArray) -> str:
    """The words of which two thirds were heard, in order."""
    levels = np.rint((pcm - 0.1) / _STEP).astype(np.int32)
    levels[(pcm <= VOICE_LEVEL) | (pcm >= COUGH_LEVEL - 0.01)] = 0
    found, first, counts = np.unique(levels, return_index=True, return_counts=True)
    heard: list[str] = []
    for at in np.argsort(first):
        word, samples = VOCABULARY.get(int(found[at]), ("", 0))
        if word and counts[at] >= samples * 2 / 3:
            heard.append(word)
    return " ".join(heard)


async def play(
    push: Callable[[AudioChunk], None],
    pcm: FloatArray,
    *,
    chunk_ms: int = 20,
    start_sample: int = 0,
    mute: Sequence[tuple[int, int]] = (),
    stalls: Sequence[tuple[int, int]] = (),
) -> None:
    """Push ``pcm`` in real time, each chunk when its last sample was recorded.

    ``mute``: spans in ms in which nothing is sent at all. ``stalls``: spans in ms whose sound
    comes in a burst at their end.
    """
    loop = asyncio.get_running_loop()
    began, size = loop.time(), chunk_ms * INPUT_RATE // 1000
    for at in range(0, len(pcm), size):
        piece = pcm[at : at + size]
        sent_ms = next((end for begin, end in stalls if begin <= at / 16 < end), (at + len(piece)) / 16)
        await asyncio.sleep(began + sent_ms / 1000 - loop.time())
        if not any(begin <= at / 16 < end for begin, end in mute):
            push(AudioChunk(piece, start_sample + at))


class FakeDetector:
    """``SpeechDetector``: voice is what is loud."""

    def __init__(self) -> None:
        self.judged = 0

    def stream(self) -> FakeDetector:
        return self

    async def probabilities(self, frames: FloatArray) -> FloatArray:
        self.judged += len(frames)
        loud: FloatArray = (np.abs(frames) > VOICE_LEVEL).mean(axis=1).astype(np.float32)
        return loud

    def close(self) -> None: ...


class FakeRecognizer:
    """``Recognizer`` that hears the script's words.

    Args:
        decode_s: how long each answer takes.
        failures: how many answers fail before it works.
        error: with what; by default as a recognizer may.
        language: of every transcript.
        logprob: how sure it is of the words, see ``Transcript``.
    """

    def __init__(
        self,
        decode_s: float = 0.15,
        failures: int = 0,
        language: str = "en",
        logprob: float = 0.0,
        error: Exception | None = None,
    ) -> None:
        self.error = error or RecognitionFailed("the fake recognizer was told to fail")
        self.decode_s = decode_s
        self.failures = failures
        self.language = language
        self.logprob = logprob
        self.calls: list[str] = []
        self.languages: list[str | None] = []
        self.streams = 0

    def understands(self, language: str) -> bool:
        return language in ("de", "en", "zh")

    async def transcribe(self, pcm: FloatArray, language: str | None = None) -> Transcript:
        self.languages.append(language)
        return await self.decode("transcribe", pcm)

    def stream(self, language: str | None = None) -> FakeRecognition:
        self.streams += 1
        self.languages.append(language)
        return FakeRecognition(self)

    async def decode(self, kind: str, pcm: FloatArray) -> Transcript:
        self.calls.append(kind)
        await asyncio.sleep(self.decode_s)
        if self.failures > 0:
            self.failures -= 1
            raise self.error
        text = words_in(pcm)
        final = kind == "transcribe"
        no_speech = 0.0 if text else 0.9
        return Transcript(text, "", self.language, no_speech=no_speech, logprob=self.logprob, final=final)

    def close(self) -> None: ...


class FakeRecognition:
    """``RecognitionStream``; fails the test when two calls overlap."""

    def __init__(self, recognizer: FakeRecognizer) -> None:
        self._recognizer = recognizer
        self._pcm: list[FloatArray] = []
        self._busy = False

    def push(self, pcm: FloatArray, probabilities: FloatArray) -> None:
        assert len(pcm) == VAD_FRAME * len(probabilities)
        self._pcm.append(pcm)

    async def revise(self) -> Transcript:
        return await self._decode("revise")

    async def preview(self) -> Transcript:
        return await self._decode("preview")

    async def _decode(self, kind: str) -> Transcript:
        assert not self._busy, "two calls to one recognition stream overlap"
        self._busy = True
        try:
            return await self._recognizer.decode(kind, np.concatenate(self._pcm))
        finally:
            self._busy = False


class FakeEndOfTurn:
    """``EndOfTurn`` with one opinion. ``asked`` counts the questions."""

    def __init__(self, opinion: float = 0.95, delay_s: float = 0.03) -> None:
        self.opinion = opinion
        self.delay_s = delay_s
        self.asked = 0

    async def probability(self, pcm: FloatArray) -> float:
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        return self.opinion


class FakeCompletion:
    """``CompletionScorer`` with one opinion. ``asked`` keeps the texts."""

    def __init__(self, opinion: float | None = 0.9, delay_s: float = 0.03) -> None:
        self.opinion = opinion
        self.delay_s = delay_s
        self.asked: list[str] = []

    async def score(self, text: str) -> float | None:
        self.asked.append(text)
        await asyncio.sleep(self.delay_s)
        return self.opinion


@dataclass
class FakeLanguageModel:
    """``LanguageModel`` that says ``text``, a word at a time."""

    text: str = "Plants turn light into sugar. They need water and air for it."
    first_token_s: float = 0.08
    token_s: float = 0.01
    fails_after: int | None = None
    """Raise after so many words."""

    hangs_after: int | None = None
    """Say nothing more after so many words, without an end."""

    asked: list[list[Message]] = field(default_factory=list)
    open: int = 0
    """Replies that are being made now."""

    temperatures: list[float | None] = field(default_factory=list)
    """What each reply was asked for with."""

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        dialogue: str = "",
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[str]:
        self.asked.append(list(messages))
        self.temperatures.append(temperature)
        self.open += 1
        try:
            for index, word in enumerate(self.text.split()):
                if index == self.fails_after:
                    raise LanguageModelFailed("the fake model was told to fail")
                if index == self.hangs_after:
                    await asyncio.Event().wait()
                await asyncio.sleep(self.first_token_s if index == 0 else self.token_s)
                yield word if index == 0 else f" {word}"
        finally:
            self.open -= 1


@dataclass
class FakeSynthesizer:
    """``Synthesizer`` that hums for 80 ms a letter, in pieces of a word."""

    first_s: float = 0.05
    """Before the first piece of a clause."""

    letter_ms: float = 80
    fails: bool = False
    hangs: bool = False
    spoken: list[str] = field(default_factory=list)
    open: int = 0
    voices: Sequence[Voice] = (Voice("fake:en", "en", "Fake", timed=True), Voice("fake:zh", "zh", "Fake", timed=True))

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        self.spoken.append(clause.text)
        self.open += 1
        try:
            await asyncio.sleep(self.first_s)
            if self.fails:
                raise SynthesisFailed("the fake voice was told to fail")
            if self.hangs:
                await asyncio.Event().wait()
            words = clause.spoken.split() or [clause.spoken]
            for index, word in enumerate(words):
                ms = len(word) * self.letter_ms
                pcm = np.full(int(ms * OUTPUT_RATE / 1000), 0.2, np.float32)
                yield Speech(clause, pcm, (Word(word, 0.0, ms),), last=index == len(words) - 1)
        finally:
            self.open -= 1

    def close(self) -> None: ...
