"""What an installed engine consists of."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_of_the_engine(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "engine"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    source = tmp_path / "source"
    for name in [*listed.splitlines(), "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE.md"]:
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        check=True,
    )
    (wheel,) = tmp_path.glob("talking_tutor-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert set(listed.split()) <= set(archive.namelist())
