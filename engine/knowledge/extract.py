"""Runs ``parse`` in a child process with limits, because documents come from strangers.

A damaged or hostile file can make a parser loop, or eat memory; and parsers are Python that
would hold the interpreter while the engine has pictures to send. The child is kept for the next
document and replaced when it had to be killed. Blocking: call it in a worker thread. Run as a
module, this file is that child: a JSON line and so many bytes in, a JSON line out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from engine.knowledge.items import Block, Limits
from engine.knowledge.parse import Unreadable, read_document

ROOT = Path(__file__).parents[2]


class Extractor:
    """Reads documents one after the other. A context manager; not thread safe."""

    def __init__(self, limits: Limits) -> None:
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
            Unreadable: as ``read_document``, and when it took too long or too much memory.
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
            raise Unreadable("reading it took too long or too much memory")
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
    """The child: answer requests until there are no more."""
    for line in requests:
        header = json.loads(line)
        data = requests.read(header["size"])
        try:
            blocks = [(b.text, b.heading, b.page) for b in read_document(header["name"], data)]
            answer: dict[str, object] = {"blocks": blocks}
        except Unreadable as error:
            answer = {"error": str(error)}
        except (MemoryError, RecursionError):
            answer = {"error": "reading it took too much memory"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _limit_memory(most_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


if __name__ == "__main__":
    _limit_memory(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
