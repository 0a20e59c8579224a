"""The language of a short text."""

from __future__ import annotations

import pytest

from engine.text.language import detect_language
from engine.text.language_runs import MAX_RUNS, language_runs


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
        ("Let y be 6.", "en", "en"),
        ("y = mx + b", "en", "en"),
        ("El Niño warms…", "en", "en"),
        ("El Niño warms the Pacific Ocean.", "en", "en"),
        ("Miguel de Cervantes wrote Don Quixote.", "en", "en"),
        ("Ludwig van Beethoven", "en", "en"),
        ("et cetera", "en", "en"),
        ("Plus or minus 3.", "en", "en"),
        ("Can you die?", "en", "en"),
        ("Hola, amigo.", "en", "es"),
        ("Bonjour!", "en", "fr"),
        ("Guten Tag!", "en", "de"),
        ("Thanks!", "es", "en"),
        ("El perro come carne.", "en", "es"),
        ("Dziękuję bardzo, to jest dobre.", "en", "pl"),
    ],
)
def test_detects(text: str, expected: str, found: str) -> None:
    assert detect_language(text, expected) == found


def test_among_limits_the_answer() -> None:
    assert detect_language("Warum ist der Himmel blau?", "en", among=("zh",)) == "en"
    assert detect_language("你好", "en", among=("zh",)) == "zh"


@pytest.mark.parametrize(
    ("text", "language", "runs"),
    [
        ("The word 你好 means hello.", "en", [("The word ", "en"), ("你好", "zh"), (" means hello.", "en")]),
        ("你好！ means hello", "en", [("你好！", "zh"), (" means hello", "en")]),
        ("Привет means hi", "en", [("Привет", "ru"), (" means hi", "en")]),
        ("The letter π is Greek.", "en", [("The letter π is Greek.", "en")]),
        ("单词 apple 的意思是苹果。", "zh", [("单词 ", "zh"), ("apple", "en"), (" 的意思是苹果。", "zh")]),
        ("DNA和x=5以及km", "zh", [("DNA和x=5以及km", "zh")]),
        ("日本語の漢字", "ja", [("日本語の漢字", "ja")]),
        ("$中$ is 5", "en", [("$中$ is 5", "en")]),
        ("plain text", "en", [("plain text", "en")]),
    ],
)
def test_each_script_gets_a_voice_of_its_language(text: str, language: str, runs: list[tuple[str, str]]) -> None:
    assert language_runs(text, language) == runs


def test_runs_join_to_the_text_and_are_few() -> None:
    text = "a 你 b " * 50
    runs = language_runs(text, "en")
    assert "".join(piece for piece, _ in runs) == text
    assert len(runs) <= MAX_RUNS + 1
