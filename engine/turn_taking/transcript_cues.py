"""What the words themselves say about a user turn: is it finished, is it a backchannel, is it the same as another.

Pure functions of text. Text in Latin script is split into words, Chinese, Japanese and Korean into characters, so that
all measures work on both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum

from engine.recognition.hallucinations import INVENTED
from engine.text.scripts import HANGUL, UNSPACED
from engine.turn_taking.word_lists import (
    BACKCHANNEL_PHRASES,
    BACKCHANNELS,
    CJK_ASKING,
    CJK_FINISHED,
    CJK_QUESTION,
    CJK_UNFINISHED,
    ENGLISH_ARTICLES,
    ENGLISH_ASKING,
    ENGLISH_AUXILIARIES,
    ENGLISH_BEFORE_OF,
    ENGLISH_BEFORE_POINTERS,
    ENGLISH_HELPERS,
    ENGLISH_POINTERS,
    ENGLISH_RELATIONS,
    ENGLISH_REQUESTS,
    ENGLISH_SUBJECTS,
    ENGLISH_TOPIC,
    FILLERS,
    FLOOR_TAKERS,
    NEVER_LAST,
    OPENERS,
    OVERTURES,
    SELDOM_LAST,
)

_CJK = re.compile(f"[{UNSPACED}{HANGUL}]")
_TOKEN = re.compile(rf"[{UNSPACED}{HANGUL}]|[^\W_]+(?:['’][^\W_]+)*")


class Completeness(Enum):
    """How finished a transcript reads."""

    QUESTION = "question"
    """A whole question: the tutor is to answer."""

    SHORT = "short"
    """One or two words with a full stop: usually an answer."""

    REQUEST = "request"
    """A whole request that is not a question: *Please tell me about the moon.*"""

    COMPLETE = "complete"
    """Reads as a whole sentence."""

    OPEN = "open"
    """Neither finished nor unfinished."""

    UNFINISHED = "unfinished"
    """The sentence needs more words."""


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
    words = without_fillers(text)
    for whole in (words, tokens(text)):
        once = _said_once(whole)
        if _invented(whole) or {" ".join(once), "".join(once)} & BACKCHANNEL_PHRASES:
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


def _said_once(words: list[str]) -> list[str]:
    """Words without repetition: *I see* for *I see, I see*."""
    for length in range(1, len(words) // 2 + 1):
        if words == words[:length] * (len(words) // length):
            return words[:length]
    return words


def _invented(words: Sequence[str]) -> bool:
    return "".join(words).replace("'", "") in INVENTED


def may_become_backchannel(text: str) -> bool:
    """Whether this partial transcript may be the beginning of a backchannel phrase."""
    said = tokens(text)
    return any(phrase.startswith((" ".join(said), "".join(said))) for phrase in BACKCHANNEL_PHRASES)


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


def completeness(text: str, language: str = "en") -> Completeness:
    """Judge a transcript by its words and punctuation.

    Args:
        text: the transcript; empty text is ``OPEN``.
        language: ISO 639-1; selects the word lists for Latin script. CJK is recognised by its characters.
    """
    stripped = unicodedata.normalize("NFKC", text).strip().rstrip("\"'”’)」』")
    words = tokens(stripped)
    if not words:
        return Completeness.OPEN
    if stripped.endswith(("...", "…", ",", "、", "-", "–", "—", ":", ";")):
        return Completeness.UNFINISHED
    question, full_stop = stripped.endswith("?"), stripped.endswith((".", "!", "。"))
    if _CJK.match(words[-1]):
        return _cjk_completeness("".join(words), question, full_stop)
    if words[-1] in NEVER_LAST.get(language, ()):
        return Completeness.UNFINISHED
    if language == "en" and len(words) > 1 and _breaks_off(words, question):
        return Completeness.UNFINISHED
    if question:
        return Completeness.QUESTION
    if words[-1] in SELDOM_LAST.get(language, ()):
        return Completeness.UNFINISHED
    if words[0] in OPENERS.get(language, ()) and "," not in stripped:
        return Completeness.UNFINISHED
    if full_stop and _asks(words, language):
        return Completeness.QUESTION  # recognizers often miss the question mark
    if full_stop and len(words) > 2 and _requests(words, language):
        return Completeness.REQUEST
    if full_stop:
        return Completeness.SHORT if len(words) <= 2 and words[0] not in OVERTURES else Completeness.COMPLETE
    return Completeness.OPEN


def _breaks_off(words: Sequence[str], question: bool) -> bool:
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


def _asks(words: Sequence[str], language: str) -> bool:
    """Whether an English sentence has the form of a question: *how many*, *is it*, *can you*."""
    if language != "en" or len(words) < 3:
        return False
    if words[0] in ENGLISH_AUXILIARIES:
        return words[1] in ENGLISH_SUBJECTS or words[1] in ENGLISH_ARTICLES
    # *Why is*, *how many legs does*. Not questions: *why I came*, *what a day*.
    within = words[1 : 4 if words[0] == "how" else 3]
    return words[0] in ENGLISH_ASKING and (bool(ENGLISH_AUXILIARIES & set(within)) or words[0].endswith("'s"))


def _requests(words: Sequence[str], language: str) -> bool:
    """Whether an English sentence is a request that names its topic."""
    if language != "en":
        return False
    said = [word for word in words if word not in OVERTURES]
    whole = said[-1] not in ENGLISH_RELATIONS and bool(ENGLISH_TOPIC & set(said[1:-1]))
    return whole and " ".join(said).startswith(ENGLISH_REQUESTS)


def _cjk_completeness(text: str, question: bool, full_stop: bool) -> Completeness:
    if question or text.endswith(CJK_QUESTION) or (full_stop and any(word in text for word in CJK_ASKING)):
        return Completeness.QUESTION
    if full_stop or text.endswith(CJK_FINISHED):
        return Completeness.COMPLETE
    return Completeness.UNFINISHED if text.endswith(CJK_UNFINISHED) else Completeness.OPEN


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
