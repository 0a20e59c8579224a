"""The threads of a worker have its name, so that a profile says whose time it shows."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from engine.concurrency.worker import Worker


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_system_knows_a_workers_threads_by_name() -> None:
    worker = Worker("speakable-text-of-a-long-name")
    try:
        comm = await worker.run(lambda: Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text())
    finally:
        worker.close()
    assert comm.strip() == "speakable-text-"
