"""Kokoro speaks: in slices, with times that fit, understood by Whisper."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer
import numpy as np
import pytest
from faster_whisper import WhisperModel
from mandarin import PROMPT, characters

from engine.audio.resampling import resample
from engine.items import OUTPUT_RATE, PITCH_STEP_MS, Clause, FloatArray, Speech
from engine.models.catalog import locate
from engine.speaking.kokoro_graph import FRAME, KokoroGraph, Level, SlicedAudio

if TYPE_CHECKING:
    from engine.speaking.kokoro import KokoroSynthesizer

MIXED = "光合作用（photosynthesis）是植物利用阳光制造食物的过程。"


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    return WhisperModel(str(locate("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)


async def speak(kokoro: KokoroSynthesizer, voice: str, text: str, language: str) -> list[Speech]:
    found = next(each for each in kokoro.voices if each.id == f"kokoro:{voice}")
    return [speech async for speech in kokoro.speak(Clause(text, text, language, 0), found)]


def audio(pieces: list[Speech]) -> FloatArray:
    return np.concatenate([speech.pcm for speech in pieces])


def hear(whisper: WhisperModel, pcm: FloatArray, language: str) -> str:
    segments, _ = whisper.transcribe(
        resample(pcm, OUTPUT_RATE), language=language, beam_size=5, without_timestamps=True,
        initial_prompt=PROMPT if language == "zh" else None,
    )  # fmt: skip
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize("voice", ["zf_xiaoxiao", "zm_yunxi"])
async def test_mandarin_is_understood(kokoro: KokoroSynthesizer, whisper: WhisperModel, voice: str) -> None:
    text = "请你再读一遍第二段课文，昨天的作业你做完了吗？"
    heard = hear(whisper, audio(await speak(kokoro, voice, text, "zh")), "zh")
    assert jiwer.cer("".join(characters(text)), "".join(characters(heard))) < 0.15, heard


async def test_english_in_a_mandarin_sentence_is_said_without_a_gap(
    kokoro: KokoroSynthesizer, whisper: WhisperModel
) -> None:
    pieces = await speak(kokoro, "zm_yunxi", "光合作用的英语是 photosynthesis，氧气是 oxygen，很好。", "zh")
    pcm, at = audio(pieces), 0.0
    spans: dict[str, tuple[float, float]] = {}
    for speech in pieces:
        spans |= {word.text: (at + word.start_ms, at + word.end_ms) for word in speech.words}
        at += speech.duration_ms
    start, end = spans["photosynthesis，"]
    word = hear(whisper, np.pad(pcm[int(start * 24) : int(end * 24)], OUTPUT_RATE // 2), "en")
    assert re.search("s[iy][ns]", word.lower()), word
    assert longest_silence_s(pcm) < 0.45


@pytest.mark.parametrize(
    ("voice", "language", "text"),
    [
        ("af_heart", "en", "The cell is the basic unit of life."),
        ("bm_george", "en", "The cell is the basic unit of life."),
        ("ef_dora", "es", "La célula es la unidad básica de la vida."),
        ("ff_siwis", "fr", "La cellule est l'unité de base de la vie."),
        ("if_sara", "it", "La cellula è l'unità fondamentale della vita."),
        ("pf_dora", "pt", "A célula é a unidade básica da vida."),
    ],
)
async def test_every_language_is_understood(
    kokoro: KokoroSynthesizer, whisper: WhisperModel, voice: str, language: str, text: str
) -> None:
    heard = hear(whisper, audio(await speak(kokoro, voice, text, language)), language)
    said, got = (words.lower().strip(" .") for words in (text, heard))
    assert jiwer.cer(said, got) < 0.2, heard


async def test_times_fit_the_audio(kokoro: KokoroSynthesizer) -> None:
    pieces = await speak(kokoro, "zf_xiaoxiao", MIXED, "zh")
    assert pieces[-1].last and not any(speech.last for speech in pieces[:-1])
    at = 0.0
    words: list[tuple[str, float, float]] = []
    for speech in pieces:
        for phoneme in speech.phonemes:
            assert 0 <= phoneme.start_ms < phoneme.end_ms <= speech.duration_ms + 1
        words += [(word.text, at + word.start_ms, at + word.end_ms) for word in speech.words]
        assert speech.pitch is not None
        assert abs(len(speech.pitch) * PITCH_STEP_MS - speech.duration_ms) < 250
        at += speech.duration_ms
    assert "".join(text for text, _, _ in words) == MIXED
    assert all(before[1] <= after[1] for before, after in pairwise(words))
    pitch = np.concatenate([speech.pitch for speech in pieces if speech.pitch is not None])
    assert 150 < float(np.median(pitch[pitch > 0])) < 350, "a woman's pitch"
    silent = [p for speech in pieces for p in speech.phonemes if not p.symbol]
    loud = [p for speech in pieces for p in speech.phonemes if p.symbol]
    assert len(loud) > 50 and len(silent) < 10


async def test_labels_are_where_the_sounds_are(kokoro: KokoroSynthesizer) -> None:
    pieces = await speak(kokoro, "af_heart", "Six seas, so she says.", "en")
    pcm = audio(pieces)
    hiss, voiced = [], []
    at = 0.0
    for speech in pieces:
        for phoneme in speech.phonemes:
            middle = at + (phoneme.start_ms + phoneme.end_ms) / 2
            here = pcm[int((middle - 12) * 24) : int((middle + 12) * 24)]
            crossings = float(np.mean(np.abs(np.diff(np.sign(here)))) / 2)
            if phoneme.symbol in ("s", "ʃ"):
                hiss.append(crossings)
            elif phoneme.symbol in ("iː", "i", "oʊ", "ɛ", "ɪ"):
                voiced.append(crossings)
        at += speech.duration_ms
    assert len(hiss) >= 5 and len(voiced) >= 4
    assert np.median(hiss) > 0.2 > np.median(voiced)


async def test_nothing_to_say_is_a_short_silence(kokoro: KokoroSynthesizer) -> None:
    (speech,) = await speak(kokoro, "af_heart", "…", "en")
    assert speech.last and speech.duration_ms < 300 and not speech.pcm.any()


async def test_a_long_clause_is_said_whole(kokoro: KokoroSynthesizer) -> None:
    text = "One, two, three, " * 30
    pieces = await speak(kokoro, "af_heart", text, "en")
    assert len([word for speech in pieces for word in speech.words]) == 90
    assert sum(speech.duration_ms for speech in pieces) > 20_000


def test_slices_are_the_sound_of_the_whole(model: Path) -> None:
    """Pitch and level of a slice are those it has in the whole clause, and its phase goes on from the one before."""
    graph = KokoroGraph(model)
    ids = [0, *(83, 16, 54, 156, 31, 16) * 8, 0]  # "ə lˈO" over and over: voiced throughout
    style = np.fromfile(style_file(), "<f4").reshape(510, 1, 256)[40]
    said = graph.prosody(ids, style)
    whole, _ = SlicedAudio(graph, said, Level()).audio(0, said.frames)
    sliced = SlicedAudio(graph, said, Level())
    edges = [0, 40, 60, said.frames]
    parts = [sliced.audio(start, end)[0] for start, end in pairwise(edges)]
    together = np.concatenate(parts)
    assert len(together) == len(whole) == said.frames * FRAME
    voiced = slice(20 * FRAME, (said.frames - 20) * FRAME)
    likeness = np.corrcoef(together[voiced], whole[voiced])[0, 1]
    assert likeness > 0.5, "without the shift of phase it is about 0"
    level = 20 * np.log10(together[voiced].std() / whole[voiced].std())
    assert abs(level) < 2
    jumps = np.abs(np.diff(together, 2))
    for edge in edges[1:-1]:
        assert jumps[edge * FRAME - 3 : edge * FRAME + 3].max() <= jumps.max() * 0.5 + 0.02


def style_file() -> Path:
    from engine.settings import Settings

    return locate("kokoro-voices", None, Settings().cache_dir) / "af_heart.bin"


def longest_silence_s(pcm: FloatArray) -> float:
    """The longest stretch inside the speech that is 35 dB below its loudest 20 ms."""
    step = OUTPUT_RATE // 50
    power = np.mean(np.square(pcm[: len(pcm) // step * step].reshape(-1, step)), axis=1)
    sounding = np.flatnonzero(power > power.max() * 10**-3.5)
    return float(np.diff(sounding).max() - 1) / 50
