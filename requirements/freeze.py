"""Writes the lock files anew: ``make lock`` after a change in setup.cfg.

A fresh environment gets the newest versions setup.cfg allows, first of the engine, then of the
web tier, then of the tools; each step's additions go into one file. Local version tags
(``torch==2.13.0+cpu``) are cut off, so that the same pin takes a CPU build on one machine and a
CUDA build on another.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
STEPS = (
    ("lock.txt", "", "Everything `make run` installs."),
    ("lock-web.txt", "web", "What the web tier in web/ needs besides."),
    ("lock-dev.txt", "dev", "What tests, linters and benchmarks need besides."),
)
HEADER = "# {about} Tested together on CPython 3.11, Linux x86-64.\n# Written by requirements/freeze.py; do not edit.\n"


def main(keep: list[str]) -> int:
    """``keep`` holds requirement lines that are not to move (``torch==2.13.0``)."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin/python"
        pip(python, "install", "setuptools>=75", *keep)
        seen: set[str] = set()
        included: list[str] = []
        for name, extra, about in STEPS:
            pip(python, "install", "--no-build-isolation", *keep, "-e", f"{ROOT}[{extra}]" if extra else str(ROOT))
            lines = frozen(python) - seen
            body = "".join(f"-r {other}\n" for other in included)
            body += "".join(f"{line}\n" for line in sorted(lines, key=str.lower))
            (HERE / name).write_text(HEADER.format(about=about) + body)
            print(f"{name}: {len(lines)} packages")
            seen |= lines
            included = [name]
    return 0


def pip(python: Path, *words: str) -> None:
    """Runs pip of that environment, showing its progress."""
    subprocess.run([str(python), "-m", "pip", *words], check=True)


def frozen(python: Path) -> set[str]:
    """``name==version`` of everything installed there but pip and this project."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "freeze", "--all", "--exclude", "pip", "--exclude", "talking-tutor-engine"],
        check=True, capture_output=True, text=True,
    ).stdout.split()
    return {re.sub(r"\+[\w.]+$", "", line) for line in listed if "==" in line}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["torch==2.13.0"]))
