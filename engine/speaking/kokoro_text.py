"""Text to the phonemes that Kokoro reads, by language: English, Mandarin (with English in it), and those of espeak-ng.

In: text whose numbers, units and formulas are words already. Out: phonemes in misaki's alphabet, each with the stretch
of text it was made for. Blocking (a millisecond or two a clause). Thread safe.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from engine.speaking.espeak_library import library
from engine.speaking.hibari_text import EnglishPhonemes, english_phonemes, plain
from engine.speaking.ipa import PAUSES, SPACE, is_letter
from engine.speaking.kokoro_voices import Speaker
from engine.speaking.misaki import Code
from engine.text.number_words import digits_in_words
from engine.text.scripts import HAN

_PUNCTUATION = str.maketrans(
    {
        "、": ",", "，": ",", "。": ".", "．": ".", "！": "!", "：": ":", "；": ";", "？": "?", "।": ".",
        "《": "“", "》": "”", "「": "“", "」": "”", "『": "“", "』": "”", "【": "“", "】": "”", "«": "“", "»": "”",
        "（": "(", "）": ")", "–": "—",
    }
)  # fmt: skip

_PIECES = re.compile(
    rf"(?P<han>[{HAN}]+)|(?P<latin>[A-Za-zÀ-ɏ]+(?:[ '’-]+[A-Za-zÀ-ɏ]+)*)|(?P<digits>[0-9]+)|(?P<other>\S)"
)

_ESPEAK_LETTERS = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "^": "", "-": "",
}  # fmt: skip
"""espeak-ng's IPA in misaki's letters (``misaki/espeak.py``); ``^`` ties the letters of one phoneme."""

_OPENING = frozenset("《「『【（(“")
_SWITCH = re.compile(r"\([a-z-]+\)")
_CHUNKS = re.compile(r"[^;:,.!?¡¿—…\"“”()]+|[;:,.!?¡¿—…\"“”()]")
_MANDARIN_PACKAGES = ("rjieba", "pypinyin")


def speakable_languages() -> frozenset[str]:
    """The languages whose text can be turned into phonemes with what is installed."""
    mandarin = all(importlib.util.find_spec(package) for package in _MANDARIN_PACKAGES)
    return frozenset({"en", "es", "fr", "hi", "it", "pt"} | ({"zh"} if mandarin else set()))


class KokoroPhonemes:
    """The text-to-phoneme steps of all languages.

    Raises:
        ModelMissing: data files are missing or damaged.
    """

    def __init__(self) -> None:
        self._american = english_phonemes()
        self._espeak = {voice.tag: voice.file for voice in library().voices()}
        if "zh" in speakable_languages():
            # Its dictionaries take 0.3 s to load, which must not be in the middle of a reply.
            _mandarin("你好", self._american)

    @cached_property
    def _british(self) -> EnglishPhonemes:
        return english_phonemes(british=True)

    def codes(self, text: str, language: str, speaker: Speaker) -> list[Code]:
        """The phonemes of a text, a single space between words; empty if nothing in it can be pronounced.

        Args:
            text: from ``plain``.
            language: of the text, ISO 639-1.
            speaker: who is to say it.
        """
        english = self._british if speaker.british else self._american
        if language == "zh":
            codes = _mandarin(text, english)
        elif speaker.espeak and language == speaker.voice.language:
            codes = _by_espeak(text, self._espeak[speaker.espeak])
        else:
            codes = english.codes(text)
        known = self._american.alphabet
        codes = _tidy(code for code in codes if code.symbol in known)
        return codes if any(is_letter(code.symbol) for code in codes) else []

    def ids(self, codes: Sequence[Code]) -> list[int]:
        """What the network reads for these codes: one id each, framed by two pads."""
        return self._american.ids(codes)


def _mandarin(text: str, english: EnglishPhonemes) -> list[Code]:
    """Mandarin, with English phonemes for the Latin letters in it."""
    from engine.speaking.mandarin import syllables, words

    codes: list[Code] = []
    for piece in _PIECES.finditer(text):
        at = piece.start()
        if piece["other"]:
            if piece["other"] in _OPENING:
                _space(codes)
            codes += [Code(symbol, at, piece.end()) for symbol in piece["other"].translate(_PUNCTUATION)]
            continue
        _space(codes)
        if piece["latin"]:
            codes += [Code(c.symbol, c.start + at, c.end + at) for c in english.codes(plain(piece["latin"]))]
        elif piece["digits"]:
            read = "".join(syllables(digits_in_words(piece["digits"], chinese=True)))
            codes += [Code(symbol, at, piece.end()) for symbol in read]
        else:
            for word, begin in words(piece["han"]):
                _space(codes)
                for i, syllable in enumerate(syllables(word), at + begin):
                    codes += [Code(symbol, i, i + 1) for symbol in syllable]
    return codes


def _by_espeak(text: str, voice: str) -> list[Code]:
    """Any language of espeak-ng, phrase by phrase. Words share the sounds where espeak-ng joins or splits some."""
    codes: list[Code] = []
    for chunk in _CHUNKS.finditer(text.translate(_PUNCTUATION)):
        words = [
            (match.start() + chunk.start(), match.end() + chunk.start()) for match in re.finditer(r"\S+", chunk[0])
        ]
        if chunk[0] in PAUSES:
            codes.append(Code(chunk[0], chunk.start(), chunk.end()))
            continue
        said = _SWITCH.sub("", library().phonemes(chunk[0], voice))
        for ipa, letter in _ESPEAK_LETTERS.items():
            said = said.replace(ipa, letter)
        groups = said.split()
        for i, group in enumerate(groups):
            start, end = words[i * len(words) // len(groups)] if words else (chunk.start(), chunk.end())
            _space(codes)
            codes += [Code(symbol, start, end) for symbol in group]
    return codes


def _space(codes: list[Code]) -> None:
    """Appends a space, unless there is nothing before it or an opening mark."""
    if codes and codes[-1].symbol not in (SPACE, "“", "("):
        codes.append(Code(SPACE, codes[-1].start, codes[-1].start))


def _tidy(codes: Iterable[Code]) -> list[Code]:
    """Single spaces, none at the ends or before a pause."""
    tidy: list[Code] = []
    for code in codes:
        while tidy and tidy[-1].symbol == SPACE and (code.symbol == SPACE or code.symbol in ",.;:!?…”)"):
            tidy.pop()
        if tidy or code.symbol != SPACE:
            tidy.append(code)
    while tidy and tidy[-1].symbol == SPACE:
        tidy.pop()
    return tidy
