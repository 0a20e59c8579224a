"""A rewritten model has the same weights, and a model without Q4_1 weights is left alone."""

from __future__ import annotations

import hashlib
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, quants

from engine.errors import ModelMissing
from engine.items import FloatArray
from engine.models.gguf import faster_prompts, rewrite
from engine.models.gguf_layout import read_layout
from tests.models.small_gguf import gguf, string


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
    source.write_bytes(gguf(blocks, plain.tobytes()))
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
    model.write_bytes(gguf(blocks, bytes(256)))
    made = faster_prompts(model, tmp_path / "cache")
    assert made != model and made.is_file()
    stamp = made.stat().st_mtime_ns
    assert faster_prompts(model, tmp_path / "cache") == made and made.stat().st_mtime_ns == stamp
    assert faster_prompts(made, tmp_path / "cache") == made, "nothing is left to do"
    other = tmp_path / "no.gguf"
    other.write_bytes(b"nothing of the kind")
    assert faster_prompts(other, tmp_path / "cache") == other


@pytest.fixture
def whole(blocks: bytes) -> bytes:
    return gguf(blocks, bytes(256))


def u32(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def u64(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *numbers)


COUNTS = u64(2, 4)
"""Two tensors, four entries of metadata."""

TEXTS, FLOATS = u32(9, 8) + u64(2), u32(9, 6) + u64(3)
NUMBER = string("number") + u32(10) + u64(7)
SMALL = u32(1) + u64(64) + u32(3)
"""The shape and type of the tensor ``small``."""

PLAIN_AT = u32(0) + u64(64)
"""The type and place of the tensor ``plain``."""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"GGUF" + u32(3), b"GGUF" + u32(1), "version 1 "),
        (COUNTS, u64(2, 2**63), "more than 4194304 texts and lists"),
        (COUNTS, u64(2**60, 4), "has 1152921504606846976 tensors"),
        (string("llama"), u64(2**62) + b"llama", r"ends at byte \d+, in the middle"),
        (TEXTS, u32(9, 8) + u64(2**40), "texts and lists"),
        (FLOATS, u32(9, 6) + u64(2**61), "in the middle"),
        (NUMBER, string("number") + u32(99) + u64(7), "unknown type 99"),
        (NUMBER, string("number") + u32(9) + (u32(9) + u64(1)) * 100_000, "unknown type 9"),
        (NUMBER, string("general.alignment") + u32(4, 0), "general.alignment is 0"),
        (string("small") + u32(1), string("small") + u32(2**31), "'small' has 2147483648 dimensions"),
        (SMALL, u32(1) + u64(2**40) + u32(3), "'small' needs 687194767360 bytes and has 64"),
        (SMALL, u32(1) + u64(33) + u32(3), "not whole blocks"),
        (PLAIN_AT, u32(0) + u64(0), "at the same place"),
        (PLAIN_AT, u32(0) + u64(2**50), "'plain' needs 1 bytes and has 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_damaged_is_named(tmp_path: Path, whole: bytes, old: bytes, new: bytes, words: str) -> None:
    model = tmp_path / "a.gguf"
    assert whole.count(old) == 1
    model.write_bytes(whole.replace(old, new))
    with pytest.raises(ModelMissing, match=rf"a\.gguf is damaged: .*{words}.*ENGINE_LLM_MODEL"):
        faster_prompts(model, tmp_path / "cache")


def test_lists_within_lists_are_skipped(tmp_path: Path, whole: bytes) -> None:
    model = tmp_path / "a.gguf"
    model.write_bytes(
        whole.replace(NUMBER, string("lists") + u32(9) + (u32(9) + u64(1)) * 2 + u32(0) + u64(3) + b"abc")
    )
    layout = read_layout(model)
    assert layout is not None and layout.metadata.endswith(b"abc")


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, whole: bytes) -> None:
    model = tmp_path / "a.gguf"
    for length in range(4, len(whole) - 256):
        model.write_bytes(whole[:length])
        with pytest.raises(ModelMissing, match="damaged"):
            faster_prompts(model, tmp_path / "cache")


def test_a_run_of_zeros_is_refused_soon(tmp_path: Path) -> None:
    model = tmp_path / "a.gguf"
    with model.open("wb") as out:
        out.write(b"GGUF" + struct.pack("<IQQ", 3, 2**40, 2**40))
        out.truncate(1 << 30)
    began = time.process_time()
    with pytest.raises(ModelMissing, match="damaged"):
        faster_prompts(model, tmp_path / "cache")
    assert time.process_time() - began < 1


def test_a_folder_in_place_of_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="cannot be read: Is a directory"):
        faster_prompts(tmp_path, tmp_path / "cache")


@pytest.mark.parametrize("scale", [b"\x00\x7c", b"\x01\x7e"], ids=["infinite", "not a number"])
def test_weights_that_are_not_numbers_are_refused_and_leave_nothing(
    tmp_path: Path, blocks: bytes, scale: bytes
) -> None:
    model = tmp_path / "a.gguf"
    model.write_bytes(gguf(scale + blocks[2:], bytes(256)))
    with pytest.raises(ModelMissing, match="weights are not numbers"):
        faster_prompts(model, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.gguf"))
