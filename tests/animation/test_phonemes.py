"""Every symbol a voice can say has a mouth."""

from __future__ import annotations

import json
import string
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.animation.phonemes import SILENCE, VISEMES, articulations

_READ_TABLES = """
import json, struct, sys, espeakng_loader
from pathlib import Path
raw = (Path(espeakng_loader.get_data_path()) / "phontab").read_bytes()
tables, names, at = {}, [], 4
for _ in range(raw[0]):
    count, base = raw[at], raw[at + 1]
    name = raw[at + 4 : at + 36].split(b"\\0")[0].decode()
    at += 36
    rows = {}
    for _ in range(count):
        mnemonic = raw[at : at + 4].split(b"\\0")[0].decode("latin1")
        rows[raw[at + 10]] = (mnemonic, raw[at + 11])
        at += 16
    tables[name] = {**(tables[names[base - 1]] if base else {}), **rows}
    names.append(name)
json.dump({name: list(rows.values()) for name, rows in tables.items()}, sys.stdout)
"""
"""espeak's compiled phoneme tables: mnemonic and type of each phoneme of each language."""

PAUSE, STRESS, VOWEL, LIQUID, STOP, VOICED_STOP, FRICATIVE, VOICED_FRICATIVE, NASAL = range(9)


@pytest.fixture(scope="module")
def inventories() -> dict[str, list[tuple[str, int]]]:
    done = subprocess.run([sys.executable, "-c", _READ_TABLES], capture_output=True, check=True, text=True)
    return {name: [(m, t) for m, t in rows] for name, rows in json.loads(done.stdout).items()}


def visemes(symbol: str, language: str = "") -> list[str]:
    return [a.viseme for a in articulations(symbol, language)]


@pytest.mark.parametrize("language", ["en", "en-us", "en-rp", "en-sc", "cmn"])
def test_every_mnemonic_of_english_and_mandarin_has_the_gesture_of_its_class(
    inventories: dict[str, list[tuple[str, int]]], language: str
) -> None:
    for mnemonic, kind in inventories[language]:
        found = visemes(mnemonic)
        if kind == VOWEL and mnemonic not in ("l-", "m-", "n-", "N-", "r-"):
            assert set(found) & {"aa", "E", "ih", "oh", "ou", "RR"}, mnemonic
        elif kind in (LIQUID, STOP, VOICED_STOP, FRICATIVE, VOICED_FRICATIVE, NASAL) and mnemonic not in (";", "?"):
            assert found, mnemonic
            assert not set(found) & {"sil", "aa", "E"} or mnemonic == "#X1", mnemonic


def test_every_mnemonic_of_every_language_gives_something_drawable(
    inventories: dict[str, list[tuple[str, int]]],
) -> None:
    assert len(inventories) > 100
    for rows in inventories.values():
        for mnemonic, _ in rows:
            assert set(visemes(mnemonic)) <= set(VISEMES), mnemonic


ENGLISH_IPA = {
    "p": "PP", "b": "PP", "m": "PP", "f": "FF", "v": "FF", "θ": "TH", "ð": "TH", "t": "DD", "d": "DD", "ɾ": "nn",
    "s": "SS", "z": "SS", "ʃ": "CH", "ʒ": "CH", "tʃ": "CH", "dʒ": "CH", "k": "kk", "ɡ": "kk", "ŋ": "kk", "h": "kk",
    "n": "nn", "l": "nn", "ɹ": "RR", "w": "ou", "j": "ih", "iː": "ih", "i": "ih", "ɪ": "ih", "ᵻ": "ih", "ɛ": "E",
    "ə": "E", "ɜː": "E", "æ": "aa", "a": "aa", "ɑː": "aa", "ɐ": "aa", "ʌ": "aa", "ɔː": "oh", "ɔ": "oh", "ɒ": "oh",
    "uː": "ou", "u": "ou", "ʊ": "ou", "ɚ": "RR", "ʔ": "kk", "n̩": "nn", "əl": "E", "ɬ": "nn", "x": "kk",
}  # fmt: skip


@pytest.mark.parametrize(("symbol", "viseme"), ENGLISH_IPA.items())
def test_english_ipa(symbol: str, viseme: str) -> None:
    assert visemes(symbol)[0] == viseme


