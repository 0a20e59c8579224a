"""What can go wrong at the language model's server: an error for the student, a reason for the log. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import unescape

from engine.concurrency.attempts import AttemptFailed, retry_after_s
from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.chunks import ServerError, server_error

RETRY_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""HTTP status codes after which a second attempt may succeed; those that OpenAI's SDK retries, and 529 (overloaded)."""

REASON_CHARS = 300
"""Longest reason in the log."""

ECHO_WORDS = 3
"""So many words in a row that stand in the dialogue too are taken for a quotation of it."""


class RequestFailed(AttemptFailed, LanguageModelFailed):
    """One request to the language model failed.

    Attributes:
        setting: the setting that is probably wrong, for the log; empty when it is none.
    """

    setting = ""


class Refused(Exception):
    """The server refused a request, or failed before its answer began. Internal to the client."""

    def __init__(self, status: int, error: ServerError, retry_after: str | None = None) -> None:
        super().__init__(error.reason)
        self.status = status
        self.error = error
        self.retry_after = retry_after


def from_status(status: int, retry_after: str | None, reason: str = "") -> RequestFailed:
    """The error for an HTTP status other than 200.

    Args:
        status: the HTTP status.
        retry_after: the header ``Retry-After``, if there is one.
        reason: what the server says; decides which setting is suspected, and is not in the error.
    """
    if status == 429:
        message, wait_s = "the language model's rate limit is reached", retry_after_s(retry_after)
        return RequestFailed(message, refused=True, retry_after_s=wait_s)
    if status in (401, 403):
        return wrong_setting("the language model rejects the API key", "llm.api_key")
    if 300 <= status < 400:
        return wrong_setting("the language model has moved", "llm.base_url")
    if status in (404, 405):
        setting = "llm.model" if re.search(r"model", reason, re.I) else "llm.base_url"
        return wrong_setting(f"the language model rejects the request (status {status})", setting)
    if status < 500 and status not in RETRY_STATUS:
        return RequestFailed(f"the language model rejects the request (status {status})", again=False, refused=True)
    return RequestFailed(f"the language model has an internal error (status {status})", again=status in RETRY_STATUS)


def wrong_setting(message: str, setting: str, *, again: bool = False, refused: bool = True) -> RequestFailed:
    """An error that only the operator can do something about."""
    error = RequestFailed(message, again=again, refused=refused)
    error.setting = setting
    return error


def read_error(body: bytes) -> ServerError:
    """The reason in the body of an HTTP error: JSON in one of the usual forms, a web page, or plain text."""
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return ServerError(plain_text(text))
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    found = server_error(parsed) or (server_error({"error": parsed}) if isinstance(parsed, dict | str) else None)
    return found or ServerError("no reason given")


def plain_text(page: str) -> str:
    """The words of a web page or text, on one line."""
    page = re.sub(r"<(script|style)\b[^>]{0,200}>[^<]{0,20000}", " ", page[:20_000], flags=re.I)
    return " ".join(unescape(re.sub(r"<[^<>]{0,1000}>", " ", page)).split()) or "an empty body"


def for_log(reason: str, messages: Sequence[Message]) -> str:
    """``reason`` on one line, bounded, without what student and tutor said.

    Args:
        reason: what the server says; some quote the prompt.
        messages: the prompt.
    """
    words = re.findall(r"\S+", reason[: 8 * REASON_CHARS])
    keys = [_key(word) for word in words]
    quoted = [False] * len(words)
    for message in messages:
        said = [key for word in message["content"].split() if (key := _key(word))]
        size = min(ECHO_WORDS, len(said))
        runs = {tuple(said[at : at + size]) for at in range(len(said) - size + 1)} if size else set()
        for at in range(len(keys) - size + 1):
            if size and tuple(keys[at : at + size]) in runs:
                quoted[at : at + size] = [True] * size
    kept = ["…" if hidden else word for word, hidden in zip(words, quoted, strict=True)]
    text = " ".join(word for at, word in enumerate(kept) if word != "…" or kept[at - 1 : at] != ["…"])
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= REASON_CHARS else f"{text[: REASON_CHARS - 1]}…"


def _key(word: str) -> str:
    """A word as it is compared: letters and digits only."""
    return "".join(c for c in word.casefold() if c.isalnum())
