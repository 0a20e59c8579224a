"""The characters of an answer as it streams in: whole, printable, and each once. Pure.

A server may cut an emoji into two halves, leave a NUL in the text, or send all of the answer again with every piece.
"""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]+")

REPEATED_CHARS = 40
"""A piece that is the whole answer so far, and at least this long, is a repetition. Shorter, it may be meant: "ha"."""

TELLING_CHARS = 4096
"""A stream that is not cumulative by then is not watched any more."""


class Characters:
    """Joins the pieces of one answer."""

    def __init__(self) -> None:
        self._whole = ""
        self._cumulative = False
        self._half = ""
        """The first half of a character beyond U+FFFF, which ended the last piece."""
        self._last = ""
        """The last character given out."""
        self._gap = False
        """Since then something was left out."""

    def push(self, piece: str) -> str:
        """What ``piece`` adds to the answer. A half that is never completed is left out."""
        text = self._half + self._added(piece)
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if not text.isprintable():
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        kept = _UNPRINTABLE.sub("\ufffd", text)
        out = []
        for character in kept if "\ufffd" in kept or self._gap else ():
            if character == "\ufffd":
                self._gap = True
            else:
                # What stood alone between two spaces leaves one of them.
                if not (self._gap and character == " " and self._last in ("", " ")):
                    out.append(character)
                    self._last = character
                self._gap = False
        kept = "".join(out) if "\ufffd" in kept or out else kept
        self._last = kept[-1:] or self._last
        return kept

    def _added(self, piece: str) -> str:
        whole = self._whole
        if not self._cumulative and len(whole) > TELLING_CHARS:
            return piece
        if len(piece) > len(whole) and piece.startswith(whole) and (self._cumulative or _begins_again(piece, whole)):
            self._cumulative = True
            self._whole = piece
            return piece[len(whole) :]
        if piece == whole and (self._cumulative or len(piece) >= REPEATED_CHARS):
            return ""
        self._whole = whole + piece
        return piece


def _begins_again(piece: str, whole: str) -> bool:
    """Whether ``piece``, which begins with ``whole``, is the answer once more and longer."""
    said = len(whole.strip())
    return said >= 2 or (said == 1 and piece[len(whole)].isspace())
