"""Rewrites a GGUF model's Q4_1 weights as Q8_0, which halves the time llama.cpp needs to read a prompt.

llama.cpp has no fast matrix kernel for Q4_1, so processing a prompt token takes as long as generating one. For Q8_0 it
has. Q8_0 has a finer grid, so the weights keep their accuracy, and generation is as fast as before. The model needs
50 % more memory. Blocking; done once per model. Models without Q4_1 weights are left as they are.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.errors import ModelMissing
from engine.models.gguf_layout import BLOCK_BYTES, MAGIC, Q4_1, Q8_0, Layout, damaged, read_layout
from engine.models.hashes import Stamps
from engine.models.prepare import build_once, intact


def faster_prompts(model: Path, cache_dir: Path) -> Path:
    """A copy of ``model`` in the cache with Q8_0 in place of Q4_1; ``model`` itself if it is not GGUF or has no Q4_1.

    Raises:
        ModelMissing: the model cannot be read or is damaged, or the cache cannot be written.
    """
    try:
        layout = read_layout(model)
        if layout is None or not any(tensor.kind == Q4_1 for tensor in layout.tensors):
            return model
        stamps = Stamps(cache_dir)
        folder = cache_dir / "prepared" / f"llm-{model.stem}-{stamps.sha256(model)[:12]}"
    except OSError as error:
        raise ModelMissing(f"the language model {model} cannot be read: {error.strerror or error}") from error
    if not intact(folder, stamps):
        build_once(folder, lambda work: {model.name: rewrite(model, work / model.name)}, stamps, {"model": model.stem})
    return folder / model.name


def rewrite(source: Path, target: Path) -> str:
    """Writes ``source`` to ``target`` with Q8_0 in place of Q4_1.

    Returns:
        The SHA-256 of ``target`` in lower-case hex.

    Raises:
        ModelMissing: ``source`` is damaged.
        OSError: ``source`` cannot be read or ``target`` cannot be written.
        ValueError: ``source`` is not GGUF.
    """
    layout = read_layout(source)
    if layout is None:
        raise ValueError(f"{source} is not a GGUF file")
    digest = hashlib.sha256()
    with source.open("rb") as stream, target.open("wb") as out:
        try:
            for piece in _pieces(stream, layout):
                out.write(piece)
                digest.update(piece)
        except FloatingPointError:
            raise damaged(source, "some of its weights are not numbers") from None
    return digest.hexdigest()


def _to_q8_0(raw: bytes) -> bytes:
    """Converts whole Q4_1 blocks to Q8_0 blocks.

    Raises:
        FloatingPointError: a block's scale or minimum is infinite or not a number.
    """
    from gguf import GGMLQuantizationType, quants  # imported here because most starts do not need it

    blocks = np.frombuffer(raw, np.uint8).reshape(-1, BLOCK_BYTES[Q4_1])
    if not np.isfinite(blocks[:, :4].copy().view(np.float16)).all():
        raise FloatingPointError("a scale or minimum is not a number")
    weights = quants.dequantize(blocks, GGMLQuantizationType.Q4_1)
    return quants.quantize(weights, GGMLQuantizationType.Q8_0).tobytes()


def _pieces(stream: BinaryIO, layout: Layout) -> Iterator[bytes]:
    """The content of the new file, in order."""
    head = [MAGIC, struct.pack("<IQQ", layout.version, len(layout.tensors), layout.entries), layout.metadata]
    offset = 0
    new_sizes = []
    for tensor in layout.tensors:
        changed = tensor.kind == Q4_1
        size = tensor.blocks * BLOCK_BYTES[Q8_0] if changed else tensor.size
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
        if tensor.kind == Q4_1:
            raw = _to_q8_0(stream.read(tensor.blocks * BLOCK_BYTES[Q4_1]))
        else:
            raw = stream.read(tensor.size)
        yield raw.ljust(size, b"\0")
