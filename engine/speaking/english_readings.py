"""English words that the lexicon reads wrongly: the letter a, which it takes for the article, and foreign names.

Pure. In: the tokens of a clause. Out: phonemes in misaki's alphabet for those it knows better.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

LETTER_A = "ˈA"

_BEFORE_LETTER = frozenset({"the", "an", "letter", "letters", "vowel", "variable", "vitamin"})
"""Words after which ``a`` cannot be the article."""

_AFTER_LETTER = frozenset({"is", "are", "be", "was", "of", "to", "and", "or", "than", "equals", "over", "sub", "has"})
"""Words before which ``a`` cannot be the article."""

_OPERATORS = {
    "plus": frozenset({"sign", "signs", "symbol", "point", "points"}),
    "minus": frozenset({"sign", "signs", "symbol", "point", "points"}),
    "times": frozenset({"table", "tables", "sign"}),
    "squared": frozenset({"number", "numbers", "term", "paper"}),
    "cubed": frozenset({"number", "numbers", "root", "term"}),
    "divided": frozenset({"line", "number", "country", "nation", "city"}),
}
"""Words before which ``a`` is a letter, unless one of these words follows."""

_BEFORE_LAST = frozenset({"plus", "minus", "times", "equals", "over", "and", "or", "by", "to", "than"})
"""Words after which an ``a`` with nothing behind it is a letter: text may be cut after an article."""

_STOPS = frozenset(".,;:?!)…")

_NAMES = {
    "achebe": "əʧˈAbA", "aryabhata": "ˌɑɹiəbˈɑtə", "beethoven": "bˈAtOvən", "bohr": "bˈɔɹ", "bolivar": "bəlˈivɑɹ",
    "borges": "bˈɔɹhAs", "brahe": "bɹˈɑhi", "bronte": "bɹˈɑnti", "camus": "kæmˈu", "cauchy": "kOʃˈi",
    "cezanne": "sAzˈæn", "chekhov": "ʧˈɛkɔf", "chopin": "ʃˈOpæn", "copernicus": "kəpˈɜɹnɪkəs",
    "debussy": "dˌɛbjusˈi", "degas": "dəɡˈɑ", "dirac": "dəɹˈæk", "dostoevsky": "dˌɔstəjˈɛfski",
    "dvorak": "dvˈɔɹʒɑk", "euler": "ˈYləɹ", "fermat": "fɛɹmˈɑ", "feynman": "fˈInmən", "foucault": "fukˈO",
    "fourier": "fˈʊɹiˌA", "fresnel": "fɹAnˈɛl", "galois": "ɡælwˈɑ", "gandhi": "ɡˈɑndi", "garcia": "ɡɑɹsˈiə",
    "genghis": "ʤˈɛŋɡɪs", "goethe": "ɡˈɜɹTə", "gogh": "ɡˈO", "haber": "hˈɑbəɹ", "hegel": "hˈAɡᵊl",
    "hernandez": "hɛɹnˈɑndɛz", "huygens": "hˈIɡənz", "jose": "hOzˈA", "juarez": "hwˈɑɹɛz",
    "khwarizmi": "kwɑɹˈɪzmi", "koch": "kˈOk", "kyiv": "kˈiv", "lagrange": "ləɡɹˈɑnʒ", "lamarck": "ləmˈɑɹk",
    "l'hopital": "lˌOpitˈɑl", "laozi": "lˈWdzə", "laplace": "ləplˈɑs", "lavoisier": "ləvwˈɑziˌA", "leibniz": "lˈIbnɪts",
    "linnaeus": "lɪnˈiəs", "lodz": "wˈuʤ", "lussac": "lusˈæk", "manet": "mænˈA", "maria": "məɹˈiə",
    "marquez": "mˈɑɹkɛs", "mendeleev": "mˌɛndəlˈAəf", "monet": "mOnˈA", "montesquieu": "mˌɑntəskjˈu",
    "mozart": "mˈOtsɑɹt", "muller": "mjˈuləɹ", "nguyen": "wˈɪn", "noether": "nˈɜɹTəɹ", "oppenheimer": "ˈɑpənhˌIməɹ",
    "pauli": "pˈWli", "poincare": "pwˌæŋkɑɹˈA", "proust": "pɹˈust", "ramanujan": "ɹəmˈɑnʊʤən",
    "robespierre": "ɹˈObzpjɛɹ", "rodriguez": "ɹɑdɹˈiɡɛz", "rontgen": "ɹˈɛntɡən", "rousseau": "ɹusˈO",
    "sartre": "sˈɑɹtɹə", "tchaikovsky": "ʧIkˈɔfski", "wegener": "vˈAɡənəɹ", "xi'an": "ʃˈiˌɑn",
    "yosemite": "jOsˈɛməTi", "zheng": "ʤˈʌŋ", "zhuangzi": "ʤwˈɑŋdzə", "zurich": "zˈʊɹɪk",
}  # fmt: skip
"""Names of school books as American dictionaries give them, by their unaccented spelling. Only those that the lexicon
and its network for unknown words get wrong."""


def reading(words: Sequence[str], at: int) -> str | None:
    """The phonemes of a token that the lexicon would read wrongly.

    Args:
        words: the tokens of a clause: words and punctuation marks.
        at: index of the token.

    Returns:
        Phonemes in misaki's alphabet; None if the lexicon knows better.
    """
    word = words[at]
    if word in ("a", "A"):
        return LETTER_A if _is_letter(words, at) else None
    if word in ("'s", "’s") and at:
        return _possessive(_name(words[at - 1]))
    return _name(word)


def _name(word: str) -> str | None:
    """The phonemes of a name; with its stop, where the tokenizer took that for a part of it."""
    if not word[:1].isupper():
        return None
    stop = "." if word.endswith(".") else ""
    known = _NAMES.get(_unaccented(word.removesuffix(".")))
    return known and known + stop


def _possessive(name: str | None) -> str | None:
    """The ending of ``name's``; None if that is no name known here."""
    if name is None:
        return None
    return "ᵻz" if name[-1] in "szʃʒʧʤ" else "s" if name[-1] in "ptkfθ" else "z"


def _is_letter(words: Sequence[str], at: int) -> bool:
    """Whether ``a`` stands for itself, as in "a squared" or "plan A"."""
    before = words[at - 1] if at else ""
    after, following = [*words[at + 1 : at + 3], "", ""][:2]
    if before.lower() in _BEFORE_LETTER or (after and after in _STOPS):
        return True
    if len(before) == 1 and before.isalpha() and before != "I":
        return True
    if not after:
        return not before or before in _BEFORE_LAST or (words[at] == "A" and before.islower())
    if after in _OPERATORS:
        return bool(following) and following not in _STOPS and following not in _OPERATORS[after]
    if after in _AFTER_LETTER:
        return following != "-"
    after = after.removesuffix(".")
    if len(after) == 1 and after.isalpha():
        # "a b", "A M", but "a C major chord" and "You got a B".
        return after.islower() if words[at] == "a" else after.isupper() and (before.isalpha() or not following)
    return words[at] == "A" and before.isalpha() and after.islower()


def _unaccented(word: str) -> str:
    spread = unicodedata.normalize("NFD", word.replace("’", "'").replace("ł", "l").replace("Ł", "l"))
    return "".join(letter for letter in spread if not unicodedata.combining(letter)).lower()
