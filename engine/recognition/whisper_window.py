"""Whisper on a short window: one piece of sound (at most 28 s) to text, three to five times cheaper than padded.

In: float32 mono 16 kHz. Out: a ``Hypothesis``. Everything is synchronous and computes for tens to
hundreds of milliseconds: it runs in worker threads (``DecodeQueue``), several at once if the model
was opened with as many workers. Nothing to stop; the model goes with the object.

Whisper was trained on windows of 30 s and pays for all of it, however short the speech. Encoding
only the speech and decoding from that makes it run away: it never finds the end. So the silence
is given back *after* the encoder: the states of pure silence are computed once at load and
appended up to the 1500 positions of 30 s. Accuracy is that of the padded window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES, Tokenizer

from engine.errors import ModelMissing
from engine.items import INPUT_RATE, FloatArray, Word
from engine.recognition.agreement import join_words, split_words
from engine.recognition.plausibility import closing_echo, cut_closing_loop, is_unspoken
from engine.text.scripts import UNSPACED_LANGUAGES

POSITIONS = 1500
"""Encoder states Whisper's decoder was trained to see (30 s)."""

SHORT_POSITIONS = 750
"""As many do for short sound, and save a quarter of the time. Where it runs away it is shown all."""

SHORT_STATES = 250
"""What counts as short (5 s)."""

STATE_SAMPLES = 320
"""Samples one encoder state speaks of (20 ms)."""

LEAD_POSITIONS = 2
"""States of silence (40 ms) put before every window. Sound that begins at once is misheard: without them
tiny.en gets 17.4 instead of 15.9 % of words wrong, and a language is told 23 points less surely."""

LONGEST_S = 28.0
"""Longest window; some silence must be left for the decoder to find the end."""

SHORTEST_SAMPLES = INPUT_RATE // 10
"""Below 100 ms nothing can be told."""

DETECT_POSITIONS = 500
"""States shown to the language detector: as sure as with 1500 and three times cheaper."""

MADE_UP_MS = 40
"""A word that begins so shortly before the end of open sound was made up."""

SIMPLIFIED_CHINESE = "以下是普通话的句子。"
"""Initial prompt for Chinese, so that the text has simplified characters and punctuation."""

LANGUAGES = frozenset(_LANGUAGE_CODES)

ANY_OTHER = "*"
"""In a list of languages: whatever else it may be."""

SURE_OF_OTHER = 0.7
"""P(language) from which one that nobody expected is believed; coughs and mumbles stay below."""


class Stale(Exception):
    """Nobody waits for this result any more; the work was given up between two steps."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What Whisper makes of one window."""

    words: tuple[str, ...]
    """As written, punctuation attached; single characters in languages without spaces."""

    language: str
    language_p: float
    """How sure the detector was, 1 when the language was given."""

    no_speech: float
    avg_logprob: float
    tokens: tuple[int, ...] = ()
    states: npt.NDArray[Any] | None = field(default=None, repr=False)
    """(1, n, width) encoder states of the lead and the sound, for ``timed``."""

    times: tuple[Word, ...] = ()
    """Its words with ms from the start of the window; only from ``timed``."""

    @property
    def text(self) -> str:
        return join_words(self.words, self.language)


