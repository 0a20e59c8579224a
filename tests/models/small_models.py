"""Tiny stand-ins for catalogued models: real folders, real hashes, a few bytes each."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from engine.models.known import CATALOG, Entry, ModelFile

HEAD, TAIL = b"first half " * 1000, b"second half" * 1000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def joined_entry() -> Entry:
    """A model that ships in two parts, like Whisper base."""
    return Entry(
        name="tiny-joined",
        kind="asr",
        about="",
        licence="MIT",
        source="here",
        folder="toy_part1/data",
        files=(
            ModelFile(
                "model.bin",
                sha256(HEAD + TAIL),
                len(HEAD + TAIL),
                parts=("toy_part1/data/model.bin.part1", "toy_part2/data/model.bin.part2"),
            ),
            ModelFile("config.json", sha256(b"{}"), 2),
        ),
        packages=("toy-part1==1.0.0 --hash=sha256:0",),
        prepare="join",
    )


def plain_entry() -> Entry:
    """A model of one file, used where it lies."""
    return Entry(
        name="tiny-plain",
        kind="vad",
        about="",
        licence="MIT",
        source="here",
        folder="toy_plain/data",
        files=(ModelFile("net.onnx", sha256(b"weights"), 7),),
        packages=("toy-plain==1.0.0 --hash=sha256:0",),
        main="net.onnx",
    )


def ship(site: Path, tail: bytes = TAIL) -> None:
    """Lays the toy packages out as pip would; importing any of them fails the test."""
    for file, content in {
        "toy_part1/data/model.bin.part1": HEAD,
        "toy_part1/data/config.json": b"{}",
        "toy_part2/data/model.bin.part2": tail,
        "toy_plain/data/net.onnx": b"weights",
    }.items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        (site / file.split("/")[0] / "__init__.py").write_text("raise ImportError('weights only')")


def know(monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    """Puts the toys into the catalog and their packages on the path."""
    for entry in (joined_entry(), plain_entry()):
        monkeypatch.setitem(CATALOG, entry.name, entry)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
