"""Mandarin in the phonemes that Kokoro was trained on."""

from __future__ import annotations

import pytest

pytest.importorskip("rjieba", reason="Mandarin phonemes come with make kokoro")
pytest.importorskip("pypinyin", reason="Mandarin phonemes come with make kokoro")

from engine.speaking.mandarin import syllable, syllables, words


@pytest.mark.parametrize(
    ("pinyin", "ipa"),
    [
        ("guang1", "kwa→ŋ"), ("he2", "xɤ↗"), ("zuo4", "ʦwo↘"), ("yong4", "jʊ↘ŋ"), ("shi4", "ʂɨ↘"), ("zi5", "ʦɨ"),
        ("zhong1", "ꭧʊ→ŋ"), ("nv3", "ny↓"), ("lve4", "lɥe↘"), ("xu1", "ɕy→"), ("quan2", "ʨʰɥɛ↗n"), ("yun4", "y↘n"),
        ("jiu3", "ʨjou↓"), ("gui4", "kwei↘"), ("lun2", "lwə↗n"), ("er2", "ɚ↗"), ("wo3", "wo↓"), ("bo1", "pwo→"),
        ("ma5", "ma"), ("", ""), ("xyz1", ""), (" ", ""),
    ],
)  # fmt: skip
def test_a_syllable_is_initial_final_and_tone(pinyin: str, ipa: str) -> None:
    assert syllable(pinyin) == ipa


def test_every_reading_that_pypinyin_knows_has_phonemes() -> None:
    from pypinyin.contrib.tone_convert import to_tone3
    from pypinyin.pinyin_dict import pinyin_dict

    readings = {
        to_tone3(reading, neutral_tone_with_five=True) for many in pinyin_dict.values() for reading in many.split(",")
    }
    silent = {reading for reading in readings if not syllable(reading)}
    assert len(readings) > 1500
    assert silent <= {"wong4"}, "Cantonese only"


def test_a_character_is_read_as_its_word_wants() -> None:
    assert syllables("银行") == ["i↗n", "xa↗ŋ"]
    assert syllables("行走") == ["ɕi↗ŋ", "ʦou↓"]


def test_tones_change_beside_others() -> None:
    assert syllables("你好") == ["ni↗", "xau↓"]
    assert syllables("不要") == ["pu↗", "jau↘"]
    assert syllables("一个") == ["i↗", "kɤ↘"]


def test_there_is_a_syllable_for_every_character_whatever_they_are() -> None:
    for text in ("光合作用", "㐀㐀", "一" * 500, "𠀀好"):
        assert len(syllables(text)) == len(text)


def test_words_are_found_with_their_places() -> None:
    assert list(words("光合作用是植物")) == [("光合作用", 0), ("是", 4), ("植物", 5)]
