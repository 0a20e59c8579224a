"""Answers that a model has spoiled: noticed while there is time to ask once more, or to stop. Pure.

- **echo**: the answer begins as an earlier one did, word for word, and nobody asked for that.
- **script**: it is written in a script that nothing in the dialogue gives a reason for.
- **empty**: nothing to say came.
- **repetition**: it goes round in circles (``repetition.py``). What was said of it stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.contracts import Message
from engine.llm.dialect import shortened
from engine.llm.repetition import Repetition
from engine.text.scripts import SCRIPTS, count_unspaced

ECHO_LETTERS = 80
"""An answer that begins with so many letters of an earlier one is an echo. Openings ("That is a great question!") and
a quiz's set phrases are shorter: a judgement. A Chinese character counts as three letters."""

WHOLE_ECHO_LETTERS = 20
"""The same for an answer that equals all of an earlier one; "Yes, exactly!" may be said twice."""

SCRIPT_LETTERS = 12
"""An answer that begins with so many letters of a script without a reason is written in it. A word may be quoted."""

LONGEST_HELD = 400
"""Characters; a beginning that is undecided for longer has no words."""

_SAY_AGAIN = re.compile(
    r"\b(?:again|repeat|once more|one more time|say that|say it|what did you|pardon|same|did(?:n't| not)"
    r" (?:hear|catch|get|understand)|recite|remind)\b|再|重复|没听|没明白|又|一遍",
    re.I,
)
_ABOUT_LANGUAGE = re.compile(
    r"\b(?:translat\w*|languages?|alphabets?|scripts?|characters?|letters?|\w{4,}(?:ese|ish)|english|russian|ukrainian"
    r"|bulgarian|serbian|cyrillic|korean|hangul|arabic|persian|farsi|urdu|hebrew|greek|hindi|sanskrit|bengali|tamil|telugu"
    r"|thai|georgian|armenian|amharic|mandarin|cantonese|kanji|hiragana|katakana|pinyin|deutsch|german|french|italian"
    r"|latin)\b|[语文字]|翻译|英|日本|俄|韩",
    re.I,
)
_LATIN = re.compile("[A-Za-zÀ-ɏ]")


class Stumbled(Exception):
    """An answer is spoiled before any of it was said. Internal to the client.

    Attributes:
        cause: ``echo``, ``script`` or ``empty``.
        reason: the same for the log, in words.
    """

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.reason = reason


class Watch:
    """Reads one answer on its way to the student. Its beginning is held back only while it may be spoiled.

    Args:
        messages: what was asked, the student's words last.
        lenient: it was asked a second time: only repetition is looked for.
    """

    def __init__(self, messages: Sequence[Message], *, lenient: bool = False) -> None:
        self.repeats = False
        """The answer has become a loop: say no more of it."""
        self.held = ""
        question = messages[-1]["content"] if messages else ""
        answers = [m["content"] for m in messages if m["role"] == "assistant"]
        asked_before = any(m["role"] == "user" and question.endswith(m["content"]) for m in messages[:-1])
        excused = lenient or asked_before or _SAY_AGAIN.search(question) is not None
        self._messages = messages
        self._may_echo = [] if excused else [key for key in map(_key, answers) if key]
        self._may_switch = not lenient and _ABOUT_LANGUAGE.search(question) is None
        self._repetition = Repetition([] if excused else answers)

    def push(self, text: str) -> str:
        """Take a piece; returns what may be said.

        Raises:
            Stumbled: the answer is an echo, or in a wrong script.
        """
        if not self.repeats:
            self.repeats = self._repetition.push(text)
        if not (self._may_echo or self._may_switch):
            return text
        self.held += text
        return "" if self._undecided(final=False) else self._release()

    def finish(self) -> str:
        """Nothing more comes; returns what was held back.

        Raises:
            Stumbled: the answer is an echo, or in a wrong script.
        """
        self._undecided(final=True)
        return self._release()

    def _release(self) -> str:
        text, self.held = self.held, ""
        self._may_echo, self._may_switch = [], False
        return text

    def _undecided(self, *, final: bool) -> bool:
        key = _key(self.held)
        if not key:
            return not final and len(self.held) < LONGEST_HELD
        self._may_echo = [earlier for earlier in self._may_echo if earlier.startswith(key)]
        size = len(key) + 2 * count_unspaced(key)
        if self._may_echo and (
            size >= ECHO_LETTERS or (final and size >= WHOLE_ECHO_LETTERS and key in self._may_echo)
        ):
            raise Stumbled("echo", "it begins as an earlier answer did, word for word")
        if self._may_switch:
            self._may_switch = _foreign(key, self._messages)
            letters = sum(map(str.isalpha, key))
            if self._may_switch and (letters >= SCRIPT_LETTERS or (final and letters >= 2)):
                raise Stumbled("script", "it is in a script that nothing in the dialogue asks for")
        return bool(self._may_echo or self._may_switch)


def _key(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _foreign(letters: str, messages: Sequence[Message]) -> bool:
    """Whether all of ``letters`` are of scripts that stand nowhere in ``messages``."""
    foreign = [pattern for _, pattern in (*SCRIPTS, ("", _LATIN)) if pattern.search(letters)]
    if any(pattern.search(message["content"]) for pattern in foreign for message in messages):
        return False
    return bool(foreign) and all(
        any(pattern.match(letter) for pattern in foreign) for letter in letters if letter.isalpha()
    )


def cleaned(messages: Sequence[Message], stumble: Stumbled, said: str) -> list[Message]:
    """The prompt to ask once more with, after the answer that began with ``said``.

    An echo's model is left out with the question it answered; otherwise the older half of the dialogue is.
    """
    if stumble.cause != "echo":
        return shortened(messages)
    key = _key(said)
    kept: list[Message] = []
    for message in messages[:-1]:
        if message["role"] == "assistant" and _key(message["content"]).startswith(key):
            while kept and kept[-1]["role"] == "user":
                kept.pop()
        else:
            kept.append(message)
    return [*kept, *messages[-1:]]
