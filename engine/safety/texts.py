"""What the tutor says instead of what was held back: fixed, short and kind, in English and Chinese. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from engine.protocol.outgoing import SafetyCategory, SafetyStage
from engine.text.language import detect_language
from engine.text.scripts import is_unspaced

TEXTS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    files("engine.safety").joinpath("data/texts.toml").read_text("utf-8")
)
"""By language and category; ``answer`` is said for an answer of any category."""

_NEEDS_HELP: frozenset[SafetyCategory] = frozenset(("self_harm", "abuse"))

_HELP = {
    "en": " You can also call {lines}, at any time.",
    "zh": "你也可以随时拨打{lines}。",
}
_IN = {"en": "{line} in {country}", "zh": "{line}（{country}）"}
_OR = {"en": " or ", "zh": "或"}
_COUNTRIES: Mapping[str, Mapping[str, str]] = {
    "en": {"US": "the United States", "GB": "the United Kingdom", "IE": "Ireland", "CA": "Canada", "AU": "Australia",
           "NZ": "New Zealand", "IN": "India", "ZA": "South Africa", "SG": "Singapore"},
    "zh": {"CN": "中国大陆", "HK": "香港", "TW": "台湾", "MO": "澳门", "SG": "新加坡"},
}  # fmt: skip
"""Where a language is spoken: whose lines are named when the settings name no country."""

MAX_LINES = 2


def reply_language(text: str, language: str, languages: Sequence[str]) -> str:
    """The language to answer ``text`` in: the student's if there are texts in it, else the profile's, else English.

    Args:
        text: the student's words.
        language: the profile's, ISO 639-1.
        languages: others the profile allows.
    """
    spoken = detect_language(text, language, tuple(languages)) if text.strip() else language
    if any(is_unspaced(c) for c in text) and not any("\u3040" <= c <= "\u30ff" for c in text):
        spoken = "zh"
    return next((each for each in (spoken, language) if each in TEXTS), "en")


def safety_text(
    category: SafetyCategory, stage: SafetyStage, language: str, lines: Mapping[str, str], country: str | None
) -> str:
    """What the tutor says.

    Args:
        category: what was caught.
        stage: the student's question, or the model's answer after its first clauses.
        language: a language of ``TEXTS``.
        lines: help lines by country (ISO 3166-1 alpha-2).
        country: the school's; None names the lines of the countries that speak ``language``.
    """
    text = TEXTS[language][category if stage == "question" else "answer"]
    return text.format(help=_help(language, lines, country) if category in _NEEDS_HELP else "")


def _help(language: str, lines: Mapping[str, str], country: str | None) -> str:
    if country is not None:
        named = [lines[country]] if country in lines else []
    else:
        known = _COUNTRIES[language]
        there = [code for code in lines if code in known][:MAX_LINES]
        single = len(there) == 1
        named = [
            lines[code] if single else _IN[language].format(line=lines[code], country=known[code]) for code in there
        ]
    return _HELP[language].format(lines=_OR[language].join(named)) if named else ""
