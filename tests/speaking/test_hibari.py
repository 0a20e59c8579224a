"""hibari's network itself: what it says, when, and how high."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from engine.concurrency.worker import Worker
from engine.errors import ModelMissing
from engine.items import PITCH_STEP_MS, Clause, FloatArray, Speech
from engine.models.catalog import locate, module_path
from engine.speaking.hibari import HibariSynthesizer

SENTENCE = "Well, my brother Ben bought a map, and he came back."


@pytest.fixture(scope="module")
def hibari() -> Iterator[HibariSynthesizer]:
    worker = Worker("hibari")
    worker.start()
    synthesizer = HibariSynthesizer(locate("hibari-heart"), worker)
    yield synthesizer
    synthesizer.close()


async def say(hibari: HibariSynthesizer, text: str, voice: str = "hibari:heart", shown: str = "") -> list[Speech]:
    clause = Clause(shown or text, text, "en", 0)
    return [piece async for piece in hibari.speak(clause, hibari.variant(voice))]


def pitch(pieces: list[Speech]) -> FloatArray:
    tracks = [piece.pitch for piece in pieces if piece.pitch is not None]
    return np.concatenate(tracks)


def words(pieces: list[Speech]) -> list[tuple[str, float, float]]:
    offsets = [0.0, *itertools.accumulate(piece.duration_ms for piece in pieces)]
    return [
        (word.text, offset + word.start_ms, offset + word.end_ms)
        for piece, offset in zip(pieces, offsets, strict=False)
        for word in piece.words
    ]


@pytest.mark.parametrize("text", ["", " ", "…", "你好", "?!"])
async def test_what_cannot_be_pronounced_is_a_pause(hibari: HibariSynthesizer, text: str) -> None:
    (piece,) = await say(hibari, text)
    assert piece.last and not np.any(piece.pcm) and not piece.phonemes


async def test_a_clause_comes_in_two_pieces_with_its_words_and_pitch(hibari: HibariSynthesizer) -> None:
    await say(hibari, "Hello.")
    pieces = await say(hibari, SENTENCE)
    assert [piece.last for piece in pieces] == [False, True]
    found = words(pieces)
    assert [word for word, _, _ in found] == SENTENCE.split()
    assert all(start < end <= later for (_, start, end), (_, later, _) in itertools.pairwise(found))
    track = pitch(pieces)
    length_ms = sum(piece.duration_ms for piece in pieces)
    assert abs(len(track) * PITCH_STEP_MS - length_ms) < 250
    assert 165 < np.mean(track[track > 0]) < 255
    # The pitch belongs to the audio: where there is none, there is little sound below 400 Hz, or a pause.
    assert 0.4 < np.mean(track > 0) < 0.95


async def test_captions_show_what_was_written(hibari: HibariSynthesizer) -> None:
    pieces = await say(hibari, "twenty five red apples, really", shown="25 **red** apples, really")
    found = words(pieces)
    assert [word for word, _, _ in found] == ["25", "**red**", "apples,", "really"]
    assert found[0][2] - found[0][1] > 300


async def test_a_man_speaks_as_fast_as_a_woman_and_lower(hibari: HibariSynthesizer) -> None:
    woman, man = await say(hibari, SENTENCE), await say(hibari, SENTENCE, "hibari:tenor")
    assert 85 < np.mean(pitch(man)[pitch(man) > 0]) < 155
    pace = sum(p.duration_ms for p in man) / sum(p.duration_ms for p in woman)
    assert 0.9 < pace < 1.2
    assert [p.symbol for p in woman[-1].phonemes][-5:] == [p.symbol for p in man[-1].phonemes][-5:]


async def test_a_long_text_is_spoken_whole_and_in_order(hibari: HibariSynthesizer) -> None:
    text = " ".join([SENTENCE] * 12)
    pieces = await say(hibari, text)
    found = words(pieces)
    assert [word for word, _, _ in found] == text.split()
    starts = [start for _, start, _ in found]
    assert starts == sorted(starts)
    once = sum(piece.duration_ms for piece in await say(hibari, SENTENCE))
    assert sum(piece.duration_ms for piece in pieces) > 10 * once


def test_a_network_without_durations_is_refused() -> None:
    folder = module_path("hibari/assets")
    assert folder is not None
    worker = Worker("hibari")
    with pytest.raises(ModelMissing, match="models prepare"):
        HibariSynthesizer(folder / "hibari.onnx", worker)
    worker.close()
