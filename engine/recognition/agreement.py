"""Which words of a growing transcript will not change any more (LocalAgreement-2).

In: successive hypotheses about the same audio, each a list of words. Out: the words
that are settled, and the tail that is still open. A word is settled once two hypotheses in a row
begin with the same words up to and including it; case and punctuation do not count. Pure and
synchronous: no clock, no thread, nothing to stop.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from engine.text.scripts import UNSPACED_LANGUAGES


def split_words(text: str, language: str) -> list[str]:
    """Words as shown, punctuation attached; single characters in languages without spaces.

    A run of Latin letters or digits within Chinese stays one word.
    """
    if language not in UNSPACED_LANGUAGES:
        return text.split()
    words: list[str] = []
    joinable = False
    for char in text:
        if char.isspace():
            joinable = False
        elif words and (
            (unicodedata.category(char)[0] in "PM" or not normal(char)) or (joinable and _is_ascii_word(char))
        ):
            words[-1] += char
            joinable = joinable and _is_ascii_word(char)
        else:
            words.append(char)
            joinable = _is_ascii_word(char)
    return words


def join_words(words: Sequence[str], language: str) -> str:
    """The inverse of ``split_words``; Latin words within Chinese get a space between them."""
    if language not in UNSPACED_LANGUAGES:
        return " ".join(words)
    text = ""
    for word in words:
        if text and text[-1].isascii() and word[:1].isascii():
            text += " "
        text += word
    return text


def normal(word: str) -> str:
    """A word without case and punctuation, for comparison."""
    return "".join(c for c in word.casefold() if unicodedata.category(c)[0] in "LNM")


class LocalAgreement:
    """Agreement between the hypotheses about one window of audio.

    Settled words never change: when a later hypothesis spells them differently, only what it
    says after them is taken.
    """

    def __init__(self) -> None:
        self._settled: list[str] = []
        self._previous: list[str] = []
        """Tail of the previous hypothesis, in normal form."""

    @property
    def settled(self) -> Sequence[str]:
        """Words that will not change, oldest first."""
        return self._settled

    def update(self, words: Sequence[str]) -> list[str]:
        """Take the next hypothesis; returns its open tail. ``settled`` grows by what was agreed on."""
        tail = list(words[self._end_of_settled(words) :])
        forms = [normal(word) for word in tail]
        agreed = 0
        for form, before in zip(forms, self._previous, strict=False):
            if form != before:
                break
            agreed += 1
        self._settled += tail[:agreed]
        self._previous = forms[agreed:]
        return tail[agreed:]

    def forget(self, count: int) -> None:
        """The window slid: its first ``count`` settled words are no longer in it.

        Raises:
            ValueError: fewer are settled.
        """
        if count > len(self._settled):
            raise ValueError(f"{count} words to forget, {len(self._settled)} are settled")
        del self._settled[:count]

    def _end_of_settled(self, words: Sequence[str]) -> int:
        """How many of ``words`` speak of what is settled: the prefix closest to it by edit distance."""
        forms = [normal(word) for word in words]
        settled = [normal(word) for word in self._settled]
        if forms[: len(settled)] == settled:
            return len(settled)
        costs = list(range(len(forms) + 1))
        for row, word in enumerate(settled, 1):
            diagonal, costs[0] = costs[0], row
            for column, form in enumerate(forms, 1):
                diagonal, costs[column] = (
                    costs[column],
                    min(costs[column] + 1, costs[column - 1] + 1, diagonal + (word != form)),
                )
        # Of several, the longest prefix: a word missing from the tail is better than one said twice.
        return min(range(len(costs)), key=lambda end: (costs[end], -end))


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()
