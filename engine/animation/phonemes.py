"""From a phoneme symbol to what the lips do: a tuple of ``Articulation``.

In: one symbol of any espeak-ng or Piper voice, in IPA (``tʃ``, ``aɪ``, ``ɑː``; one
code point or several) or in espeak's own ASCII mnemonics (``tS``, ``aI``, ``A:``, ``ts.h``).
Out: the visemes it passes through: usually one, two for a diphthong, none for a mark that
only modifies (length, stress, tone). Pure functions over tables; safe from any thread.

The fifteen visemes are those of Oculus Lipsync ("Viseme Reference"), which most face rigs support. Openness, rounding
and strength are judgements.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
)  # fmt: skip
"""Names of the visemes, in the order of every table."""

VOWELS = frozenset(("aa", "E", "ih", "oh", "ou"))
TONAL = frozenset(("zh", "cmn", "yue", "hak", "vi", "my", "shn", "th"))
"""Languages whose voices write tones as digits, or as letters that are vowels in other languages."""


@dataclass(frozen=True, slots=True)
class Articulation:
    """One position the mouth passes through during a phoneme."""

    viseme: str
    openness: float = 1.0
    """Factor on the viseme's jaw opening, about 0.5 to 1.1."""

    rounding: float = 0.0
    """Lip rounding beyond the viseme's own, 0..1 (front rounded vowels)."""

    strength: float = 1.0
    """How firmly a closure closes, 0..1: 1 for p b m and f v, less for β and ʋ."""

    share: float = 1.0
    """Share of the phoneme's time, relative to the other articulations of the symbol."""

    sustained: bool = False
    """The lips stay closed until the end (m), instead of bursting open before it (p, b)."""

    @property
    def is_vowel(self) -> bool:
        return self.viseme in VOWELS


SILENCE = (Articulation("sil"),)

_CONSONANTS: dict[str, str] = {
    "PP": "pbmʙɓʘƥ",
    "FF": "fvɱⱱ",
    "TH": "θð",
    "DD": "tdʈɖɗᶑǀǃǂ",
    "kk": "kɡgqɢxɣχʁħʕʔŋɴhɦɧçʝʀcɟɠʛʄɰʜʢʡ",
    "CH": "ʃʒɕʑʂʐ",
    "SS": "sz",
    "nn": "nɲɳlʎɭɫʟɬɮɾɺǁȵ",
    "RR": "ɹɻɽr",
    "ou": "wʍɥ",
    "ih": "j",
}

_VOWELS: dict[str, tuple[str, float, float]] = {
    # glyph: viseme, openness of its jaw, extra rounding
    "i": ("ih", 0.75, 0.0), "ɪ": ("ih", 1.1, 0.0), "ɨ": ("ih", 0.95, 0.0), "ɯ": ("ih", 0.85, 0.0),
    "ᵻ": ("ih", 1.05, 0.0), "ɿ": ("ih", 0.7, 0.0), "ʅ": ("ih", 0.7, 0.2),
    "y": ("ou", 0.8, 0.0), "ʏ": ("ou", 1.1, 0.0), "ʉ": ("ou", 0.9, 0.0), "u": ("ou", 0.8, 0.0),
    "ʊ": ("ou", 1.2, 0.0), "ᵿ": ("ou", 1.1, 0.0),
    "e": ("E", 0.8, 0.0), "ɛ": ("E", 1.1, 0.0), "ə": ("E", 0.75, 0.0), "ɘ": ("E", 0.75, 0.0),
    "ɜ": ("E", 0.9, 0.0), "ɤ": ("E", 0.85, 0.0), "ᴇ": ("E", 0.95, 0.0),
    "ø": ("oh", 0.75, 0.3), "œ": ("oh", 1.0, 0.1), "ɵ": ("oh", 0.8, 0.2), "ɞ": ("oh", 1.0, 0.0),
    "o": ("oh", 0.8, 0.2), "ɔ": ("oh", 1.05, 0.0), "ɒ": ("oh", 1.25, 0.0), "ɶ": ("oh", 1.3, 0.0),
    "æ": ("aa", 0.95, 0.0), "a": ("aa", 1.0, 0.0), "ɑ": ("aa", 1.0, 0.0), "ɐ": ("aa", 0.75, 0.0),
    "ʌ": ("aa", 0.75, 0.0),
    "ɚ": ("RR", 1.2, 0.0), "ɝ": ("RR", 1.4, 0.0),
}  # fmt: skip

_ASCII: dict[str, str] = {
    "A": "ɑ", "B": "β", "C": "ç", "D": "ð", "E": "ɛ", "G": "ɢ", "H": "ħ", "I": "ɪ", "J": "ɟ", "K": "k",
    "L": "ɫ", "M": "ɱ", "N": "ŋ", "O": "ɔ", "P": "ɸ", "Q": "ɣ", "R": "ɹ", "S": "ʃ", "T": "θ", "U": "ʊ",
    "V": "ʌ", "W": "ʍ", "X": "χ", "Y": "ʏ", "Z": "ʒ", "@": "ə", "&": "æ", "*": "ɾ", "0": "ɒ", "3": "ɜ",
}  # fmt: skip
"""espeak mnemonics that are not IPA letters already."""

