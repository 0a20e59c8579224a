"""Reads documents and cuts them into passages in a child process with limits on time and memory.

Documents are not trusted: a damaged or hostile file can make a parser loop or use up memory. Parsers are also slow
Python that would hold the interpreter lock while the engine has pictures to send. The child is kept for the next
document and replaced if it had to be killed. Blocking: call it in a worker thread. Run as a module, this file is that
child: it reads a JSON line and the document's bytes, and writes a JSON line that says how many passages there are,
then one for each. Python's JSON parser lets no other thread run, so the engine parses no more than a passage at a time.
"""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from engine.knowledge.items import KnowledgeLimits, Piece, Unreadable
from engine.knowledge.parse import read_document
from engine.knowledge.passages import cut_passages

ROOT = Path(__file__).parents[2]

LOOK_S = 0.2
"""How often a caller may stop the reading."""

SPARE_S = 5.0
"""The child's own limit of time is longer than the engine's, which can say what happened."""

LOOK_PIECES = 256
"""And after how many passages, while they are handed over."""


class Extractor:
    """Reads documents one after another. A context manager; not thread safe."""

    def __init__(self, limits: KnowledgeLimits) -> None:
        self._limits = limits
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Extractor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child. Idempotent."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            pipe.close()
        child.wait()

    def read(self, name: str, data: bytes, look: Callable[[], None] = lambda: None) -> list[Piece]:
        """The passages of one document.

        Args:
            look: called several times a second while the child works; whatever it raises ends the child.

        Raises:
            Unreadable: as in ``read_document``, or it took too much time or memory.
        """
        child = self._running()
        assert child.stdin is not None and child.stdout is not None
        request = json.dumps({"name": name, "size": len(data)}).encode() + b"\n" + data
        writer = threading.Thread(target=_write, args=(child.stdin, request), name="document-to-child")
        writer.start()
        pieces: list[Piece] | str | None = None
        try:
            deadline = time.monotonic() + self._limits.parse_s
            while not select.select([child.stdout], [], [], LOOK_S)[0]:
                look()
                if time.monotonic() > deadline:
                    raise Unreadable("reading the file took too much time")
            pieces = _read_answer(child.stdout, look)
        finally:
            if pieces is None:
                child.kill()
            writer.join()
            if pieces is None:
                self.close()
        if pieces is None:
            raise Unreadable("reading the file took too much memory")
        if isinstance(pieces, str):
            raise Unreadable(pieces)
        return pieces

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "engine.knowledge.extract",
                    str(self._limits.parse_bytes),
                    str(self._limits.parse_s),
                ],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._child


def _write(pipe: IO[bytes], request: bytes) -> None:
    try:
        pipe.write(request)
        pipe.flush()
    except (BrokenPipeError, ValueError):
        return  # the child ended, which the reader notices


def _read_answer(answers: IO[bytes], look: Callable[[], None]) -> list[Piece] | str | None:
    """The passages; or why there are none; or None when the child ended without an answer."""
    line = answers.readline()
    if not line:
        return None
    answer = json.loads(line)
    if "error" in answer:
        return str(answer["error"])
    pieces = []
    for number in range(answer["pieces"]):
        if number % LOOK_PIECES == 0:
            look()
        line = answers.readline()
        if not line.endswith(b"\n"):
            return None
        pieces.append(Piece(*json.loads(line)))
    return pieces


def serve(requests: IO[bytes], answers: IO[bytes], longest_s: float) -> None:
    """The child's loop: answer requests until the input ends.

    Args:
        longest_s: for one document; then the kernel ends this process, whoever started it having gone or not.
    """
    for line in requests:
        signal.setitimer(signal.ITIMER_REAL, longest_s)
        header = json.loads(line)
        data = requests.read(header["size"])
        pieces: list[Piece] = []
        try:
            pieces = cut_passages(read_document(header["name"], data))
            answer: dict[str, object] = {"pieces": len(pieces)}
        except Unreadable as error:
            answer = {"error": str(error)}
        except (MemoryError, RecursionError):
            answer = {"error": "reading the file took too much memory"}
        answers.write(json.dumps(answer).encode() + b"\n")
        for piece in pieces:
            answers.write(json.dumps((piece.text, piece.heading, piece.page)).encode() + b"\n")
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_memory(max_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))


if __name__ == "__main__":
    _limit_memory(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer, float(sys.argv[2]) + SPARE_S)
