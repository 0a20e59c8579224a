"""Rewrites a GGUF model's Q4_1 weights as Q8_0, which halves the time llama.cpp needs to read a prompt.

llama.cpp has no fast matrix kernel for Q4_1, so processing a prompt token takes as long as generating one. For Q8_0 it
has. Q8_0 has a finer grid, so the weights keep their accuracy, and generation is as fast as before. The model needs
50 % more memory. Blocking; done once per model. Models without Q4_1 weights are left as they are.

File format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The ``gguf`` package converts the weights, but
its reader is not used: it builds arrays for each of the embedded model's 98,052 token and merge strings, which takes
1.7 s and 160 MB at every start (measured). The reader below skips them in 20 ms.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.models.hashes import Stamps
from engine.models.prepare import build_once, intact

MAGIC = b"GGUF"
Q4_1, Q8_0 = 3, 8
"""The format's numbers for these tensor types."""

BLOCK = 32
"""Number of weights that share a scale, in both types."""

BLOCK_BYTES = {Q4_1: 2 + 2 + BLOCK // 2, Q8_0: 2 + BLOCK}
"""Bytes per block: the scale (and, in Q4_1, the minimum) in half precision, then 4 or 8 bits per weight."""

_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes per value of the fixed-size metadata types, by type number."""

_STRING, _ARRAY = 8, 9
_ALIGNMENT = b"general.alignment"


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: bytes
    shape: tuple[int, ...]
    kind: int
    offset: int
    """Bytes from the start of the tensor data."""


@dataclass(frozen=True, slots=True)
class _Layout:
    version: int
    entries: int
    metadata: bytes
    """All metadata entries, byte for byte as in the file."""
    tensors: tuple[_Tensor, ...]
    alignment: int
    data: int
    """Where the tensor data begins in the file, in bytes."""


def faster_prompts(model: Path, cache_dir: Path) -> Path:
    """A copy of ``model`` in the cache with Q8_0 in place of Q4_1; ``model`` itself if it is not GGUF or has no Q4_1.

    Raises:
        ModelMissing: the cache cannot be written.
        OSError: the model cannot be read.
        ValueError, struct.error: the file is damaged.
    """
    with model.open("rb") as stream:
        if stream.read(4) != MAGIC or not any(t.kind == Q4_1 for t in _read_layout(stream).tensors):
            return model
    stamps = Stamps(cache_dir)
    folder = cache_dir / "prepared" / f"llm-{model.stem}-{stamps.sha256(model)[:12]}"
    if not intact(folder, stamps):
        build_once(folder, lambda work: {model.name: rewrite(model, work / model.name)}, stamps, {"model": model.stem})
    return folder / model.name


def rewrite(source: Path, target: Path) -> str:
    """Writes ``source`` to ``target`` with Q8_0 in place of Q4_1.

    Returns:
        The SHA-256 of ``target`` in lower-case hex.

    Raises:
        OSError: ``source`` cannot be read or ``target`` cannot be written.
        ValueError, struct.error: ``source`` is damaged.
    """
    with source.open("rb") as stream:
        stream.seek(4)
        layout = _read_layout(stream)
        sizes = _sizes(layout, source.stat().st_size)
        digest = hashlib.sha256()
        with target.open("wb") as out:
            for piece in _pieces(stream, layout, sizes):
                out.write(piece)
                digest.update(piece)
    return digest.hexdigest()


def _to_q8_0(raw: bytes) -> bytes:
    """Converts whole Q4_1 blocks to Q8_0 blocks."""
    from gguf import GGMLQuantizationType, quants  # imported here because most starts do not need it

    weights = quants.dequantize(np.frombuffer(raw, np.uint8).reshape(-1, BLOCK_BYTES[Q4_1]), GGMLQuantizationType.Q4_1)
    return quants.quantize(weights, GGMLQuantizationType.Q8_0).tobytes()


def _read_layout(stream: BinaryIO) -> _Layout:
    """Reads everything before the tensor data. The stream must be positioned right after the magic number."""
    version, tensors, entries = struct.unpack("<IQQ", stream.read(20))
    begin, alignment = stream.tell(), 32
    for _ in range(entries):
        key = _string(stream)
        (kind,) = struct.unpack("<I", stream.read(4))
        if key == _ALIGNMENT:
            (alignment,) = struct.unpack("<I", stream.read(4))
        else:
            _skip_value(stream, kind)
    end = stream.tell()
    stream.seek(begin)
    metadata = stream.read(end - begin)
    listed = []
    for _ in range(tensors):
        name = _string(stream)
        (dimensions,) = struct.unpack("<I", stream.read(4))
        shape = struct.unpack(f"<{dimensions}Q", stream.read(8 * dimensions))
        kind, offset = struct.unpack("<IQ", stream.read(12))
        listed.append(_Tensor(name, shape, kind, offset))
    data = -(-stream.tell() // alignment) * alignment
    return _Layout(version, entries, metadata, tuple(listed), alignment, data)


def _sizes(layout: _Layout, file_size: int) -> dict[bytes, int]:
    """Bytes from the start of each tensor to the next one, padding included."""
    ends = [*sorted(t.offset for t in layout.tensors), file_size - layout.data]
    following = dict(itertools.pairwise(ends))
    return {t.name: following[t.offset] - t.offset for t in layout.tensors}


def _pieces(stream: BinaryIO, layout: _Layout, sizes: dict[bytes, int]) -> Iterator[bytes]:
    """The content of the new file, in order."""
    head = [MAGIC, struct.pack("<IQQ", layout.version, len(layout.tensors), layout.entries), layout.metadata]
    offset = 0
    new_sizes = []
    for tensor in layout.tensors:
        changed = tensor.kind == Q4_1
        weights = int(np.prod(tensor.shape))
        size = weights // BLOCK * BLOCK_BYTES[Q8_0] if changed else sizes[tensor.name]
        size = -(-size // layout.alignment) * layout.alignment
        head += [
            struct.pack("<Q", len(tensor.name)),
            tensor.name,
            struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape),
            struct.pack("<IQ", Q8_0 if changed else tensor.kind, offset),
        ]
        new_sizes.append(size)
        offset += size
    joined = b"".join(head)
    yield joined.ljust(-(-len(joined) // layout.alignment) * layout.alignment, b"\0")
    for tensor, size in zip(layout.tensors, new_sizes, strict=True):
        stream.seek(layout.data + tensor.offset)
        raw = stream.read(sizes[tensor.name])
        if tensor.kind == Q4_1:
            raw = _to_q8_0(raw[: int(np.prod(tensor.shape)) // BLOCK * BLOCK_BYTES[Q4_1]])
        yield raw.ljust(size, b"\0")


def _string(stream: BinaryIO) -> bytes:
    (length,) = struct.unpack("<Q", stream.read(8))
    return stream.read(length)


def _skip_value(stream: BinaryIO, kind: int) -> None:
    if kind in _SCALARS:
        stream.seek(_SCALARS[kind], 1)
    elif kind == _STRING:
        _string(stream)
    elif kind == _ARRAY:
        item, count = struct.unpack("<IQ", stream.read(12))
        if item in _SCALARS:
            stream.seek(_SCALARS[item] * count, 1)
        else:
            for _ in range(count):
                _skip_value(stream, item)
    else:
        raise ValueError(f"GGUF metadata has an unknown type {kind}")