_CLUSTERS: dict[str, str] = {
    "tʃ": "ʃ", "dʒ": "ʒ", "tɕ": "ɕ", "dʑ": "ʑ", "tʂ": "ʂ", "ʈʂ": "ʂ", "dʐ": "ʐ", "ɖʐ": "ʐ", "tS": "ʃ", "dZ": "ʒ",
    "cç": "ɕ", "ɟʝ": "ʑ", "ts": "s", "dz": "z", "pf": "f", "bv": "v", "kp": "p", "ɡb": "b", "ŋm": "m", "nm": "m",
    "tɬ": "ɬ", "dɮ": "ɮ", "ts.": "ʂ", "dz.": "ʐ", "s.": "ʂ", "z.": "ʐ", "r.": "ʐ", "S;": "ɕ", "Z;": "ʑ",
    "tS;": "ɕ", "dZ;": "ʑ", "s;": "ɕ", "z;": "ʑ", "w#": "ʍ", "i.": "ʅ", "i[": "ɿ", "t#": "ɾ", "R2": "ɹ", "R3": "ɹ",
    "VR": "ɝ", "IR": "ɝ", "3:": "ɜ", "aa": "æ", "A@": "ɑə", "O@": "ɔə", "@L": "əl", "ng": "ŋ", "nɡ": "ŋ",
    "_!": "", "'!": "",
}  # fmt: skip
"""Sequences that are one gesture of the lips, or do not mean what their letters do."""

_LONGEST = max(map(len, _CLUSTERS))
_PAUSES = frozenset(" _^$.,;:!?¿¡…—–-|‖。，、；：！？\"'()[]{}«»“”‘’\n\t")
"""On their own these are pauses (Piper gives punctuation and its marks ``^ $ _`` as phonemes)."""

_MARKS = frozenset("ˈˌːˑ‿.,:;'\"=%~^[]/|-_!?`# 12456789()<>{}\\ʰʱʲʷˠˤⁿˡ˞˚ʼ˥˦˧˨˩↓↑↗↘→ꜛꜜ")


def _consonant(glyph: str) -> Articulation | None:
    if glyph in ("ɸ", "β"):
        return Articulation("PP", strength=0.6, sustained=True)
    if glyph == "ʋ":
        return Articulation("FF", strength=0.6)
    for viseme, glyphs in _CONSONANTS.items():
        if glyph in glyphs:
            return Articulation(viseme, sustained=glyph == "m", openness=0.7 if glyph == "j" else 1.0)
    return None


def _articulate(glyph: str) -> Articulation | None:
    """One letter: by table, or by its base letter and the class in its Unicode name."""
    glyph = _ASCII.get(glyph, glyph)
    if glyph in _VOWELS:
        viseme, openness, rounding = _VOWELS[glyph]
        return Articulation(viseme, openness=openness, rounding=rounding)
    found = _consonant(glyph)
    if found is not None or not glyph.isalpha():
        return found
    return _by_class(glyph)


def _by_class(glyph: str) -> Articulation:
    """A letter in no table: the gesture of its base letter, or a consonant of the tongue alone."""
    words = unicodedata.name(glyph, "").split(" WITH ")[0].split()
    letter = words[-1].lower() if words and words[0] in ("LATIN", "MODIFIER") else ""
    if len(letter) == 2 and letter[0] in "aeo" and letter[1] in "aeo":
        letter = {"ae": "æ", "oe": "œ"}.get(letter, letter[0])
    if letter == "schwa":
        letter = "ə"
    if len(letter) == 1 and letter != glyph:
        return _articulate(letter) or Articulation("kk")
    return Articulation("kk")


def _letters(symbol: str) -> list[str]:
    """Split into letters, longest clusters first; marks, tones and aspiration are left out."""
    letters: list[str] = []
    at = 0
    while at < len(symbol):
        for size in range(min(_LONGEST, len(symbol) - at), 1, -1):
            cluster = _CLUSTERS.get(symbol[at : at + size])
            if cluster is not None:
                letters.extend(cluster)
                at += size
                break
        else:
            glyph = symbol[at]
            at += 1
            after_vowel = bool(letters) and letters[-1] in _VOWELS
            aspiration = glyph == "h" and bool(letters) and not after_vowel
            tone = (glyph == "ɜ" and after_vowel) or (glyph in "30" and bool(letters))
            if not (aspiration or tone or glyph in _MARKS or unicodedata.combining(glyph)):
                letters.append(_ASCII.get(glyph, glyph))
    return letters


@lru_cache(maxsize=4096)
def articulations(symbol: str, language: str = "") -> tuple[Articulation, ...]:
    """What the mouth does for one phoneme symbol.

    Args:
        symbol: IPA or an espeak mnemonic; the empty symbol is silence.
        language: ISO 639-1 code of the clause, which tells tone letters from vowels.

    Returns:
        One articulation; two or three for a diphthong or triphthong; none when the symbol
        only modifies its neighbours (``ː``, a tone). Unknown letters fall back to the
        gesture of their class, so nothing is ever refused.
    """
    symbol = unicodedata.normalize("NFD", symbol.replace("\u0361", "").replace("\u200d", "").replace("\u035c", ""))
    symbol = symbol.replace("c\u0327", "ç")
    if not symbol or all(glyph in _PAUSES for glyph in symbol):
        return SILENCE
    if symbol[0] == "_" or symbol == "||":
        return SILENCE
    if language in TONAL and symbol in ("ɜ", "3"):
        return ()
    found = [a for a in map(_articulate, _letters(symbol)) if a is not None]
    return _shares(tuple(found))


def _shares(found: tuple[Articulation, ...]) -> tuple[Articulation, ...]:
    """Divide a vowel's time: a diphthong rests on its first vowel and glides to the last."""
    vowels = sum(a.is_vowel for a in found)
    if len(found) < 2 or vowels != len(found):
        return found
    weights = (0.6, 0.4) if len(found) == 2 else (0.25, 0.5) + (0.25,) * (len(found) - 2)
    return tuple(replace(a, share=w) for a, w in zip(found, weights, strict=True))