MANDARIN_IPA = {
    "p": ["PP"], "ph": ["PP"], "pʰ": ["PP"], "m": ["PP"], "f": ["FF"], "t": ["DD"], "th": ["DD"], "n": ["nn"],
    "l": ["nn"], "k": ["kk"], "kh": ["kk"], "χ": ["kk"], "ŋ": ["kk"], "tɕ": ["CH"], "tɕh": ["CH"], "tɕʰ": ["CH"],
    "ɕ": ["CH"], "ts.": ["CH"], "ts.h": ["CH"], "s.": ["CH"], "ʈʂ": ["CH"], "ʂ": ["CH"], "ʐ": ["CH"], "ts": ["SS"],
    "tsh": ["SS"], "s": ["SS"], "a": ["aa"], "ɑu2": ["aa", "ou"], "ai": ["aa", "ih"], "ei": ["E", "ih"], "i.": ["ih"],
    "i̪": ["ih"], "i5": ["ih"], "iɜ": ["ih"], "y": ["ou"], "uo": ["ou", "oh"], "ou": ["oh", "ou"], "ər": ["E", "RR"],
    "iɑu": ["ih", "aa", "ou"], "onɡ": ["oh", "kk"], "yɛ": ["ou", "E"], "5": [], "2": [],
}  # fmt: skip


@pytest.mark.parametrize(("symbol", "expected"), MANDARIN_IPA.items())
def test_mandarin_as_espeak_and_piper_write_it(symbol: str, expected: list[str]) -> None:
    assert visemes(symbol, "zh") == expected


def test_a_tone_letter_is_a_vowel_only_where_there_are_no_tones() -> None:
    assert visemes("ɜ", "zh") == [] and visemes("ɜ", "en") == ["E"]


@pytest.mark.parametrize("pair", [("tʃ", "tS"), ("aɪ", "aI"), ("ɑː", "A:"), ("t͡ʃ", "tʃ"), ("a‍ɪ", "aɪ"), ("ŋ", "N")])
def test_spellings_of_one_sound_agree(pair: tuple[str, str]) -> None:
    assert articulations(pair[0]) == articulations(pair[1])


@pytest.mark.parametrize("symbol", ["", " ", "_", "^", "$", ".", ",", "?", "!", "_:", "。", "||", "…"])
def test_pauses_are_silence(symbol: str) -> None:
    assert articulations(symbol) == SILENCE


@pytest.mark.parametrize("symbol", ["ː", "ˈ", "ˌ", "ʰ", "̃", "˥"])
def test_marks_alone_move_nothing(symbol: str) -> None:
    assert articulations(symbol) == ()


def test_diphthongs_rest_on_their_first_vowel() -> None:
    first, second = articulations("aʊ")
    assert (first.viseme, second.viseme) == ("aa", "ou")
    assert first.share > second.share


def test_front_rounded_vowels_round_the_lips() -> None:
    for symbol in ("y", "ø", "œ", "ʏ"):
        assert articulations(symbol)[0].viseme in ("ou", "oh")
    assert articulations("ø")[0].rounding > 0


@pytest.mark.parametrize(
    ("symbol", "viseme"), [("ƀ", "PP"), ("ᴀ", "aa"), ("ꜱ", "SS"), ("ǿ", "oh"), ("ṽ", "FF"), ("ɓ", "PP"), ("ß", "SS")]
)
def test_letters_in_no_table_fall_back_by_class(symbol: str, viseme: str) -> None:
    assert visemes(symbol)[0] == viseme


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=8))
def test_no_text_is_refused(symbol: str) -> None:
    for articulation in articulations(symbol):
        assert articulation.viseme in VISEMES
        assert 0 < articulation.share <= 1 and 0 <= articulation.rounding <= 1


def test_the_whole_ipa_chart_is_mapped_by_name() -> None:
    chart = [chr(c) for c in range(0x250, 0x2B0) if unicodedata.category(chr(c)) == "Ll"] + list(string.ascii_lowercase)
    unmapped = [glyph for glyph in chart if not articulations(glyph)]
    assert unmapped == []
