"""Answers as chat endpoints give them, right and wrong, for ``tests/llm/test_quirks.py``. Each is one behaviour.

A body is what the server sends, so that a quirk can be read as bytes on the wire.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.llm.misbehaving_llm import Behaviour, answers

SAID = "Leaves drink light. Roots drink water."


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def spoken(*texts: str) -> list[dict[str, Any]]:
    """A stream of these texts with a good end."""
    return [*(chunk(content=text) for text in texts), chunk("stop")]


def words(text: str = SAID) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def stream(
    events: Sequence[Any], *, before: str = "data: ", after: str = "\n\n", done: bool = True, head: str = ""
) -> Behaviour:
    """A whole event stream at once."""
    lines = [f"{before}{event if isinstance(event, str) else json.dumps(event)}{after}" for event in events]
    body = "".join([*lines, f"{before}[DONE]{after}"] if done else lines)
    return answers(200, body.encode(), head=head, kind="text/event-stream")


def refusal(message: str, status: int = 400) -> Behaviour:
    return answers(status, json.dumps({"error": {"message": message}}).encode())


ANSWERED: dict[str, Behaviour] = {
    "thinking in tags": stream(spoken("<think>", "\nShort, please.\n", "</think>\n\n", *words())),
    "an empty thought": stream(spoken("<think>\n\n</think>\n\n", *words())),
    "a tag over many pieces": stream(spoken(*"<thinking>hm</thinking>", *words())),
    "thinking that was never opened": stream(spoken("The student asks about leaves.", "\n</think>\n", *words())),
    "thinking in a field": stream([chunk(content=None, reasoning_content="hm "), *spoken(*words())]),
    "thinking in another field": stream([chunk(content="", reasoning="hm ")] * 50 + spoken(*words())),
    "content in parts": stream(
        [chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])]
        + [chunk(content=[{"type": "text", "text": word}]) for word in words()]
    ),
    "channels": stream(
        spoken("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>", *words())
    ),
    "a ChatML end": stream(spoken(*words(), "<|im_end|>", "\n<|im_start|>user")),
    "a Llama 2 end": stream(spoken(*words(), "</s>")),
    "a Gemma end": stream(spoken(*words(), "<end_of_turn>", "\n<start_of_turn>user\nMore?")),
    "a Llama 3 end": stream(spoken(*words(), "<|eot", "_id|>")),
    "a DeepSeek end": stream(spoken(*words(), "<｜end▁of▁sentence｜>")),
    "a role before the answer": stream(spoken("Assistant", ": ", *words())),
    "the student's next line": stream(spoken(*words(), "\n", "User", ": why?")),
    "empty lines first": stream(spoken("\n\n", *words())),
    "usage at the end": stream([*spoken(*words()), {"choices": [], "usage": {"total_tokens": 3}}]),
    "no choices at first": stream([{"choices": [], "prompt_filter_results": []}, *spoken(*words())]),
    "no delta": stream([{"choices": [{"index": 0, "delta": None}]}, *spoken(*words())]),
    "no space after the colon": stream(spoken(*words()), before="data:"),
    "CRLF": stream(spoken(*words()), after="\r\n\r\n"),
    "CR": stream(spoken(*words()), after="\r\r"),
    "one line ending between events": stream(spoken(*words()), after="\n"),
    "comments": stream(spoken(*words()), before=": waiting\n\ndata: "),
    "no end mark": stream(spoken(*words()), done=False),
    "JSON in place of a stream": answers(200, json.dumps({"choices": [{"message": {"content": SAID}}]}).encode()),
    "indented JSON": answers(200, json.dumps({"choices": [{"message": {"content": SAID}}]}, indent=1).encode()),
    "Ollama's own lines": answers(
        200, "".join(json.dumps({"message": {"content": word}}) + "\n" for word in words()).encode()
    ),
    "message for delta": stream([{"choices": [{"message": {"content": word}}]} for word in words()]),
    "all in one piece": stream([chunk("stop", content=SAID)]),
    "all so far in every piece": stream(spoken(*("".join(words()[: n + 1]) for n in range(len(words()))))),
    "NUL": stream(spoken("\x00Leaves drink\x00 light.", "\x07 Roots drink water.")),
    "halves of nothing": stream(spoken("Leaves drink light.\ud83d", " Roots\ude00 drink water.")),
    "characters that got lost": stream(spoken("Leaves drink light. ", "\ufffd", "\ufffd\ufffd", " Roots drink water.")),
}
"""Quirks behind which the answer is ``SAID``."""

FAILING: dict[str, tuple[Behaviour, str]] = {
    "a tool in the text": (stream(spoken('<tool_call>{"name": "f"}</tool_call>')), "called a tool"),
    "a tool": (stream([chunk(tool_calls=[{"index": 0}]), chunk("tool_calls")]), "called a tool"),
    "only thinking": (stream([chunk(reasoning_content="hm"), chunk("length")]), "llm.thinking"),
    "an unfinished thought": (stream(spoken("<think>hm")), "llm.thinking"),
    "nothing": (stream([chunk(content=""), chunk("stop")]), "empty answer"),
    "spaces": (stream(spoken(" ", "\n\n")), "empty answer"),
    "an error first": (stream([{"error": {"message": "all slots are busy", "code": 529}}]), "all slots are busy"),
    "an error event": (stream(['{"message": "no memory"}'], before="event: error\ndata: "), "no memory"),
    "a content filter": (stream([chunk("content_filter")]), "content filter"),
    "a web page": (answers(200, b"<html><body>Please log in</body></html>", kind="text/html"), "Please log in"),
    "a redirect": (answers(307, head="Location: http://elsewhere/v1\r\n"), "http://elsewhere/v1"),
    "an unknown model": (refusal("model 'x' not found, try pulling it first", 404), "try pulling it first"),
    "a wrong key": (refusal("Incorrect API key provided", 401), "Incorrect API key"),
    "a model that loads": (refusal("Loading model", 503), "Loading model"),
}
"""Quirks without an answer, with what the log says of them."""
