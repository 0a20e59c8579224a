"""Writing small files so that a crash never leaves half of one. Blocking: call it in a worker thread."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path``; a reader sees either the old file or the new one, never a part.

    The folder is created if needed. The content is written to a temporary file beside ``path``, flushed to disk and
    renamed.

    Raises:
        OSError: the folder or the file cannot be written; ``path`` is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
