"""The weights of a rewritten model are the same, and what is no Q4_1 is left alone."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.models.gguf import Q4_BLOCK, Q8_BLOCK, _read_layout, faster_prompts, rewrite, to_q8_0


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def write_model(file: Path, blocks: bytes, plain: bytes) -> None:
    """Two tensors of 64 weights: Q4_1 and F32; metadata of several types."""
    metadata = (
        string("general.architecture")
        + struct.pack("<I", 8)
        + string("llama")
        + string("list.of.text")
        + struct.pack("<IIQ", 9, 8, 2)
        + string("a")
        + string("bc")
        + string("list.of.float")
        + struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3)
        + string("number")
        + struct.pack("<IQ", 10, 7)
    )
    tensors = string("small") + struct.pack("<IQIQ", 1, 64, 3, 0) + string("plain") + struct.pack("<IQIQ", 1, 64, 0, 64)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 4) + metadata + tensors
    file.write_bytes(head.ljust(-(-len(head) // 32) * 32, b"\0") + blocks.ljust(64, b"\0") + plain)


def values(blocks: np.ndarray, kind: np.dtype) -> np.ndarray:  # type: ignore[type-arg]
    if kind == Q8_BLOCK:
        return blocks["weights"] * blocks["scale"].astype(np.float32)[:, None]
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    return nibbles * blocks["scale"].astype(np.float32)[:, None] + blocks["least"].astype(np.float32)[:, None]


@pytest.fixture
def blocks() -> np.ndarray:  # type: ignore[type-arg]
    chance = np.random.default_rng(3)
    made = np.zeros(2, Q4_BLOCK)
    made["scale"], made["least"] = [0.1, 0], [-0.7, 0]
    made["nibbles"] = chance.integers(0, 256, (2, 16))
    return made


def test_rewriting_keeps_weights_metadata_and_other_tensors(tmp_path: Path, blocks: np.ndarray) -> None:  # type: ignore[type-arg]
    source, target = tmp_path / "a.gguf", tmp_path / "b.gguf"
    plain = np.arange(64, dtype="<f4").tobytes()
    write_model(source, blocks.tobytes(), plain)
    rewrite(source, target)
    with source.open("rb") as old, target.open("rb") as new:
        old.seek(4)
        new.seek(4)
        before, after = _read_layout(old), _read_layout(new)
        assert after.metadata == before.metadata
        assert [(t.name, t.shape, t.kind) for t in after.tensors] == [(b"small", (64,), 8), (b"plain", (64,), 0)]
        assert after.data % 32 == 0 and all(t.offset % 32 == 0 for t in after.tensors)
        new.seek(after.data + after.tensors[0].offset)
        got = np.frombuffer(new.read(2 * Q8_BLOCK.itemsize), Q8_BLOCK)
        new.seek(after.data + after.tensors[1].offset)
        assert new.read(len(plain)) == plain
    wanted = values(blocks, Q4_BLOCK)
    assert np.abs(values(got, Q8_BLOCK) - wanted).max() <= np.abs(wanted).max() / 127


def test_an_empty_block_stays_empty() -> None:
    assert not to_q8_0(np.zeros(1, Q4_BLOCK))["weights"].any()


def test_made_once_and_only_where_it_helps(tmp_path: Path, blocks: np.ndarray) -> None:  # type: ignore[type-arg]
    model = tmp_path / "a.gguf"
    write_model(model, blocks.tobytes(), bytes(256))
    made = faster_prompts(model, tmp_path / "cache")
    assert made != model and made.is_file()
    stamp = made.stat().st_mtime_ns
    assert faster_prompts(model, tmp_path / "cache") == made and made.stat().st_mtime_ns == stamp
    assert faster_prompts(made, tmp_path / "cache") == made, "nothing is left to do"
    other = tmp_path / "no.gguf"
    other.write_bytes(b"nothing of the kind")
    assert faster_prompts(other, tmp_path / "cache") == other
