"""What one JSON object of an answer says: text, thinking, an end, an error. Pure.

The formats are OpenAI's and the variants that Mistral, vLLM, llama.cpp, DeepSeek, OpenRouter and Ollama send.
Nothing is validated beforehand: any field may hold anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.contracts import TokenCount

THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")


@dataclass(frozen=True, slots=True)
class ServerError:
    """What a server says went wrong."""

    reason: str
    status: int | None = None
    """The HTTP status, where the error names one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer."""

    text: str = ""
    thinking: bool = False
    """The model is thinking: there is progress, but nothing to say."""

    finish: str | None = None
    """Why the answer ends: ``stop``, ``length``, ``content_filter``, ``tool_calls``…"""

    choice: int | None = None
    """Which of several answers it belongs to; None where the server gives one without a number."""

    error: ServerError | None = None
    usage: TokenCount | None = None
    """What the whole request has used; most servers tell it after the text."""


def read_chunk(event: dict[str, Any], wanted: int | None = None) -> Chunk:
    """Read ``event`` as a piece of the answer; the piece is empty when the event has nothing to say.

    Args:
        event: what the server sent.
        wanted: which of several answers is read; None for the one with the lowest number.
    """
    if (error := server_error(event)) is not None:
        return Chunk(error=error)
    choices = event.get("choices")
    if isinstance(choices, list):
        choice = _choice(choices, wanted)
    else:  # Ollama's own format
        choice = {"message": event.get("message"), "finish_reason": event.get("done_reason")}
    if (error := _choice_error(choice)) is not None:
        return Chunk(error=error)
    said: dict[str, Any] = next((choice[key] for key in ("delta", "message") if isinstance(choice.get(key), dict)), {})
    text, thinking = _content(said.get("content"))
    if not text and isinstance(choice.get("text"), str):
        text = choice["text"]
    if not text and isinstance(said.get("refusal"), str):
        text = said["refusal"]
    finish = choice.get("finish_reason")
    return Chunk(
        text,
        thinking or any(said.get(field) for field in THINKING_FIELDS),
        finish if isinstance(finish, str) and finish else None,
        _index(choice),
        usage=_usage(event),
    )


def _usage(event: dict[str, Any]) -> TokenCount | None:
    """The tokens it tells, in OpenAI's form or Ollama's own; None unless both numbers are there."""
    told = event.get("usage")
    counts = told if isinstance(told, dict) else event
    for names in (("prompt_tokens", "completion_tokens"), ("prompt_eval_count", "eval_count")):
        prompt, completion = (counts.get(name) for name in names)
        if isinstance(prompt, int) and isinstance(completion, int) and 0 <= prompt < 1 << 31 > completion >= 0:
            return TokenCount(prompt, completion)
    return None


def _choice(choices: list[Any], wanted: int | None) -> dict[str, Any]:
    """The wanted one of several answers; an empty one where it is not among them."""
    given = sorted((each for each in choices if isinstance(each, dict)), key=lambda each: _index(each) or 0)
    return next((each for each in given if wanted is None or _index(each) in (wanted, None)), {})


def _choice_error(choice: dict[str, Any]) -> ServerError | None:
    """The error of one of several answers, as OpenRouter tells it: an object, or only an end called ``error``."""
    if choice.get("error"):
        return server_error({"error": choice["error"]})
    return ServerError("finish_reason error") if choice.get("finish_reason") == "error" else None


def _index(choice: dict[str, Any]) -> int | None:
    return index if isinstance(index := choice.get("index"), int) else None


def server_error(body: Any) -> ServerError | None:
    """The error an object reports, in any of the usual places; None when it reports none."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if not error and (body.get("object") == "error" or "detail" in body) and "choices" not in body:
        error = body
    if not error:
        return None
    if not isinstance(error, dict):
        return ServerError(str(error))
    parts = [_words(error[key]) for key in ("message", "detail", "error", "msg") if error.get(key)]
    parts += [f"{key}: {error[key]}" for key in ("param", "code", "type") if isinstance(error.get(key), str | int)]
    status = next((s for key in ("code", "status") if 400 <= _number(s := error.get(key)) < 600), None)
    return ServerError("; ".join(parts) or "no reason given", None if status is None else _number(status))


def _words(detail: Any) -> str:
    """A reason as text. Of FastAPI's list of faults only place and message: its ``input`` is the prompt."""
    if isinstance(detail, list):
        return ", ".join(_words(each) for each in detail[:8])
    if isinstance(detail, dict):
        place = detail.get("loc")
        where = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
        return where + str(detail.get("msg") or detail.get("message") or "")
    return str(detail)


def _number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 4:
        return int(value)
    return value if isinstance(value, int) else 0


def _content(content: Any) -> tuple[str, bool]:
    """Text, and whether there is thinking, of a message's content: a string, a part or a list of parts."""
    if isinstance(content, str):
        return content, False
    if isinstance(content, list):
        parts = [_content(part) for part in content]
        return "".join(text for text, _ in parts), any(thinking for _, thinking in parts)
    if not isinstance(content, dict):
        return "", False
    if content.get("type") in ("thinking", "reasoning", "redacted_thinking"):
        return "", True
    text = content.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return (text, False) if isinstance(text, str) else ("", False)
