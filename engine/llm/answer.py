"""The answer in what a language model sends: without its thinking, control tokens and broken characters. Pure.

Text comes in as it arrives and goes out as soon as it is certain to be answer. A few characters are
held back where they may be the beginning of a mark (``marks.py``).
"""

from __future__ import annotations

import re

from engine.llm import marks
from engine.llm.characters import Characters

LONGEST_MARK = 100
"""Characters; a longer one is text."""

LONGEST_HELD = 24_000
"""Characters of what may be thinking without an opening tag. A judgement: some 6,000 tokens."""

_LONGEST_HEADER = 200


class Answer:
    """Reads one answer.

    Args:
        unopened: this model's thinking has no opening tag: hold everything back until the closing one.
        suspicious: hold back an answer that begins like such thinking.
    """

    def __init__(self, *, unopened: bool = False, suspicious: bool = True) -> None:
        self.thought = False
        """There was thinking in the text."""
        self.unopened = False
        """The thinking had no opening tag."""
        self.called_tool = False
        """A call of a tool was left out."""
        self.ended = False
        """A control token has ended the answer: what comes after it is not part of it."""
        self._characters = Characters()
        self._text = ""
        """Not given out yet."""
        self._begun = False
        """Something was given out."""
        self._hidden_until: re.Pattern[str] | None = None
        self._in_header = False
        self._suspects: bool | None = True if unopened else None if suspicious else False
        self._prefix = True
        """A role may still stand before the answer."""

    @property
    def thinking(self) -> bool:
        """What comes in at the moment is, or may be, thinking."""
        return self._hidden_until is not None or self._in_header or (self._suspects is True and not self._begun)

    def push(self, piece: str) -> str:
        """Take a piece; returns what of the answer it makes certain."""
        self._text += self._characters.push(piece)
        return self._advance(final=False)

    def finish(self) -> str:
        """Nothing more comes; returns what was held back."""
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> str:
        out: list[str] = []
        while not self.ended and self._text:
            if self._hidden_until is not None:
                if not self._skip_hidden(self._hidden_until):
                    break
            elif self._in_header:
                if not self._skip_header():
                    break
            elif not self._read(out, final):
                break
        if self.ended or final:
            self._text = ""
        return "".join(out)

    def _skip_hidden(self, until: re.Pattern[str]) -> bool:
        """Drop text up to the end of what is hidden; False when more is needed."""
        end = until.search(self._text)
        if end is None:
            self._text = self._text[-LONGEST_MARK:]
            return False
        self._text, self._hidden_until = self._text[end.end() :], None
        return True

    def _skip_header(self) -> bool:
        """The header of a harmony message: only what goes to the channel ``final`` is answer."""
        header, found, text = self._text.partition("<|message|>")
        if not found:
            self.ended = len(header) > _LONGEST_HEADER
            return False
        self._in_header, self._text = False, text
        if "analysis" in header or "commentary" in header:
            self.thought = True
            self._hidden_until = marks.CHANNEL_END
        return True

    def _read(self, out: list[str], final: bool) -> bool:
        """Give out text up to the next mark, and take that; False when more is needed."""
        if not self._begun:
            self._text = self._text.lstrip()
            if not final and self._undecided():
                return False
            if self._hidden_until is not None:
                return True
        mark = marks.MARK.search(self._text)
        if mark is not None:
            return self._take(mark, out, final)
        if self._suspects and not final and not self._begun and len(self._text) < LONGEST_HELD:
            return False
        tail = marks.TAIL.search(self._text, max(0, len(self._text) - LONGEST_MARK))
        if tail is None or (final and not re.match(r"<[|｜]\w|\n\Z", tail[0])):
            self._give(self._text, out)
            self._text = ""
        else:
            self._give(self._text[: tail.start()], out)
            self._text = self._text[tail.start() :]
        return False

    def _undecided(self) -> bool:
        """Look at how the answer begins; True when that takes more text."""
        if self._suspects is None:
            self._suspects = marks.thinks_aloud(self._text)
        if self._prefix:
            if (role := marks.ROLE_PREFIX.match(self._text)) is not None:
                if role.end() == len(self._text):
                    return True
                self._text, self._prefix = self._text[role.end() :], False
            elif (analysis := marks.STRIPPED_HARMONY.match(self._text)) is not None:
                self._text, self._prefix, self.thought = self._text[analysis.end() :], False, True
                self._hidden_until = marks.STRIPPED_HARMONY_END
                return False
            elif not marks.may_be_prefix(self._text):
                self._prefix = False
        return not self._text or self._suspects is None or self._prefix

    def _take(self, mark: re.Match[str], out: list[str], final: bool) -> bool:
        before, after = self._text[: mark.start()], self._text[mark.end() :]
        if mark["close"]:
            self._close(after)
            return True
        if self._suspects and not self._begun and before.strip() and not mark["end"]:
            self._suspects = False  # marks of another kind: it was the answer
        self._give(before, out)
        if mark["open"]:
            self.thought, self._hidden_until = True, marks.THOUGHT_END
        elif mark["tool"]:
            self.called_tool, self._hidden_until = True, marks.TOOL_END
        elif mark["header"] and (not self._begun or mark[0] == "<|channel|>"):
            self._in_header = True
        elif mark["begin"] and not self._begun:
            role = marks.ROLE.match(after)
            if not final and (role is None or role.end() == len(after)) and len(after) < LONGEST_MARK:
                self._text = mark[0] + after  # the role has not arrived yet
                return False
            after = after[role.end() :] if role else after
        elif not mark["final"] and self._begun:
            self.ended = True
        self._text = after
        return True

    def _close(self, after: str) -> None:
        """Thinking ends that was never opened: all before it was thinking."""
        self.thought = self.unopened = True
        self._suspects = False
        # What was given out already cannot be taken back; the answer begins in a line of its own.
        self._text = f"\n{after.lstrip()}" if self._begun else after

    def _give(self, text: str, out: list[str]) -> None:
        if text if self._begun else text.strip():
            out.append(text if self._begun else text.lstrip())
            self._begun = True
