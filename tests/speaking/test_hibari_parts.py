"""hibari's pure parts: its alphabet as lips, its speakers, its vocoder in pieces."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hibari.g2p import ASSETS
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.animation.phonemes import articulations
from engine.errors import InvalidField
from engine.items import OUTPUT_RATE, Clause
from engine.speaking.hibari_speakers import PITCH_RANGE, STRETCH_RANGE, named_voices, speaker_of, variant
from engine.speaking.hibari_text import MAX_CODES, EnglishPhonemes, divided, plain
from engine.speaking.hibari_vocoder import HOP, SPECTRA, Vocoder
from engine.speaking.ipa import PAUSES, STRESS
from engine.speaking.misaki import Code, clause_timing, to_ipa


@pytest.fixture(scope="module")
def english() -> EnglishPhonemes:
    return EnglishPhonemes()


def visemes(symbol: str) -> list[str]:
    return [articulation.viseme for articulation in articulations(to_ipa(symbol), "en")]


MARKS = set("ˈˌː̃ʰʲ↓→↗↘ᵝ")
"""Letters of the alphabet that only modify others."""


def test_every_letter_of_the_alphabet_moves_the_lips_as_it_should() -> None:
    alphabet = set(json.loads(Path(ASSETS, "vocab.json").read_text(encoding="utf-8")))
    silent = alphabet & (PAUSES | {" "})
    letters = alphabet - silent - MARKS
    assert len(letters) > 80 and set(STRESS) <= MARKS
    assert all(visemes(letter) == ["sil"] for letter in silent - {'"', "(", ")"} | {"."})
    assert [letter for letter in sorted(letters) if not visemes(letter) or visemes(letter) == ["sil"]] == []


@pytest.mark.parametrize(
    ("letters", "shown"),
    [
        ("A", ["E", "ih"]), ("I", ["aa", "ih"]), ("O", ["oh", "ou"]), ("W", ["aa", "ou"]), ("Y", ["oh", "ih"]),
        ("Q", ["E", "ou"]), ("ʤʧ", ["CH"]), ("pbm", ["PP"]), ("fv", ["FF"]), ("θð", ["TH"]), ("ʃʒ", ["CH"]),
        ("sz", ["SS"]), ("T", ["nn"]), ("td", ["DD"]), ("kɡŋh", ["kk"]), ("nl", ["nn"]), ("ɹ", ["RR"]),
        ("w", ["ou"]), ("j", ["ih"]), ("ᵊəɛɜ", ["E"]), ("iɪᵻ", ["ih"]), ("uʊ", ["ou"]), ("ɔ", ["oh"]),
        ("æɑʌɐ", ["aa"]),
    ],
)  # fmt: skip
def test_the_letters_of_english(letters: str, shown: list[str]) -> None:
    assert {letter: visemes(letter) for letter in letters} == dict.fromkeys(letters, shown)


def test_times_of_phonemes_and_words_follow_the_durations(english: EnglishPhonemes) -> None:
    text = "Boys, chew (all) of it"
    codes = english.codes(text)
    assert "".join(code.symbol for code in codes) == "bˈYz, ʧˈu (ˈɔl) ʌv ɪt"
    edges = 50 + 10 * np.arange(len(codes) + 1, dtype=np.float32)
    timing = clause_timing(Clause(text, text, "en", 0), text, codes, edges)
    found = [(p.symbol, p.start_ms, p.end_ms, p.stress) for p in timing.phonemes]
    assert found[:4] == [("", 0, 50, 0), ("b", 50, 60, 0), ("ɔɪ", 60, 80, 2), ("z", 80, 90, 0)]
    assert ("tʃ", 110, 120, 0) in found and ("u", 120, 140, 2) in found
    assert [(word.text, word.start_ms, word.end_ms) for word in timing.words] == [
        ("Boys,", 50, 90), ("chew", 110, 140), ("(all)", 160, 190), ("of", 210, 230), ("it", 240, 260),
    ]  # fmt: skip


def test_numbers_and_units_are_left_to_the_engine(english: EnglishPhonemes) -> None:
    said = "".join(code.symbol for code in english.codes("at ten to five, say"))
    assert said == "æt tˈɛn tə fˈIv, sˈA"


def test_an_answer_cannot_give_pronunciations(english: EnglishPhonemes) -> None:
    assert "kˈæt" in "".join(code.symbol for code in english.codes(plain("a [cat](/dˈɔɡ/) sat")))


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("abzAZ019 .,;:!?'’“”()[]/-–—$€%&#@*_^é你が🙂\u0301²½"), max_size=40))
def test_any_text_has_phonemes_in_order_inside_it(english: EnglishPhonemes, text: str) -> None:
    codes = english.codes(plain(text))
    assert len(english.ids(codes)) == len(codes) + 2
    assert all(0 <= code.start <= code.end <= len(plain(text)) for code in codes)
    assert all(a.start <= b.start for a, b in itertools.pairwise(codes))


@given(st.lists(st.sampled_from("aˈb ,."), max_size=2000))
def test_long_texts_are_divided_without_loss(symbols: list[str]) -> None:
    codes = [Code(symbol, i, i) for i, symbol in enumerate(symbols)]
    parts = divided(codes)
    assert [code for part in parts for code in part] == codes
    assert all(0 < len(part) <= MAX_CODES for part in parts)


def test_speakers() -> None:
    ids = [voice.id for voice in named_voices()]
    assert ids[0] == "hibari:heart" and {voice.presents for voice in named_voices()} == {"woman", "man", "child"}
    speaker = speaker_of("hibari:heart?pitch=0.9&stretch=1.06")
    assert (speaker.pitch, speaker.stretch, speaker.hop) == (0.9, 1.06, 318)
    assert speaker_of("hibari:tenor?pitch=0.6").stretch == speaker_of("hibari:tenor").stretch
    assert variant("hibari:heart?pitch=0.97").presents == "woman"
    assert variant("hibari:heart?pitch=0.5").presents == ""


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        ("hibari:nobody", "no speaker 'nobody'; it has heart"),
        ("hibari:heart?pitch=9", f"pitch .* from {PITCH_RANGE[0]} to {PITCH_RANGE[1]}"),
        ("hibari:heart?stretch=0", f"stretch .* from {STRETCH_RANGE[0]} to {STRETCH_RANGE[1]}"),
        ("hibari:heart?pitch=nan", "pitch must be"),
        ("hibari:heart?pitch=", "pitch must be"),
        ("hibari:heart?pitch=1&pitch=1", "pitch must be given once"),
        ("hibari:heart?speed=2", "no parameter 'speed'"),
        ("hibari:heart?", "after \\?"),
        ("hibari:heart?pitch", "pitch must be"),
    ],
)
def test_bad_parameters_are_refused_with_their_limits(voice: str, message: str) -> None:
    with pytest.raises(InvalidField, match=message):
        variant(voice)


def spectra(frames: int, level: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = {name: rng.standard_normal((601, frames)).astype(np.float32) for name in SPECTRA}
    for name in ("lh", "ln", "lr"):
        made[name] += level
    return made


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=6), st.sampled_from([HOP, 264, 354]))
def test_pieces_are_the_samples_of_the_whole(ends: list[int], hop: int) -> None:
    f0 = np.where(np.arange(40) < 20, 200, 0).astype(np.float32)
    whole = Vocoder(spectra(40), f0, 0.9, hop).audio(40)
    vocoder = Vocoder(spectra(40), f0, 0.9, hop)
    pieces = [vocoder.audio(end) for end in [*sorted(ends), 40]]
    assert len(whole) == 40 * hop
    assert np.abs(np.concatenate(pieces) - whole).max() < 1e-4


@pytest.mark.parametrize(("pitch", "hop"), [(150.0, HOP), (150.0, 354), (240.0, 264)])
def test_a_speaker_has_the_pitch_asked_for_and_formants_where_the_tract_puts_them(pitch: float, hop: int) -> None:
    frames = 100
    flat = {name: np.full((601, frames), -20, np.float32) for name in SPECTRA} | {
        "theta": np.zeros((601, frames), np.float32), "phi": np.zeros((601, frames), np.float32),
    }  # fmt: skip
    bins = np.arange(601, dtype=np.float32)
    flat["lh"][:] = np.where(np.abs(bins - 60) < 12, 3, -3)[:, None]
    pcm = Vocoder(flat, np.full(frames, 200, np.float32), pitch / 200, hop).audio(frames)[hop * 20 : hop * 80]
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    hz = np.fft.rfftfreq(len(pcm), 1 / OUTPUT_RATE)
    centre = float((spectrum * hz).sum() / spectrum.sum())
    assert centre == pytest.approx(60 * 20 * HOP / hop, rel=0.1)
    harmonics = np.round(hz / pitch) * pitch
    near = np.abs(hz - harmonics) < 15
    assert spectrum[near].sum() / spectrum.sum() > 0.95


def test_a_new_harmonic_is_filtered_as_the_nearest_of_the_network() -> None:
    """A filter that is right only at the network's harmonics (200 Hz), and far too loud between them."""
    frames = 100
    flat = {name: np.full((601, frames), -20, np.float32) for name in SPECTRA}
    off = np.abs((np.arange(601) + 5) % 10 - 5)
    flat["lh"][:] = np.where(off <= 2, 0, 5)[:, None]
    flat["theta"][:] = 0
    levels = []
    for pitch in (1.0, 0.75):
        pcm = Vocoder(flat, np.full(frames, 200, np.float32), pitch).audio(frames)[HOP * 20 : HOP * 80]
        spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) / len(pcm)
        hz = np.fft.rfftfreq(len(pcm), 1 / OUTPUT_RATE)
        peaks = [spectrum[np.abs(hz - k * 200 * pitch) < 20].max() for k in range(2, 40)]
        levels.append(20 * np.log10(peaks))
    assert np.abs(levels[1] - levels[0].mean()).max() < 6
