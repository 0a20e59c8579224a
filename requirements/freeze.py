"""Writes the lock files anew: ``make lock`` after a change in setup.cfg.

pip is asked, without installing anything, which newest versions setup.cfg allows: first for the
engine, then for the web tier, then for the tools; each step's additions go into one file. Local
version tags (``torch==2.13.0+cpu``) are cut off, so that the same pin takes a CPU build on one
machine and a CUDA build on another.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
STEPS = (
    ("lock.txt", "", "", "Everything `make run` installs."),
    ("lock-web.txt", "web", "lock.txt", "What the web tier in web/ needs besides."),
    ("lock-dev.txt", "dev", "lock-web.txt", "What tests, linters and benchmarks need besides."),
    ("lock-portrait.txt", "portrait", "lock.txt", "What avatars made from a portrait need besides."),
    ("lock-musetalk.txt", "musetalk", "lock.txt", "What the MuseTalk renderer needs besides."),
)
"""File, extra, the file it stands on, what it is."""
HEADER = "# {about} Tested together on CPython 3.11, Linux x86-64.\n# Written by requirements/freeze.py; do not edit.\n"
BUILD = "setuptools>=75"
"""Needed once everything else is there, to put the engine itself in place."""


def main(keep: list[str]) -> int:
    """``keep`` holds requirement lines that are not to move (``torch==2.13.0``)."""
    known: dict[str, str] = {}
    for name, extra, base, about in STEPS:
        fixed = [*keep, BUILD, *(f"{package}=={version}" for package, version in known.items())]
        chosen = resolve(f"{HERE.parent}[{extra}]" if extra else str(HERE.parent), fixed)
        added = {package: version for package, version in chosen.items() if package not in known}
        body = f"-r {base}\n" if base else ""
        body += "".join(f"{package}=={added[package]}\n" for package in sorted(added, key=str.lower))
        (HERE / name).write_text(HEADER.format(about=about) + body)
        print(f"{name}: {len(added)} packages")
        known |= chosen
    return 0


def resolve(target: str, fixed: list[str]) -> dict[str, str]:
    """Names and versions of all that ``target`` needs, with the lines in ``fixed`` as they are."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-build-isolation"]
        subprocess.run([*command, "--report", report.name, *fixed, "-e", target], check=True, stdout=sys.stderr)
        packages = [item["metadata"] for item in json.load(report)["install"]]
    return {
        item["name"]: re.sub(r"\+[\w.]+$", "", item["version"])
        for item in packages
        if item["name"] != "talking-tutor-engine"
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["torch==2.13.0"]))
