"""What can go wrong at the language model's server, as errors a student may read. Pure."""

from __future__ import annotations

from engine.concurrency.attempts import AttemptFailed, retry_after_s
from engine.errors import LanguageModelFailed

RETRY_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""HTTP status codes after which a second attempt may succeed; those that OpenAI's SDK retries, and 529 (overloaded)."""


class RequestFailed(AttemptFailed, LanguageModelFailed):
    """One request to the language model failed."""


def from_status(status: int, retry_after: str | None) -> RequestFailed:
    """The error for an HTTP status other than 200.

    Args:
        status: the HTTP status.
        retry_after: the header ``Retry-After``, if there is one.
    """
    if status == 429:
        message, wait_s = "the language model's rate limit is reached", retry_after_s(retry_after)
        return RequestFailed(message, refused=True, retry_after_s=wait_s)
    if status in (401, 403):
        return RequestFailed("the language model rejects the API key", again=False, refused=True)
    if status < 500 and status not in RETRY_STATUS:
        return RequestFailed(f"the language model rejects the request (status {status})", again=False, refused=True)
    return RequestFailed(f"the language model has an internal error (status {status})", again=status in RETRY_STATUS)
