"""The body of a chat endpoint's answer, cut into JSON objects. Pure: bytes in, objects out.

Server-sent events as the specification has them, and as servers send them: any line ending, no
space after ``data:``, a single newline between events, comments, no ``[DONE]``. A body that is not
an event stream is read too: one JSON object, or one per line.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import re
from typing import Any

LARGEST_EVENT = 262_144
"""Bytes of one event, or of a body that is not an event stream. A judgement: a token takes about 300."""

LARGEST_BODY = 16_777_216
"""Bytes of a whole answer. A judgement: about 50,000 tokens, thinking included."""

_FIELD = re.compile(rb"[ \t]*(?:(data|event)|id|retry)?:[ ]?")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")


class TooMuch(ValueError):
    """The server sends more than any answer can be."""


class NotAnAnswer(ValueError):
    """The body is neither an event stream nor JSON, for example a web page. ``start`` is its beginning."""

    def __init__(self, start: str) -> None:
        super().__init__(start)
        self.start = start


class EventReader:
    """Reads one body. ``done`` is set when the server said ``[DONE]``."""

    def __init__(self) -> None:
        self.done = False
        self._size = 0
        self._rest = bytearray()
        self._scanned = 0
        self._data: list[bytes] = []
        self._held = 0
        self._event = b""
        self._begun = False
        self._any = False
        """An object was found."""
        self._plain: list[bytes] = []
        """Lines that belong to no event stream."""

    def push(self, data: bytes) -> list[dict[str, Any]]:
        """The objects that ``data`` completes.

        Raises:
            TooMuch: an event, or the whole body, is larger than any answer.
        """
        self._size += len(data)
        self._rest += data
        found: list[dict[str, Any]] = []
        begin = 0
        # A line ending may have been cut in two, so the last byte of what was scanned is looked at again.
        for end in _LINE_END.finditer(self._rest, max(0, self._scanned - 1)):
            self._line(bytes(self._rest[begin : end.start()]), found)
            begin = end.end()
        del self._rest[:begin]
        self._scanned = len(self._rest)
        if self._size > LARGEST_BODY or self._held + len(self._rest) > LARGEST_EVENT:
            raise TooMuch("an answer without end")
        self._any |= bool(found)
        return found

    def close(self) -> list[dict[str, Any]]:
        """The body is over: what was left of it.

        Raises:
            NotAnAnswer: it was no answer.
        """
        found: list[dict[str, Any]] = []
        self._line(bytes(self._rest).rstrip(b"\r"), found)
        self._dispatch(found)
        if self._plain:
            body = b"\n".join(self._plain)
            whole = _parsed(body)
            if whole is not None:
                found.append(whole)
            elif not self._any and not found:
                raise NotAnAnswer(_text(body[:2000]))
        if not self._size:
            raise NotAnAnswer("")
        return found

    def _line(self, line: bytes, found: list[dict[str, Any]]) -> None:
        if self.done:
            return
        if not self._begun:
            self._begun, line = True, line.removeprefix(_BYTE_ORDER_MARK)
        field = _FIELD.match(line)
        if not line:
            self._dispatch(found)
        elif field is None:
            self._add_plain(line, found)
        elif field[1] == b"event":
            self._event = line[field.end() :].strip()
        elif field[1] == b"data":
            self._add_data(line[field.end() :], found)

    def _add_data(self, data: bytes, found: list[dict[str, Any]]) -> None:
        if data.strip() == b"[DONE]":
            self._dispatch(found)
            self.done = True
        elif (whole := _parsed(data)) is not None:
            # Complete in itself: some servers do not send the empty line between events.
            self._dispatch(found, keep_name=True)
            found.append(self._named(whole))
        else:
            self._data.append(data)
            self._held += len(data)

    def _add_plain(self, line: bytes, found: list[dict[str, Any]]) -> None:
        whole = None if self._plain else _parsed(line)
        if whole is not None:
            found.append(whole)
        elif line.strip() or self._plain:
            self._plain.append(line)
            self._held += len(line)

    def _dispatch(self, found: list[dict[str, Any]], *, keep_name: bool = False) -> None:
        """An event ends."""
        if self._data:
            body = b"\n".join(self._data)
            whole = _parsed(body)
            if whole is not None:
                found.append(self._named(whole))
            elif self._event == b"error":
                found.append({"error": {"message": _text(body[:2000])}})
            elif body.lstrip().startswith(b"{"):
                found.append({"error": {"message": "an event that is not valid JSON"}})
            self._data.clear()
            self._held = sum(map(len, self._plain))
        if not keep_name:
            self._event = b""

    def _named(self, event: dict[str, Any]) -> dict[str, Any]:
        return {"error": event} if self._event == b"error" and "error" not in event else event


def _parsed(data: bytes) -> dict[str, Any] | None:
    """``data`` as a JSON object, or as a list that holds one; None for anything else."""
    if not data.lstrip().startswith((b"{", b"[")):
        return None
    try:
        value = json.loads(_text(data))
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
