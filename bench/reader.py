"""A stand-in for a language model: an OpenAI-compatible endpoint whose replies are as long as asked for.

For benchmarks of replies that last minutes, where the content does not matter.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS_PER_S = 30


@contextmanager
def reader(sentences: int) -> Iterator[str]:
    """Serves replies of so many sentences (about 4.5 s of speech each) in threads; gives the base URL."""

    class Reader(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                for number in range(1, sentences + 1):
                    text = f"Sentence {number} of a long reply is read aloud, so that one can see whether it drifts."
                    for word in text.split():
                        self._send(json.dumps(_chunk(f"{word} ")))
                        time.sleep(1 / WORDS_PER_S)
                self._send("[DONE]")
            except (BrokenPipeError, ConnectionResetError):
                return  # interrupted

        def _send(self, data: str) -> None:
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing: the benchmark prints its own table."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Reader)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _chunk(text: str) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
