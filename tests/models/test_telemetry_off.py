"""The libraries we install must not report home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_onnxruntime_does_not_report(tmp_path: Path) -> None:
    """Its reporting begins with a session file in the temporary folder; CI variables would hide it."""
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    code = (
        "from engine.models.onnx import open_session\n"
        "from pathlib import Path; import faster_whisper, time\n"
        "open_session(next(Path(faster_whisper.__file__).parent.glob('assets/silero*.onnx'))); time.sleep(0.3)"
    )
    subprocess.run([sys.executable, "-c", code], env={**environment, "TMPDIR": str(tmp_path)}, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []
