"""Answers as chat endpoints give them, right and wrong, for ``tests/llm/test_quirks.py``. Each is one behaviour.

A body is what the server sends, so that a quirk can be read as bytes on the wire.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
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


def raw(*pieces: bytes, head: bytes, pause_s: float = 0.0) -> Behaviour:
    """These bytes, each in a packet of its own, then the end of the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for piece in (head, *pieces):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


def bytes_of(events: Sequence[Any]) -> bytes:
    return b"".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in events)


def byte_by_byte(body: bytes, *, size: int = 1, pause_s: float = 0.0) -> Behaviour:
    """The body in HTTP chunks of ``size`` bytes, cut anywhere."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return raw(*(b"%x\r\n%b\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n", head=CHUNKED, pause_s=pause_s)


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def refusal(message: str, status: int = 400, head: str = "") -> Behaviour:
    return answers(status, json.dumps({"error": {"message": message}}).encode(), head=head)


ANSWERED: dict[str, Behaviour] = {
    "thinking in tags": stream(spoken("<think>", "\nShort, please.\n", "</think>\n\n", *words())),
    "thinking in a tag with capitals": stream(spoken("<Think>", "hm", "</THINK>", *words())),
    "thinking in a tag with attributes": stream(spoken("<think sign", 'ature="a b">', "hm</think>", *words())),
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
    "a byte-order mark": byte_by_byte(b"\xef\xbb\xbf" + bytes_of(spoken(*words())), size=2),
    "data over several lines": stream(
        [json.dumps(each, indent=1).replace("\n", "\ndata: ") for each in spoken(*words())]
    ),
    "data over several lines, CRLF": stream(
        [json.dumps(each, indent=1).replace("\n", "\r\ndata:") for each in spoken(*words())], after="\r\n\r\n"
    ),
    "ids and retries": stream(spoken(*words()), before="id: 7\nretry: 3000\nevent: message\ndata: "),
    "unknown fields": stream(spoken(*words()), before="x-trace: 1\ndata: "),
    "a ping event": stream(spoken(*words()), before='event: ping\ndata: {"type": "ping"}\n\ndata: '),
    "spaces before data": stream(spoken(*words()), before="  data: "),
    "two end marks": stream([*spoken(*words()), "[DONE]"]),
    "text after the end mark": stream([*spoken(*words()), "[DONE]", chunk(content="More.")]),
    "a second choice": stream(
        [
            {"choices": [{"index": n, "delta": {"content": word}}]}
            for word in words()
            for n, word in ((0, word), (1, " other"))
        ]
    ),
    "two choices in one": stream(
        [
            {"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": word}}]}
            for word in words()
        ]
    ),
    "only choice 1": stream([{"choices": [{"index": 1, "delta": {"content": word}}]} for word in words()]),
    "choices without an index": stream([{"choices": [{"delta": {"content": word}}]} for word in words()]),
    "an index that is text": stream([{"choices": [{"index": "0", "delta": {"content": word}}]} for word in words()]),
    "no choices": stream([{"choices": None}, *spoken(*words()), {"choices": {}}]),
    "a role first": stream([chunk(role="assistant"), chunk(role="assistant", content=None), *spoken(*words())]),
    "odd contents": stream([chunk(content=7), chunk(content=True), chunk(content={}), *spoken(*words())]),
    "parts that are strings": stream([chunk(content=[word]) for word in words()]),
    "a tool beside the answer": stream([chunk(content=None, tool_calls=[{"index": 0}]), *spoken(*words())]),
    "empty tools": stream([chunk(content=word, tool_calls=[], refusal=None) for word in words()]),
    "thinking in a third field": stream([chunk(thinking="hm "), *spoken(*words())]),
    "thinking in details": stream([chunk(reasoning_details=[{"text": "hm"}], content=""), *spoken(*words())]),
    "thinking and text in one": stream([chunk(reasoning_content="hm", content="Leaves"), *spoken(*words()[1:])]),
    "thinking letter by letter": byte_by_byte(bytes_of(spoken(*"<think>hm</think>", *words())), size=7),
    "thinking, then tags for the answer": stream(spoken("<think>hm</think>\n<answer>", *words(), "</answer>")),
    "NaN": answers(200, bytes_of([{**each, "logprob": float("nan"), "x": float("-inf")} for each in spoken(*words())])),
    "an error that is none": stream([{**each, "error": None} for each in spoken(*words())]),
    "an empty error": stream([{**each, "error": {}} for each in spoken(*words())]),
    "a code without an error": stream([{**each, "code": 0, "message": "ok"} for each in spoken(*words())]),
    "gzip": answers(200, gzip.compress(bytes_of(spoken(*words()))), head="Content-Encoding: gzip\r\n"),
    "deflate": answers(200, zlib.compress(bytes_of(spoken(*words()))), head="Content-Encoding: deflate\r\n"),
    "bare deflate": answers(
        200, zlib.compress(bytes_of(spoken(*words())), wbits=-15), head="Content-Encoding: deflate\r\n"
    ),
    "two members of gzip": answers(
        200,
        b"".join(gzip.compress(bytes_of([each])) for each in spoken(*words())),
        head="Content-Encoding: gzip\r\n",
    ),
    "HTTP/1.0 until the end": raw(bytes_of(spoken(*words())), head=UNTIL_CLOSED),
    "HTTP/1.1 until the end": raw(bytes_of(spoken(*words())), head=UNTIL_CLOSED.replace(b"1.0", b"1.1")),
    "early hints": raw(
        bytes_of(spoken(*words())), head=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + UNTIL_CLOSED
    ),
    "status 201": answers(201, bytes_of(spoken(*words()))),
    "a wrong content type": answers(200, bytes_of(spoken(*words())), kind="application/octet-stream"),
    "no content type": raw(bytes_of(spoken(*words())), head=b"HTTP/1.1 200 OK\r\n\r\n"),
    "bytes one by one": byte_by_byte(bytes_of(spoken(*words()))),
    "a slow drip": byte_by_byte(bytes_of(spoken(*words())), size=9, pause_s=0.005),
    "spaces without end before it": byte_by_byte(b" \n" * 5000 + bytes_of(spoken(*words())), size=4000),
    "indented JSON with CRLF": answers(
        200, json.dumps({"choices": [{"message": {"content": SAID}}]}, indent=2).replace("\n", "\r\n").encode()
    ),
    "JSON after a byte-order mark": answers(
        200, b"\xef\xbb\xbf" + json.dumps({"choices": [{"message": {"content": SAID}}]}).encode()
    ),
    "a list of one answer": answers(200, json.dumps([{"choices": [{"message": {"content": SAID}}]}]).encode()),
    "the old completions": stream([{"choices": [{"text": word}]} for word in words()]),
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
    "an error in a choice": (
        stream(
            [{"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "no provider"}}]}]
        ),
        "no provider",
    ),
    "an end called error": (stream([*spoken("Leaves"), chunk("error")]), "finish_reason error"),
    "an error event": (stream(['{"message": "no memory"}'], before="event: error\ndata: "), "no memory"),
    "a content filter": (stream([chunk("content_filter")]), "content filter"),
    "a web page": (answers(200, b"<html><body>Please log in</body></html>", kind="text/html"), "Please log in"),
    "a redirect": (answers(307, head="Location: http://elsewhere/v1\r\n"), "http://elsewhere/v1"),
    "an unknown model": (refusal("model 'x' not found, try pulling it first", 404), "try pulling it first"),
    "a wrong key": (refusal("Incorrect API key provided", 401), "Incorrect API key"),
    "a model that loads": (refusal("Loading model", 503), "Loading model"),
    "a forbidden key": (refusal("You do not have access", 403), "do not have access"),
    "no money": (refusal("Insufficient balance", 402), "Insufficient balance"),
    "a wrong method": (answers(405, b"Method Not Allowed", kind="text/plain"), "Method Not Allowed"),
    "too many questions": (refusal("Rate limit reached", 429), "Rate limit reached"),
    "too many questions, with a date": (
        refusal("Rate limit reached", 429, "Retry-After: Wed, 21 Oct 2037 07:28:00 GMT\r\n"),
        "Rate limit reached",
    ),
    "too many questions for an hour": (refusal("Rate limit reached", 429, "Retry-After: 3600\r\n"), "Rate limit"),
    "a strange wait": (refusal("Rate limit reached", 429, "Retry-After: 1e9999\r\n"), "Rate limit reached"),
    "a bad gateway": (answers(502, b"<html><h1>502 Bad Gateway</h1></html>", kind="text/html"), "502 Bad Gateway"),
    "an error without a body": (answers(500, b""), "an empty body"),
    "an error in odd bytes": (answers(500, b"\xff\xfe out of memory"), "out of memory"),
    "an error that is a list": (answers(400, b'[{"error": {"message": "API key not valid"}}]'), "API key not valid"),
    "an error as text": (stream([{"error": "the engine died"}]), "the engine died"),
    "an error in 200": (answers(200, b'{"error": {"message": "no such deployment"}}'), "no such deployment"),
    "an error as a message": (answers(200, b'{"object": "error", "message": "bad length"}'), "bad length"),
    "an error with a detail": (
        answers(422, b'{"detail": [{"loc": ["body"], "msg": "field required"}]}'),
        "field requi",
    ),
    "nothing after the headers": (raw(head=CHUNKED), "ClientPayloadError"),
    "an empty body": (answers(200, b""), "an empty body"),
    "only the end mark": (stream([]), "an empty answer"),
    "status 204": (raw(head=b"HTTP/1.1 204 No Content\r\n\r\n"), "an empty body"),
    "a body that is no gzip": (answers(200, b"no gzip", head="Content-Encoding: gzip\r\n"), "broken gzip"),
    "brotli": (answers(200, b"xx", head="Content-Encoding: br\r\n"), "encoding br"),
    "a line without end": (byte_by_byte(b"data: " + b"x" * 300_000, size=60_000), "without end"),
    "a broken object": (stream(['{"choices": [{"delta": {"content": "Lea']), "not valid JSON"),
    "deep nesting": (stream(['{"choices": ' + "[" * 20_000 + "]" * 20_000 + "}"]), "not valid JSON"),
    "no HTTP": (raw(b"hello\r\n\r\n", head=b""), "Expected HTTP"),
    "a redirect elsewhere": (answers(302, head="Location: /login\r\n"), "/login"),
    "a redirect to nowhere": (answers(301), "a redirect"),
}
"""Quirks without an answer, with what the log says of them."""
