"""Coqui's real VITS and XTTS code, on small random models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.cli import voices
from engine.contracts import Voice
from engine.errors import ModelMissing, SynthesisFailed
from engine.items import OUTPUT_RATE, Clause, FloatArray
from engine.settings import Settings
from engine.speaking.coqui import CoquiSynthesizer
from engine.speaking.coqui_models import VitsVoice, load_model
from engine.speaking.voices import build_voicebook

VITS, XTTS = "coqui:tts_models--en--tiny--vits", "coqui:tiny-xtts/ann"
TEXT = "This is a sentence that a small random model babbles for a while, and then for a little longer."
CLAUSE = Clause(TEXT, TEXT, "en", 0)


def voice(coqui: CoquiSynthesizer, voice_id: str) -> Voice:
    return next(known for known in coqui.voices if known.id == voice_id)


def counted(pieces: Iterator[FloatArray], count: list[float]) -> Iterator[FloatArray]:
    for piece in pieces:
        count.append(time.monotonic())
        yield piece


class Watch:
    """Notes when each piece of a model was computed."""

    def __init__(self, coqui: CoquiSynthesizer, voice_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pieces: list[float] = []
        model, _ = coqui._speakers[voice_id]
        say = model.say

        def watched(clause: Clause, speaker: str) -> object:
            timeline, pieces = say(clause, speaker)
            return timeline, counted(pieces, self.pieces)

        monkeypatch.setattr(model, "say", watched)


def test_voices_and_their_languages(coqui: CoquiSynthesizer) -> None:
    assert {known.id for known in coqui.voices} == {VITS, XTTS}
    assert voice(coqui, VITS).language == "en" and not voice(coqui, VITS).speaks("de")
    assert voice(coqui, XTTS).speaks("de") and voice(coqui, XTTS).speaks("zh") and not voice(coqui, XTTS).speaks("fr")


@pytest.mark.parametrize("voice_id", [VITS, XTTS])
async def test_sound_streams_before_the_clause_is_done(
    coqui: CoquiSynthesizer, voice_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(coqui, voice_id, monkeypatch)
    speeches = coqui.speak(CLAUSE, voice(coqui, voice_id))
    said = [(time.monotonic(), speech) async for speech in speeches]
    assert len(said) >= 3 and len(watch.pieces) >= 3
    assert said[0][0] < watch.pieces[2] < watch.pieces[-1]
    assert [speech.last for _, speech in said] == [False] * (len(said) - 1) + [True]
    pcm = np.concatenate([speech.pcm for _, speech in said])
    assert len(pcm) > OUTPUT_RATE and np.isfinite(pcm).all() and 0.02 < np.abs(pcm).max() <= 1
    words = [word.text for _, speech in said for word in speech.words]
    assert words == TEXT.split()


async def test_a_vits_in_pieces_is_the_same_sound(coqui: CoquiSynthesizer) -> None:
    model = coqui._speakers[VITS][0]
    assert isinstance(model, VitsVoice)
    torch.manual_seed(5)
    _, pieces = model.say(CLAUSE, "")
    streamed = np.concatenate(list(pieces))
    torch.manual_seed(5)
    with torch.inference_mode():
        latent = model._infer(model._model.tokenizer.text_to_ids(TEXT, language=None), "", None)["model_outputs"]
        whole = model._vocoder(latent, g=None).reshape(-1).numpy()
    assert len(streamed) == len(whole) and np.abs(whole).max() > 1e-3
    assert np.abs(streamed - whole).max() < 1e-4 * np.abs(whole).max() + 1e-6


async def test_word_times_of_a_speller_follow_its_durations(coqui: CoquiSynthesizer) -> None:
    said = [speech async for speech in coqui.speak(CLAUSE, voice(coqui, VITS))]
    offset, starts = 0.0, []
    for speech in said:
        starts += [offset + word.start_ms for word in speech.words]
        offset += speech.duration_ms
        assert not speech.phonemes
    assert starts == sorted(starts) and 0.6 * offset < starts[-1] < offset


@pytest.mark.parametrize("voice_id", [VITS, XTTS])
async def test_leaving_stops_within_one_piece(
    coqui: CoquiSynthesizer, voice_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(coqui, voice_id, monkeypatch)
    async with aclosing(coqui.speak(CLAUSE, voice(coqui, voice_id))) as pieces:  # type: ignore[type-var]
        await anext(pieces)
    computed = len(watch.pieces)
    await coqui._worker.run(int)
    assert len(watch.pieces) <= computed + 1
    full = Watch(coqui, voice_id, monkeypatch)
    _ = [speech async for speech in coqui.speak(CLAUSE, voice(coqui, voice_id))]
    assert len(full.pieces) > computed + 1


async def test_a_text_that_is_too_long_is_an_error_and_the_voice_lives(coqui: CoquiSynthesizer) -> None:
    endless = "a b c d e f g " * 300
    with pytest.raises(SynthesisFailed):
        _ = [s async for s in coqui.speak(Clause(endless, endless, "en", 0), voice(coqui, XTTS))]
    assert [s async for s in coqui.speak(Clause("Hi.", "Hi.", "de", 0), voice(coqui, XTTS))][-1].last


async def test_the_voicebook_finds_them(model_folder: Path) -> None:
    book = build_voicebook(Settings(models_dir=model_folder, device="cpu", voice=VITS))
    try:
        assert book.choose("en")[1].id == VITS
        assert book.choose("zh", XTTS)[1].id == XTTS
        assert book.choose("fr", XTTS)[1].id == "espeak:fr-fr"
        pcm = await book.render(XTTS, "Guten Tag.", "de")
        assert len(pcm) > OUTPUT_RATE // 4
    finally:
        book.close()


def test_a_broken_model_is_named(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    with pytest.raises(ModelMissing, match="half"):
        load_model(folder, "cpu")
    (folder / "config.json").write_bytes((model_folder / "coqui/tts_models--en--tiny--vits/config.json").read_bytes())
    with pytest.raises(ModelMissing, match="model_file"):
        load_model(folder, "cpu")
    (folder / "config.json").write_text('{"model": "tacotron2"}')
    with pytest.raises(ModelMissing, match="half"):
        load_model(folder, "cpu")


def test_a_pull_shows_the_licence_and_waits_for_consent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENGINE_MODELS_DIR", str(tmp_path))
    assert voices.main(["pull", "tts_models/multilingual/multi-dataset/xtts_v2"]) == 1
    out = capsys.readouterr()
    assert "CPML" in out.out and "--accept-licence" in out.err
    assert voices.main(["pull", "tts_models/xx/none/vits"]) == 1
    assert "lists no model" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
