"""What the words themselves say about a user turn: is it finished, is it a backchannel, is it the same as another.

Pure functions of text. Text in Latin script is split into words, Chinese, Japanese and Korean into characters, so that
all measures work on both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from engine.recognition.hallucinations import INVENTED
from engine.text.scripts import HANGUL, UNSPACED
from engine.turn_taking.word_lists import (
    BACKCHANNEL_PHRASES,
    BACKCHANNELS,
    CJK_ASKING,
    CJK_QUESTION,
    CJK_UNFINISHED,
    ENGLISH_ASKING,
    ENGLISH_AUXILIARIES,
    ENGLISH_BEFORE_OF,
    ENGLISH_BEFORE_POINTERS,
    ENGLISH_HELPERS,
    ENGLISH_POINTERS,
    ENGLISH_SUBJECTS,
    FILLERS,
    FLOOR_TAKERS,
    NEVER_LAST,
    OPENERS,
    SELDOM_LAST,
)

_CJK = re.compile(f"[{UNSPACED}{HANGUL}]")
_TOKEN = re.compile(rf"[{UNSPACED}{HANGUL}]|[^\W_]+(?:['’][^\W_]+)*")


def tokens(text: str) -> list[str]:
    """Words in lower case, or characters of CJK text, without punctuation."""
    return [t.replace("’", "'") for t in _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())]


def without_fillers(text: str) -> list[str]:
    """``tokens`` without ``FILLERS``."""
    return [token for token in tokens(text) if token not in FILLERS]


def equivalent(one: str, other: str) -> bool:
    """Whether both say the same, apart from case, punctuation, spacing and fillers."""
    return without_fillers(one) == without_fillers(other)


def content(text: str) -> list[str]:
    """Tokens that ask for the floor: without fillers, backchannels and what Whisper invents on noise."""
    said, words = tokens(text), without_fillers(text)
    if _invented(words) or _invented(said) or not _after_backchannels(said):
        return []
    return [word for word in words if word not in BACKCHANNELS]


def is_backchannel(text: str) -> bool:
    """Whether something was said and all of it only means *go on*."""
    said = tokens(text)
    return bool(said) and not content(text) and (not _invented(said) or set(said) <= BACKCHANNELS)


def takes_floor(text: str) -> bool:
    """Whether it begins like an interruption (``FLOOR_TAKERS``)."""
    words = without_fillers(text)
    return bool(words) and words[0] in FLOOR_TAKERS


def _after_backchannels(words: list[str]) -> list[str]:
    """What is left after the backchannels and fillers that ``words`` begin with: *why* of *okay, I see, but why*."""
    rest = words
    while rest:
        if rest[0] in BACKCHANNELS or rest[0] in FILLERS:
            rest = rest[1:]
        elif phrase := next((n for n in range(min(4, len(rest)), 1, -1) if _is_phrase(rest[:n])), 0):
            rest = rest[phrase:]
        else:
            break
    return rest


def _is_phrase(words: list[str]) -> bool:
    return bool({" ".join(words), "".join(words)} & BACKCHANNEL_PHRASES)


def _invented(words: Sequence[str]) -> bool:
    return "".join(words).replace("'", "") in INVENTED


def may_become_backchannel(text: str) -> bool:
    """Whether this partial transcript may be the beginning of a backchannel: *oh I* of *oh, I see*."""
    rest = _after_backchannels(tokens(text))
    return any(phrase.startswith((" ".join(rest), "".join(rest))) for phrase in BACKCHANNEL_PHRASES)


def echo_share(heard: str, spoken: str) -> float:
    """The part of ``heard`` that occurs, in the same order, in what the tutor has last ``spoken``: 0..1."""
    said = tokens(heard)
    if not said:
        return 0.0
    recent = tokens(spoken)[-max(12, 6 * len(said)) :]
    return _common_in_order(said, recent) / len(said)


def added_words(before: str, whole: str) -> str:
    """The words of ``whole`` from the first one that differs from ``before``; empty if ``whole`` is not longer.

    >>> added_words("What makes me?", "What makes the tide rise?")
    'the tide rise'
    """
    one, other = tokens(before), tokens(whole)
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return " ".join(other[same:]) if len(other) > len(one) else ""


def asks(text: str) -> bool:
    """Whether it was recognised as a question."""
    stripped = _bare(text)
    words = tokens(stripped)
    if stripped.endswith("?") or not words or not _CJK.match(words[-1]):
        return stripped.endswith("?")
    whole = "".join(words)
    return whole.endswith(CJK_QUESTION) or (stripped.endswith("。") and any(word in whole for word in CJK_ASKING))


def tutor_asks(spoken: str) -> bool:
    """Whether the last thing the tutor has ``spoken`` is a question."""
    return _bare(spoken).endswith("?")


def trails_off(text: str) -> bool:
    """Whether the recognizer heard more coming: a comma, a dash, dots."""
    return _bare(text).endswith(("...", "…", ",", "、", "-", "–", "—", ":", ";"))


def breaks_off(text: str, language: str = "en") -> bool:
    """Whether the sentence needs another word after the last one, or another clause.

    Args:
        text: the transcript.
        language: ISO 639-1; selects the word lists for Latin script. CJK is recognised by its characters.
    """
    stripped = _bare(text)
    words = tokens(stripped)
    if not words:
        return False
    if _CJK.match(words[-1]):
        return not stripped.endswith(("。", "？", "?", ".")) and "".join(words).endswith(CJK_UNFINISHED)
    question = stripped.endswith("?")
    if words[-1] in NEVER_LAST.get(language, ()):
        return True
    if language == "en" and len(words) > 1 and _english_breaks_off(words, question):
        return True
    if question:
        return False
    opened = words[0] in OPENERS.get(language, ()) and "," not in stripped
    return opened or words[-1] in SELDOM_LAST.get(language, ())


def _english_breaks_off(words: Sequence[str], question: bool) -> bool:
    """Whether an English sentence stops before what its last words need; recognizers still write ``?`` or ``.``."""
    last, before = words[-1], words[-2]
    if len(words) > 2 and last in ENGLISH_SUBJECTS and before in ENGLISH_HELPERS and words[-3] in ENGLISH_ASKING:
        return True
    if last in ENGLISH_AUXILIARIES:
        if question and words[0] in ENGLISH_ASKING and ENGLISH_AUXILIARIES & set(words[:-2]):
            return False  # it is the main verb: *how many legs does it have?*
        return before not in ENGLISH_SUBJECTS or len(words) == 2
    if before == "how" and last in ("many", "much"):
        return True
    if last in ENGLISH_POINTERS:
        return before not in ENGLISH_BEFORE_POINTERS
    if last == "of":
        return before not in ENGLISH_BEFORE_OF
    if last in SELDOM_LAST["en"]:
        return not (question and words[0] in ENGLISH_ASKING and last not in ENGLISH_ASKING)
    return False


def _bare(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().rstrip("\"'”’)」』")


def _common_in_order(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for token in one:
        diagonal = 0
        for column, candidate in enumerate(other, 1):
            above = row[column]
            row[column] = diagonal + 1 if token == candidate else max(above, row[column - 1])
            diagonal = above
    return row[-1]
