"""Rules by language: sequences of concepts, a concept being a set of words and phrases. Pure.

The data files say how they are written. A text is walked over once to find its concepts, and each rule looks only at
where its concepts are, so the time grows with the text's length and not with its square.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias, cast

from engine.protocol.outgoing import SafetyCategory
from engine.safety.words import ReadWord, tokens

MAX_PLACES = 64
"""Places of one concept that are looked at; a longer list is a text of nothing else."""

_BUILT_IN = {
    "email_address": re.compile(r"(?<![a-z0-9])[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z]{2,24}){1,3}(?![a-z0-9])"),
    "id_number": re.compile(r"(?<!\d)(?:\d{17}[\dx]|\d{3}-\d{2}-\d{4}|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4})(?!\d)"),
    "phone_like": re.compile(
        r"(?<![\d.+*/=-])(?:\(\d{3}\) ?|\+?\d{1,3}[ -])?\d{3}[-. ]\d{3,4}[-. ]\d{4}(?![\d.]*[+*/=]|\d)"
    ),
    "cn_mobile": re.compile(r"(?<![\d.])1[3-9]\d{9}(?![\d.])"),
}
_SCRIPTS = {"en": re.compile("[a-z0-9]"), "zh": re.compile("[\u3400-\u9fff]")}
"""A text without these has nothing of the language."""

_STEP = re.compile(r"~(\d{1,2})")

Places: TypeAlias = Mapping[str, Sequence[tuple[int, int]]]
"""Where each concept of a language is in a text, counted in words: (first word, word after the last)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text must have to belong to a category."""

    category: SafetyCategory
    steps: tuple[tuple[frozenset[str], int], ...]
    """Concepts, one of each set, in this order; with the words that may lie before it."""
    unless: frozenset[str]


class _Lexicon:
    """Finds concepts. Words are looked up, never searched for."""

    def __init__(self, concepts: Mapping[str, Sequence[str]]) -> None:
        self._whole: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._begun: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._lengths: set[int] = set()
        for name, phrases in concepts.items():
            for phrase in phrases:
                words = _phrase(phrase)
                first = words[0]
                if first.endswith("*"):
                    self._begun.setdefault(first[:-1], []).append((words[1:], name))
                    self._lengths.add(len(first) - 1)
                else:
                    self._whole.setdefault(first, []).append((words[1:], name))
        self._sizes = sorted(self._lengths)

    def places(self, text: Sequence[ReadWord]) -> dict[str, list[tuple[int, int]]]:
        """Where each concept is: (first word, word after the last)."""
        found: dict[str, list[tuple[int, int]]] = {}
        for index, token in enumerate(text):
            for form in token.forms:
                for rest, name in self._candidates(form):
                    if rest and not _follows(text, index, rest):
                        continue
                    spans = found.setdefault(name, [])
                    if len(spans) < MAX_PLACES:
                        spans.append((token.at, text[index + len(rest)].at + 1))
        return found

    def _candidates(self, form: str) -> Iterable[tuple[tuple[str, ...], str]]:
        yield from self._whole.get(form, ())
        for size in self._sizes:
            if size > len(form):
                return
            yield from self._begun.get(form[:size], ())


def _follows(text: Sequence[ReadWord], index: int, rest: Sequence[str]) -> bool:
    if index + len(rest) >= len(text):
        return False
    before = text[index].at
    for offset, word in enumerate(rest, index + 1):
        token = text[offset]
        if token.at != before + 1:
            return False
        before = token.at
        if word.endswith("*"):
            if not any(form.startswith(word[:-1]) for form in token.forms):
                return False
        elif word not in token.forms:
            return False
    return True


def _phrase(phrase: str) -> tuple[str, ...]:
    """The words of a phrase of the data file; the mark of an open ending stays."""
    words = []
    for word in phrase.split():
        star = "*" if word.endswith("*") else ""
        read = [token.forms[0] for token in tokens(word.removesuffix("*"))]
        words += [*read[:-1], read[-1] + star]
    return tuple(words)


class RuleBook:
    """The rules of one language.

    Args:
        language: ISO 639-1; its data file must exist.
    """

    def __init__(self, language: str) -> None:
        data = tomllib.loads(files("engine.safety").joinpath(f"data/rules_{language}.toml").read_text("utf-8"))
        concepts = data.pop("concepts")
        self._written_in = _SCRIPTS[language]
        self._lexicon = _Lexicon(concepts)
        known = {*concepts, *_BUILT_IN, "number", "digits"}
        self._rules = {
            part: [_rule(cast(SafetyCategory, category), text, known) for category, texts in rules.items()
                   for text in texts]
            for part, rules in data.items()
        }  # fmt: skip

    def places(self, folded: str, text: Sequence[ReadWord]) -> Places:
        """Where each concept is: (first word, word after the last). Empty when nothing is written in the language.

        Args:
            folded: the text, as ``words.fold`` gives it.
            text: its words.
        """
        if self._written_in.search(folded) is None:
            return {}
        places = self._lexicon.places(text)
        _add_numbers(places, folded, text)
        return places

    def finds(self, places: Places, parts: Sequence[str]) -> set[SafetyCategory]:
        """The categories whose rules of ``parts`` (tables of the data file) match the concepts at ``places``."""
        return {
            rule.category
            for part in parts
            for rule in self._rules.get(part, ())
            if rule.unless.isdisjoint(places) and _matches(rule, places)
        }


def _rule(category: SafetyCategory, text: str, known: set[str]) -> Rule:
    steps: list[tuple[frozenset[str], int]] = []
    unless: set[str] = set()
    gap = 4
    for part in text.split():
        step = _STEP.fullmatch(part)
        if step is not None:
            gap = int(step.group(1))
            continue
        names = frozenset(part.removeprefix("!").split("|"))
        if not names <= known:
            raise ValueError(f"rule {text!r}: no concept is called {', '.join(sorted(names - known))}")
        if part.startswith("!"):
            unless |= names
        else:
            steps.append((names, gap))
            gap = 4
    return Rule(category, tuple(steps), frozenset(unless))


def _matches(rule: Rule, places: Places) -> bool:
    """Whether the concepts follow one another closely enough; spans may touch but not overlap."""
    ends: list[int] | None = None
    for names, gap in rule.steps:
        spans = [span for name in names for span in places.get(name, ())]
        if ends is not None:
            spans = [span for span in spans if _near(ends, span[0], gap)]
        if not spans:
            return False
        ends = sorted({end for _, end in spans})
    return True


def _near(ends: Sequence[int], start: int, gap: int) -> bool:
    index = bisect_left(ends, start - gap)
    return index < len(ends) and ends[index] <= start


def _add_numbers(places: dict[str, list[tuple[int, int]]], folded: str, text: Sequence[ReadWord]) -> None:
    """The concepts that are patterns instead of words."""
    run, begin = 0, 0
    before = -1
    for token in text:
        if not token.forms[0].isdigit():
            continue
        spans = places.setdefault("number", [])
        if len(spans) < MAX_PLACES:
            spans.append((token.at, token.at + 1))
        if token.at != before + 1:
            run, begin = 0, token.at
        run, before = run + len(token.forms[0]), token.at
        if run >= 5:
            places.setdefault("digits", [])[:] = [*places.get("digits", [])[:MAX_PLACES], (begin, token.at + 1)]
    if "number" in places or "@" in folded:
        for name, pattern in _BUILT_IN.items():
            if pattern.search(folded) is not None:
                places[name] = [(0, 1)]