class WhisperWindow:
    """A Whisper model in CTranslate2 form.

    Args:
        model_dir: folder with ``model.bin``, ``config.json``, ``tokenizer.json`` and a vocabulary.
        device: ``cpu`` (int8) or ``cuda`` (float16).
        threads: of one decode; more than one makes short decodes slower (they wait for each other
            at every token).
        workers: decodes at once.
        default_language: taken when the detector is not sure of any.

    Raises:
        ModelMissing: a file is not there, or CTranslate2 cannot load it.
    """

    def __init__(
        self, model_dir: Path, device: str = "cpu", threads: int = 1, workers: int = 1, default_language: str = "en"
    ) -> None:
        for name in ("model.bin", "config.json", "tokenizer.json"):
            if not (model_dir / name).is_file():
                raise ModelMissing(f"speech recognition: {name} is not in {model_dir}")
        try:
            whisper = WhisperModel(
                str(model_dir), device=device, compute_type="float16" if device == "cuda" else "int8",
                cpu_threads=threads, num_workers=workers, local_files_only=True,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise ModelMissing(f"speech recognition: {model_dir} does not load on {device}: {error}") from error
        self._model: ctranslate2.models.Whisper = whisper.model
        self._features = whisper.feature_extractor
        self._vocabulary = whisper.hf_tokenizer
        self._tokenizers: dict[str, Tokenizer] = {}
        self.multilingual: bool = self._model.is_multilingual
        self.default_language = default_language if self.multilingual else "en"
        self._silence = self._encode(np.zeros(POSITIONS * STATE_SAMPLES, np.float32))

    def warm_up(self) -> None:
        """Run every part once, so that the first student does not pay for allocations."""
        noise = np.random.default_rng(0).normal(0, 0.01, 2 * INPUT_RATE).astype(np.float32)
        self.timed(self.decode(noise))

    def decode(
        self, pcm: FloatArray, language: str | None = None, is_stale: Callable[[], bool] = lambda: False
    ) -> Hypothesis:
        """Transcribe (n,) float32 16 kHz; what is beyond ``LONGEST_S`` is not heard.

        Args:
            pcm: the window; leading and trailing silence only costs time.
            language: a code, several joined by commas to choose among, or None for any. With ``*`` among
                them it may be any other, too, and the first is taken in doubt.
            is_stale: asked between the steps; True gives up.

        Raises:
            Stale: ``is_stale`` said so.
            RuntimeError: the model broke.
        """
        if len(pcm) < SHORTEST_SAMPLES:
            return Hypothesis((), self._tokenizer_language(language), 0.0, 1.0, 0.0)
        pcm = pcm[: int(LONGEST_S * INPUT_RATE)]
        states = self._encode(np.concatenate([np.zeros(LEAD_POSITIONS * STATE_SAMPLES, np.float32), pcm]))
        _check(is_stale)
        language, language_p = self._language(states, language)
        _check(is_stale)
        tokenizer = self._tokenizer(language)
        limit = token_limit(len(pcm) / INPUT_RATE, language)
        prompt = self._prompt(tokenizer, language)
        for positions in (SHORT_POSITIONS, POSITIONS) if states.shape[1] <= SHORT_STATES else (POSITIONS,):
            result = self._model.generate(
                _storage(self._with_silence(states, positions)), [prompt], beam_size=1,
                max_length=_max_length(limit, len(prompt)), return_scores=True, return_no_speech_prob=True,
            )[0]  # fmt: skip
            tokens = result.sequences_ids[0]
            words = split_words(tokenizer.decode(tokens).strip().rstrip("\ufffd"), language)
            kept = cut_closing_loop(words, was_capped=len(tokens) >= limit)
            if kept == len(words) and len(tokens) < limit:
                break
            _check(is_stale)
        avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        said = Hypothesis(
            tuple(words[:kept]), language, language_p, result.no_speech_prob, avg_logprob, tuple(tokens), states
        )
        echo = closing_echo(said.words)
        if echo and is_unspoken(self.timed(said, math.inf).times[-echo:]):
            return replace(said, words=said.words[:-echo])
        return said

    def timed(self, said: Hypothesis, until_ms: float | None = None) -> Hypothesis:
        """The same with the time of each word (to about 100 ms). Costs a tenth of the decode.

        Whisper likes to complete a sentence that breaks off. The words it makes up have no sound, so
        their times pile up at the end of it.

        Args:
            said: from ``decode``.
            until_ms: of the window; words that begin later are left out as made up. None keeps 40 ms
                clear of the end, which suits sound that breaks off in the middle of speech.
        """
        if said.states is None or not said.words:
            return said
        tokenizer = self._tokenizer(said.language)
        positions = said.states.shape[1]
        aligned = self._model.align(
            _storage(said.states), list(tokenizer.sot_sequence), [list(said.tokens)], 2 * positions
        )[0]
        heard_at = np.full(len(said.tokens) + 1, positions, np.int64)
        for token, position in reversed(aligned.alignments):
            heard_at[token] = position
        at = [max(0, int(heard_at[token]) - LEAD_POSITIONS) for token in _first_tokens(said, tokenizer)]
        ms = STATE_SAMPLES * 1000 / INPUT_RATE
        if until_ms is None:
            until_ms = (positions - LEAD_POSITIONS) * ms - MADE_UP_MS
        words = tuple(w for w, begins in zip(said.words, at, strict=False) if begins * ms < until_ms)
        times = tuple(Word(word, at[i] * ms, max(at[i], at[i + 1]) * ms) for i, word in enumerate(words))
        return replace(said, words=words, times=times)

    def _encode(self, pcm: FloatArray) -> npt.NDArray[Any]:
        padded = np.pad(pcm, (0, -len(pcm) % STATE_SAMPLES))
        mel = self._features(padded, padding=0)
        return np.array(self._model.encode(_storage(mel[None]), to_cpu=True))

    def _with_silence(self, states: npt.NDArray[Any], positions: int) -> npt.NDArray[Any]:
        return np.concatenate([states, self._silence[:, states.shape[1] : positions]], axis=1)

    def _language(self, states: npt.NDArray[Any], wanted: str | None) -> tuple[str, float]:
        if not self.multilingual:
            return "en", 1.0
        among = wanted.split(",") if wanted else [self.default_language, ANY_OTHER]
        if len(among) == 1:
            return among[0], 1.0
        anything = ANY_OTHER in among
        ranked = self._model.detect_language(_storage(self._with_silence(states, DETECT_POSITIONS)))[0]
        likely = [(token[2:-2], p) for token, p in ranked if anything or token[2:-2] in among]
        language, p = likely[0]
        if anything and p < SURE_OF_OTHER:
            return among[0], p
        return language, p / sum(p for _, p in likely)

    def _tokenizer_language(self, wanted: str | None) -> str:
        return wanted.split(",")[0] if wanted and self.multilingual else self.default_language

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(self._vocabulary, self.multilingual, "transcribe", language)
        return self._tokenizers[language]

    def _prompt(self, tokenizer: Tokenizer, language: str) -> list[int]:
        before = [tokenizer.sot_prev, *tokenizer.encode(SIMPLIFIED_CHINESE)] if language == "zh" else []
        return [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]


def token_limit(seconds: float, language: str) -> int:
    """Most tokens speech of this length can need; a decoder that wants more is running away.

    English has at most 7 a second; scripts that Whisper spells in bytes need more.
    """
    per_second = 7 if language == "en" else 12 if language not in UNSPACED_LANGUAGES else 16
    return int(8 + per_second * seconds)


def _max_length(limit: int, prompt: int) -> int:
    """``max_length`` for ``limit`` new tokens: CTranslate2 gives half of it to them, or what the prompt leaves."""
    return min(max(2 * limit, prompt + limit), 448)


def _first_tokens(hypothesis: Hypothesis, tokenizer: Tokenizer) -> Sequence[int]:
    """Index of each word's first token, and one past the last word's last."""
    lengths = np.cumsum([len(word) for word in hypothesis.words])
    starts: list[int] = [0]
    for token in range(1, len(hypothesis.tokens) + 1):
        written = len("".join(tokenizer.decode(list(hypothesis.tokens[:token])).split()))
        while len(starts) <= len(hypothesis.words) and written >= lengths[len(starts) - 1]:
            starts.append(token)
    return starts + [len(hypothesis.tokens)] * (len(hypothesis.words) + 1 - len(starts))


def _storage(array: npt.NDArray[Any]) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def _check(is_stale: Callable[[], bool]) -> None:
    if is_stale():
        raise Stale
