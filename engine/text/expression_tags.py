"""Takes tags such as ``[smile]`` out of what a language model writes, so that they are neither shown nor spoken.

Pure and synchronous: text deltas in, text and expressions out, however the deltas cut a tag. Anything else in brackets
is text: ``[1]``, ``array[i]``, ``[smile](https://example.org)``, and whatever stands in code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.items import Expression

TAGS: Mapping[str, Expression] = {"smile": "glad", "sad": "gentle", "think": "thoughtful", "surprised": "surprised"}
"""What a model may write in square brackets, in any case, before the words it belongs to."""

_TAG = re.compile(rf"\[({'|'.join(TAGS)})\]", re.IGNORECASE)
_WHOLE = tuple(f"[{name}]" for name in TAGS)
_NOT_AFTER = re.compile(r"[\w)\]\\$`]$")
"""What makes a bracket an index, a reference or a formula."""

_LINKING = ("(", ":")
"""What makes it a link, right after it."""

_SPACES = " \t"
_PUNCTUATION = ".,;:!?…。，；：！？"


class TagReader:
    """Reads one answer of a model."""

    def __init__(self) -> None:
        self._held = ""
        """What may become a tag, or white space before one."""
        self._before = ""
        """The last character given out."""
        self._in_code = False

    def push(self, delta: str) -> list[str | tuple[Expression]]:
        """The text that is certain by now and, each in a tuple, the expressions between its parts."""
        return self._read(self._held + delta, final=False)

    def flush(self) -> list[str | tuple[Expression]]:
        """The rest; nothing may be pushed after this."""
        return self._read(self._held, final=True)

    def _read(self, text: str, *, final: bool) -> list[str | tuple[Expression]]:
        found: list[str | tuple[Expression]] = []
        done = 0
        while (opening := text.find("[", done)) >= 0:
            before = text[done:opening]
            match = None if self._is_text(before) else _TAG.match(text, opening)
            whole = match is not None and (final or text[match.end() :].strip(_SPACES))
            if not whole and not self._is_text(before) and not final and (match or _begins_tag(text[opening:])):
                self._hold(found, text, done, done + len(before.rstrip(_SPACES)))
                return found
            if match is None or text[match.end() : match.end() + 1] in _LINKING:
                self._give(found, text[done : opening + 1])
                done = opening + 1
            else:
                done = self._take(found, before, match, text)
        self._hold(found, text, done, len(text) if final else max(done, len(text.rstrip(_SPACES))))
        return found

    def _hold(self, found: list[str | tuple[Expression]], text: str, done: int, start: int) -> None:
        """Give the text up to ``start``, and keep the rest."""
        self._give(found, text[done:start])
        self._held = text[start:]

    def _take(self, found: list[str | tuple[Expression]], before: str, match: re.Match[str], text: str) -> int:
        """Give the text before a tag, and the tag, with as much white space as if it were not there. Gives where to go
        on."""
        end = match.end()
        following = end + len(text[end:]) - len(text[end:].lstrip(_SPACES))
        if following == len(text) or text[following] in _PUNCTUATION:
            before, end = before.rstrip(_SPACES), following
        elif not (self._before + before) or (self._before + before)[-1].isspace():
            end = following
        self._give(found, before)
        found.append((TAGS[match.group(1).lower()],))
        return end

    def _is_text(self, before: str) -> bool:
        """Whether a bracket after ``before`` is an ordinary one."""
        in_code = self._in_code ^ (before.count("`") % 2 == 1)
        return in_code or _NOT_AFTER.search(self._before + before) is not None

    def _give(self, found: list[str | tuple[Expression]], text: str) -> None:
        if text:
            self._in_code ^= text.count("`") % 2 == 1
            self._before = text[-1]
            found.append(text)


def _begins_tag(text: str) -> bool:
    return any(tag.startswith(text.lower()) for tag in _WHOLE)
