"""Runs ``parse`` in a child process with limits on time and memory, because documents are not trusted.

A damaged or hostile file can make a parser loop or use up memory. Parsers are also slow Python that
would hold the interpreter lock while the engine has pictures to send. The child is kept for the next
document and replaced if it had to be killed. Blocking: call it in a worker thread. Run as a
module, this file is that child: it reads a JSON line and the document's bytes, and writes a JSON line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from engine.knowledge.items import Block, KnowledgeLimits
from engine.knowledge.parse import Unreadable, read_document

ROOT = Path(__file__).parents[2]


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

    def read(self, name: str, data: bytes) -> list[Block]:
        """The blocks of one document.

        Raises:
            Unreadable: as in ``read_document``, or it took too much time or memory.
        """
        child = self._running()
        assert child.stdin is not None and child.stdout is not None
        timer = threading.Timer(self._limits.parse_s, child.kill)
        timer.name = "parse-limit"
        timer.start()
        try:
            child.stdin.write(json.dumps({"name": name, "size": len(data)}).encode() + b"\n" + data)
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
            timer.join()
        if not line:
            self.close()
            raise Unreadable("reading the file took too much time or memory")
        answer = json.loads(line)
        if "error" in answer:
            raise Unreadable(answer["error"])
        return [Block(*fields) for fields in answer["blocks"]]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "engine.knowledge.extract", str(self._limits.parse_bytes)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._child


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The child's loop: answer requests until the input ends."""
    for line in requests:
        header = json.loads(line)
        data = requests.read(header["size"])
        try:
            blocks = [(b.text, b.heading, b.page) for b in read_document(header["name"], data)]
            answer: dict[str, object] = {"blocks": blocks}
        except Unreadable as error:
            answer = {"error": str(error)}
        except (MemoryError, RecursionError):
            answer = {"error": "reading the file took too much memory"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _limit_memory(max_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))


if __name__ == "__main__":
    _limit_memory(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
