"""Cuts the reply into clauses while it is being written.

Pure and synchronous: text deltas in, clause texts out. The first clause comes early (a comma,
six words, or what there is when the caller's timer fires), because the student is waiting for
it; later ones end with their sentence, which sounds better.

Joined, the pieces are the text that was pushed, character for character, except for white
space at the very end: a piece keeps the white space before it, and no piece is only white space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.text.abbreviations import ABBREVIATIONS, BEFORE_NUMBERS, HELD_WORDS, TITLES
from engine.text.protected import NEVER, PROTECTING, protected_end
from engine.text.scripts import is_unspaced

FIRST_WORDS = 6
"""The first clause is cut after so many words even without a comma."""

MAX_FIRST_WORDS = 9
"""The limit when the sixth word is an article or the like, which no clause should end with."""

SHORTEST_WORDS = 2
SHORTEST_CHARS = 8
"""No clause is shorter, unless its sentence is."""

LONG_SENTENCE_WORDS = 25
"""A later clause of more words than this may also end at a comma."""

LONGEST_WORDS = 45
LONGEST_CHARS = 600
"""A clause is never longer, wherever that cuts it."""

LONGEST_STOPS = 40
"""After so many full stops in a row, the splitter no longer waits for more text."""

UNSPACED_WORDS = 0.5
"""What one Chinese or Japanese character counts for, in words."""

STOPS = ".!?…。！？；｡"
FULL_WIDTH_STOPS = "。！？；｡"
PAUSES = ",;:—，、：；"
FULL_WIDTH_PAUSES = "，、："
CLOSERS = "\"'”’»)]}」』】》）*_`"
OPENERS, ENDERS = "([{（【「『《“", ")]}）】」』》”"
TRAILING_SIGNS = "的了着过们吗呢吧啊是地得"
"""Chinese characters that belong to the word before them."""

LEADING_SIGNS = ("的", "是", "在", "把", "和", "与")
"""Chinese words that belong to the word after them."""

_LAST_TOKEN = re.compile(r"[^\s(\[{\"'“‘（]*$")
_AFTER_FACTORIAL = "=+*/×·÷<>≤≥≈-)"
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")


@dataclass(slots=True)
class _Scan:
    """What one walk over the buffer has seen so far."""

    words: float = 0.0
    """Whole words before the current position."""
    in_word: bool = False
    unspaced: int = 0
    depth: int = 0
    start: int = 0
    """The first character that is not white space."""
    last_pause: int | None = None


class _Wait(Exception):
    """More text is needed to decide."""


@dataclass(slots=True)
class ClauseSplitter:
    """One per reply. ``push`` deltas, then ``flush``; ``due`` when the student has waited long enough."""

    DEADLINE_S = 0.05
    """When to call ``due``, counted from the first delta."""

    language: str = "en"
    """ISO 639-1; only where punctuation means different things."""

    _buffer: str = ""
    _first: bool = field(default=True)
    _late: bool = field(default=False)
    _inside: bool = field(default=False)
    """The buffer ends inside a formula, code or a nested list."""
    _ends: dict[int, int] = field(default_factory=dict)
    """Where what begins at a place of the buffer ends."""

    def push(self, delta: str) -> list[str]:
        """Add text; gives the clauses that are complete now, usually none or one."""
        self._buffer += delta
        pieces: list[str] = []
        while (cut := self._find_cut(final=False)) is not None:
            pieces.append(self._take(cut))
        return pieces

    def due(self) -> list[str]:
        """The first clause is overdue: cut it as it is, or as soon as it can be said."""
        if not self._first:
            return []
        self._late = True
        cut = self._find_cut(final=False)
        if cut is None and not self._inside:
            # All that is missing may be the look-ahead after a full stop.
            end = len(self._buffer)
            scan_end = self._buffer.rstrip(CLOSERS)
            if scan_end.endswith(tuple("!?" + FULL_WIDTH_STOPS)) and self._long_enough(self._buffer):
                cut = end
        return [] if cut is None else [self._take(cut)]

    def flush(self) -> list[str]:
        """The reply has ended: everything that is left."""
        pieces: list[str] = []
        while (cut := self._find_cut(final=True)) is not None:
            pieces.append(self._take(cut))
        if self._buffer.strip():
            pieces.append(self._take(len(self._buffer.rstrip())))
        self._buffer = ""
        return pieces

    def _take(self, cut: int) -> str:
        piece, self._buffer = self._buffer[:cut], self._buffer[cut:]
        self._first = self._late = False
        self._ends.clear()
        return piece

    @staticmethod
    def _long_enough(piece: str) -> bool:
        return len(piece.strip()) >= SHORTEST_CHARS or any(is_unspaced(c) for c in piece)

    def _find_cut(self, *, final: bool) -> int | None:
        """Where the first clause of the buffer ends, or None while that is open."""
        text = self._buffer
        self._inside = False
        scan = _Scan(start=len(text) - len(text.lstrip()))
        position = scan.start
        try:
            while position < len(text):
                position, cut = self._step(text, position, scan, final)
                if cut is not None:
                    return cut if cut < len(text.rstrip()) or not final else None
        except _Wait:
            return None
        return None

    def _step(self, text: str, at: int, scan: _Scan, final: bool) -> tuple[int, int | None]:
        """Look at one character: (next position, cut or None)."""
        char = text[at]
        if at - scan.start >= LONGEST_CHARS * 2:
            return at, at
        whole = self._protected_end(text, at, final)
        if whole == NEVER:
            self._inside = True
            raise _Wait
        if whole > at:
            # Code, a formula or a nested list: one word, whatever is in it.
            scan.words += 1
            return whole, None
        if at - scan.start >= LONGEST_CHARS and char.isspace():
            return at, at
        if char.isspace():
            return at + 1, self._at_space(text, at, scan, final)
        scan.depth += (char in OPENERS) - (char in ENDERS and scan.depth > 0)
        if char in STOPS:
            return self._at_stop(text, at, scan, final)
        if char in PAUSES or (char in "-–" and text[at - 1 : at] == " "):
            return self._at_pause(text, at, scan, final)
        if is_unspaced(char):
            return at + 1, self._at_unspaced(text, at, scan)
        scan.in_word = scan.in_word or char.isalnum()
        return at + 1, None

    def _protected_end(self, text: str, at: int, final: bool) -> int:
        """See ``protected_end``; what is settled about a place stays so while more text comes."""
        if text[at] not in PROTECTING:
            return at
        end = self._ends.get(at, NEVER)
        if end == NEVER:
            end = self._ends[at] = protected_end(text, at, final=final)
        return end

    def _at_space(self, text: str, at: int, scan: _Scan, final: bool) -> int | None:
        """A word is over; long enough? A line is over; then so is the clause."""
        scan.words += scan.in_word
        scan.in_word = False
        if text[at] == "\n" and scan.words and not _is_list_number(text[scan.start : at]):
            return at
        if scan.words >= LONGEST_WORDS:
            return at
        if scan.words > LONG_SENTENCE_WORDS and scan.last_pause is not None:
            return scan.last_pause
        if not self._first or scan.depth or final:
            return None
        enough = SHORTEST_WORDS if self._late else FIRST_WORDS
        if scan.words < enough or at - scan.start < SHORTEST_CHARS:
            return None
        last = _LAST_TOKEN.search(text, 0, at)
        # A number is not parted from its unit, nor from the thousands that follow it.
        held = last is not None and (last.group().lower() in HELD_WORDS or last.group()[-1:].isdigit())
        return None if held and scan.words < enough + MAX_FIRST_WORDS - FIRST_WORDS else at

    def _at_stop(self, text: str, at: int, scan: _Scan, final: bool) -> tuple[int, int | None]:
        """Something that may end a sentence."""
        end = at + 1
        while end < len(text) and text[end] in STOPS + CLOSERS:
            end += 1
        scan.depth -= min(scan.depth, sum(c in ENDERS for c in text[at:end]))
        full_width = text[at] in FULL_WIDTH_STOPS
        if end == len(text):
            if final:
                return end, None
            if end - at > LONGEST_STOPS:
                return end, end
            raise _Wait
        if not full_width and not text[end].isspace() and not is_unspaced(text[end]):
            return end, None
        if text[at] == "!" and text[at - 1 : at].isdigit():
            following = text[end:].lstrip()
            if not following and not final:
                raise _Wait
            if following and following[0] in _AFTER_FACTORIAL:
                return end, None
        scan.words += scan.in_word
        scan.in_word = False
        if not scan.words or (scan.depth and end - scan.start < LONGEST_CHARS):
            return end, None
        if not full_width and not self._ends_sentence(text, at, end, final):
            return end, None
        if scan.words <= 1 and _is_list_number(text[scan.start : end]):
            return end, None
        return end, end

    def _ends_sentence(self, text: str, at: int, end: int, final: bool) -> bool:
        """Whether the stop at ``at`` is more than the dot of an abbreviation or three dots in thought."""
        stop = text[at:end].rstrip(CLOSERS)
        if stop[0] not in ".…" or (stop != "." and not stop.startswith(("..", "…"))):
            return True
        last = _LAST_TOKEN.search(text, 0, at)
        word = last.group().lower() if last is not None else ""
        known = word in ABBREVIATIONS or word in TITLES or word in BEFORE_NUMBERS or _INITIALS.fullmatch(word)
        if stop == "." and not known:
            return True
        if stop == "." and word in TITLES:
            return False
        following = text[end:].lstrip()
        if not following:
            if final:
                return True
            raise _Wait
        if stop == "." and word in BEFORE_NUMBERS:
            return not following[0].isdigit()
        return following[0].isupper() and not (stop == "." and len(word) == 1 and word != "i")

    def _at_pause(self, text: str, at: int, scan: _Scan, final: bool) -> tuple[int, int | None]:
        """A comma, colon or dash: ends the first clause, and later ones that grew long."""
        char, end = text[at], at + 1
        full_width = char in FULL_WIDTH_PAUSES
        while end < len(text) and text[end] in CLOSERS:
            end += 1
        if not full_width and char != "—":
            if end == len(text):
                # A comma after a letter needs no look-ahead, and the first clause no delay.
                if not (self._first and char == "," and text[at - 1].isalpha()) or "://" in text[scan.start : at]:
                    if final:
                        return end, None
                    raise _Wait
            elif not text[end].isspace():
                return end, None
        words = scan.words + scan.in_word
        scan.in_word, scan.words = False, words
        if scan.depth:
            return end, None
        long_enough = words >= SHORTEST_WORDS and (scan.unspaced >= 4 or end - scan.start > SHORTEST_CHARS)
        if (self._first and long_enough) or words > LONG_SENTENCE_WORDS:
            return end, end
        if words >= 8:
            scan.last_pause = end
        return end, None

    def _at_unspaced(self, text: str, at: int, scan: _Scan) -> int | None:
        """A Chinese or Japanese character: words are not marked, so count and hope."""
        scan.words += scan.in_word
        scan.in_word = False
        words = scan.words
        scan.words += UNSPACED_WORDS
        scan.unspaced += 1
        if scan.depth or text[at] in TRAILING_SIGNS or text[at - 1 : at] in LEADING_SIGNS:
            return None
        if words >= LONGEST_WORDS:
            return at
        if not self._first or scan.unspaced < 8:
            return None
        return at if words >= (SHORTEST_WORDS * 2 if self._late else MAX_FIRST_WORDS) else None


def _is_list_number(piece: str) -> bool:
    """``1.``, ``2)``, ``a.``, ``-``, ``#``: what starts a line and says nothing alone."""
    return re.fullmatch(r"\s*(?:[-*#•]+\s*)?(?:(?:\d{1,3}|[a-zA-Z])[.)])?[*_\s]*", piece) is not None
