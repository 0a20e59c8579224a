"""Prometheus's own judge of metrics and rules, from Debian's package ``prometheus``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: apt-get install prometheus, or make test-observability"
)


def promtool(*arguments: str, given: bytes = b"", folder: Path | None = None) -> str:
    """What ``promtool`` prints; fails the test when it finds something wrong."""
    assert PROMTOOL is not None
    result = subprocess.run([PROMTOOL, *arguments], input=given, capture_output=True, cwd=folder, timeout=60)
    said = (result.stdout + result.stderr).decode()
    assert result.returncode == 0, said
    return said
