"""Where a formula, code or a nested list ends, so that no clause is cut inside it while it arrives in pieces. Pure."""

from __future__ import annotations

import re

from engine.text.math_words import FUNCTIONS

NEVER = -1
"""More text is needed to tell."""

PROTECTING = "`[$\\"
"""What such a stretch may begin with."""

MAX_CODE = 4800
MAX_FORMULA = 1500
MAX_INLINE = 400
"""Characters; anything longer is taken for text with a stray delimiter in it."""

_FENCE = "```"
_DELIMITERS = (("$$", "$$", MAX_FORMULA), ("\\[", "\\]", MAX_FORMULA), ("\\(", "\\)", MAX_FORMULA))
_ENVIRONMENT = re.compile(r"\\begin\s?\{([a-z]{4,12}\*?)\}")
_PLAIN_WORD = re.compile(
    r"(?<![\\A-Za-z{])[A-Za-z]{4,}(?![A-Za-z}])|(?<![\\A-Za-z{])(?:and|the|for|but|are|was|you|has)(?![A-Za-z}])"
)
_FEW_ENDS = "\n"


def protected_end(text: str, at: int, *, final: bool) -> int:
    """The end of what begins at ``at`` and must stay whole; ``at`` when nothing does.

    Args:
        text: what has come so far.
        at: where to look.
        final: no more text will come.

    Returns:
        A position, or ``NEVER`` while the end has not come yet.
    """
    char = text[at]
    if char == "`":
        return _code_end(text, at, final)
    if char == "[":
        return _list_end(text, at, final)
    if char not in "$\\":
        return at
    if len(text) - at < 2:
        return at if final else NEVER
    for opening, closing, longest in _DELIMITERS:
        if text.startswith(opening, at):
            return _closed(text, at, len(opening), closing, longest, final)
    if char == "\\":
        return _environment_end(text, at, final)
    return _inline_end(text, at, final)


def _closed(text: str, at: int, inside: int, closing: str, longest: int, final: bool) -> int:
    end = text.find(closing, at + inside, at + longest)
    if end >= 0:
        return end + len(closing)
    if final:
        # What a model left open goes on to the end of its paragraph.
        return min(_paragraph_end(text, at), at + longest)
    return NEVER if len(text) - at < longest else at


def _paragraph_end(text: str, at: int) -> int:
    end = text.find("\n\n", at)
    return len(text) if end < 0 else end


def _code_end(text: str, at: int, final: bool) -> int:
    if text.startswith(_FENCE, at):
        end = text.find(_FENCE, at + 3, at + MAX_CODE)
        if end >= 0:
            return end + 3
        return len(text) if final and len(text) - at < MAX_CODE else NEVER if len(text) - at < MAX_CODE else at
    if not final and len(text) - at < 3 and text[at:] == "`" * (len(text) - at):
        return NEVER
    line = text.find("\n", at)
    limit = min(at + 120, len(text) if line < 0 else line)
    end = text.find("`", at + 1, limit)
    if end > at + 1:
        return end + 1
    return NEVER if not final and end < 0 and line < 0 and len(text) - at < 120 else at


def _list_end(text: str, at: int, final: bool) -> int:
    """``[[1, 2], [3, 4]]`` to its last bracket."""
    if len(text) - at < 2:
        return at if final else NEVER
    if text[at + 1] != "[":
        return at
    depth = 0
    for position in range(at, min(len(text), at + MAX_INLINE)):
        depth += (text[position] == "[") - (text[position] == "]")
        if depth == 0:
            return position + 1
    return NEVER if not final and len(text) - at < MAX_INLINE else at


def _environment_end(text: str, at: int, final: bool) -> int:
    if not "\\begin{".startswith(text[at : at + 7]):
        return at
    begin = _ENVIRONMENT.match(text, at)
    if begin is None:
        return NEVER if not final and len(text) - at < 22 and "}" not in text[at:] else at
    closing = f"\\end{{{begin.group(1)}}}"
    return _closed(text, at, begin.end() - at, closing, MAX_FORMULA, final)


def _inline_end(text: str, at: int, final: bool) -> int:
    """``$x = 1$``; two prices are no formula."""
    if (at and ((text[at - 1].isascii() and text[at - 1].isalnum()) or text[at - 1] in "\\$")) or text[
        at + 1
    ].isspace():
        return at
    end = at
    while (end := text.find("$", end + 1, at + MAX_INLINE)) >= 0:
        if text[end - 1] == "\\":
            continue
        inside = text[at + 1 : end]
        if inside[-1].isspace() or "\n\n" in inside:
            return at
        if end + 1 == len(text):
            return end + 1 if final or _is_math(inside) else NEVER
        if text[end + 1].isdigit() or not _is_math(inside):
            return at
        return end + 1
    so_far = text[at + 1 : at + MAX_INLINE]
    if final or len(text) - at >= MAX_INLINE or "\n\n" in so_far or not _may_be_math(so_far):
        return at
    return NEVER


def _is_math(inside: str) -> bool:
    return not inside[:1].isdigit() or "\\" in inside or not _PLAIN_WORD.search(inside)


def _may_be_math(so_far: str) -> bool:
    """Whether an open dollar may still turn out to begin a formula: no English prose has come after it."""
    if "\\" in so_far:
        return True
    words = [word for word in _PLAIN_WORD.findall(so_far.rpartition(" ")[0]) if word not in FUNCTIONS]
    if so_far[0].isdigit():
        # "$5 " and "$5," are prices; "$5 +" goes on.
        price = re.match(r"\d[\d,.]*(?:\s+(?![-+*/=<>^])\S|[.,!?;:]\s)", so_far)
        return price is None and not words
    return not words
