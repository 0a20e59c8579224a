"""A rewritten model has the same weights, and a model without Q4_1 weights is left alone."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, quants

from engine.items import FloatArray
from engine.models.gguf import faster_prompts, rewrite


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


def weights_of(file: Path) -> dict[str, tuple[str, FloatArray]]:
    """Type and weights of each tensor, as the reference implementation reads them."""
    tensors = GGUFReader(file).tensors
    return {t.name: (t.tensor_type.name, quants.dequantize(t.data, t.tensor_type).reshape(-1)) for t in tensors}


@pytest.fixture
def blocks() -> bytes:
    """Two blocks of Q4_1, the second one empty."""
    nibbles = np.random.default_rng(3).integers(0, 256, 16).astype(np.uint8)
    return np.array([0.1, -0.7], "<f2").tobytes() + nibbles.tobytes() + bytes(20)


def test_rewriting_keeps_weights_metadata_and_other_tensors(tmp_path: Path, blocks: bytes) -> None:
    source, target = tmp_path / "a.gguf", tmp_path / "b.gguf"
    plain = np.arange(64, dtype="<f4")
    write_model(source, blocks, plain.tobytes())
    assert rewrite(source, target) == hashlib.sha256(target.read_bytes()).hexdigest()
    before, after = weights_of(source), weights_of(target)
    assert [(name, kind) for name, (kind, _) in after.items()] == [("small", "Q8_0"), ("plain", "F32")]
    assert np.array_equal(after["plain"][1], plain)
    wanted, got = before["small"][1], after["small"][1]
    assert np.abs(got - wanted).max() <= np.abs(wanted).max() / 127 and wanted.any()
    assert not got[32:].any(), "an empty block stays empty"
    metadata = [{name: f.contents() for name, f in GGUFReader(file).fields.items()} for file in (source, target)]
    assert metadata[0] == metadata[1] and metadata[0]["list.of.text"] == ["a", "bc"]


def test_made_once_and_only_where_it_helps(tmp_path: Path, blocks: bytes) -> None:
    model = tmp_path / "a.gguf"
    write_model(model, blocks, bytes(256))
    made = faster_prompts(model, tmp_path / "cache")
    assert made != model and made.is_file()
    stamp = made.stat().st_mtime_ns
    assert faster_prompts(model, tmp_path / "cache") == made and made.stat().st_mtime_ns == stamp
    assert faster_prompts(made, tmp_path / "cache") == made, "nothing is left to do"
    other = tmp_path / "no.gguf"
    other.write_bytes(b"nothing of the kind")
    assert faster_prompts(other, tmp_path / "cache") == other
