"""The language of a short text."""

from __future__ import annotations

import pytest

from engine.text.language import detect_language


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("你好", "en", "zh"),
        ("The word 你好 means hello.", "en", "en"),
        ("こんにちは、元気ですか", "en", "ja"),
        ("漢字", "ja", "ja"),
        ("안녕하세요", "en", "ko"),
        ("Привет, как дела?", "en", "ru"),
        ("Привіт", "uk", "uk"),
        ("مرحبا", "en", "ar"),
        ("¿Cómo estás hoy?", "en", "es"),
        ("Pourquoi le ciel est-il bleu ?", "en", "fr"),
        ("Warum ist der Himmel blau?", "en", "de"),
        ("Why is the sky blue?", "zh", "en"),
        ("Sure,", "en", "en"),
        ("DNA", "de", "de"),
        ("42 + 3", "fr", "fr"),
        ("", "en", "en"),
    ],
)
def test_detects(text: str, expected: str, found: str) -> None:
    assert detect_language(text, expected) == found


def test_among_limits_the_answer() -> None:
    assert detect_language("Warum ist der Himmel blau?", "en", among=("zh",)) == "en"
    assert detect_language("你好", "en", among=("zh",)) == "zh"
