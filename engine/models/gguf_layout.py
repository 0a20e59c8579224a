"""Reads where things are in a GGUF file, and refuses a file whose parts do not fit together.

File format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The ``gguf`` package's reader is not used: it
builds arrays for each of the embedded model's 98,052 token and merge strings, which takes 1.7 s and 160 MB at every
start (measured). The reader below skips them in 20 ms.

Every length in the file is checked against the bytes that are left before anything is read, so a damaged file costs
neither memory nor time.
"""

from __future__ import annotations

import itertools
import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelMissing

MAGIC = b"GGUF"
Q4_1, Q8_0 = 3, 8
"""The format's numbers for these tensor types."""

BLOCK = 32
"""Number of weights that share a scale, in both types."""

BLOCK_BYTES = {Q4_1: 2 + 2 + BLOCK // 2, Q8_0: 2 + BLOCK}
"""Bytes per block: the scale (and, in Q4_1, the minimum) in half precision, then 4 or 8 bits per weight."""

_VERSIONS = (2, 3)
"""Version 1 has lengths of 32 bits; llama.cpp no longer reads it."""

_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes per value of the fixed-size metadata types, by type number."""

_NUMBER, _STRING, _ARRAY = 4, 8, 9
"""Type numbers of an unsigned number of 32 bits, a text and a list."""

_UINT32, _UINT64 = struct.Struct("<I"), struct.Struct("<Q")
_MAX_NESTING = 4
"""Arrays within arrays: the format allows them, llama.cpp and its converters use none."""

_MAX_VALUES = 1 << 22
_MAX_TENSORS = 1 << 16
"""Judgements, far above any model's: a vocabulary has up to a million strings, a model some thousand tensors. A run of
zeros reads as very many empty strings or tensors, which would take minutes and gigabytes."""

_MAX_DIMENSIONS = 4
"""``GGML_MAX_DIMS``"""

_ALIGNMENT = b"general.alignment"
_MAX_ALIGNMENT = 1 << 16
"""A judgement; converters write 32."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the file."""

    name: bytes
    shape: tuple[int, ...]
    kind: int
    """The format's number of its type."""

    offset: int
    """Bytes from the start of the tensor data."""

    size: int
    """Bytes up to the next tensor or the end of the file, padding included."""

    @property
    def blocks(self) -> int:
        """Blocks of weights, of a tensor in blocks."""
        return math.prod(self.shape) // BLOCK


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands before the tensor data."""

    version: int
    entries: int
    """Metadata entries."""

    metadata: bytes
    """All of them, byte for byte as in the file."""

    tensors: tuple[Tensor, ...]
    """In the order of the file."""

    alignment: int
    """Tensors begin at multiples of it, in bytes."""

    data: int
    """Where the tensor data begins in the file, in bytes."""


def read_layout(path: Path) -> Layout | None:
    """The layout of a GGUF file; None if it is not GGUF.

    Raises:
        ModelMissing: the file is damaged, or of a version that llama.cpp does not read.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return None
        try:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _read(_Reader(content, len(MAGIC)))
        except _Damaged as error:
            raise damaged(path, str(error)) from None


def damaged(path: Path, reason: str) -> ModelMissing:
    """The refusal of a model file."""
    return ModelMissing(
        f"the language model {path} is damaged: {reason}. Fetch it again, or set ENGINE_LLM_MODEL to another"
    )


class _Damaged(Exception):
    """What is wrong with the file."""


class _Reader:
    """Takes values from the bytes of a file one after another; ``at`` is where the next one begins.

    Raises:
        _Damaged: the file is shorter than what was asked for.
    """

    def __init__(self, content: mmap.mmap, at: int) -> None:
        self.content = content
        self.size = len(content)
        self.at = at
        self._values = 0

    def skip(self, count: int) -> int:
        """Go on by ``count`` bytes; returns where they begin."""
        begin, self.at = self.at, self.at + count
        if self.at > self.size:
            raise _Damaged(f"it ends at byte {self.size}, in the middle of something that begins at byte {begin}")
        return begin

    def take(self, count: int) -> bytes:
        return self.content[self.skip(count) : self.at]

    def uint32(self) -> int:
        return int(_UINT32.unpack_from(self.content, self.skip(4))[0])

    def uint64(self) -> int:
        return int(_UINT64.unpack_from(self.content, self.skip(8))[0])

    def string(self) -> bytes:
        return self.take(self.uint64())

    def skip_strings(self, count: int) -> None:
        for _ in range(count):
            self.skip(self.uint64())

    def count_values(self, count: int) -> None:
        """Note that so many more values follow, none of which has a fixed size."""
        self._values += count
        if self._values > _MAX_VALUES:
            raise _Damaged(f"its metadata has more than {_MAX_VALUES} texts and lists")

    def skip_value(self, kind: int, depth: int = 0) -> None:
        """Skip a metadata value of this type number."""
        if kind in _SCALARS:
            self.skip(_SCALARS[kind])
        elif kind == _STRING:
            self.skip_strings(1)
        elif kind == _ARRAY and depth < _MAX_NESTING:
            item, count = self.uint32(), self.uint64()
            if item in _SCALARS:
                self.skip(_SCALARS[item] * count)
                return
            self.count_values(count)
            if item == _STRING:
                self.skip_strings(count)
            else:
                for _ in range(count):
                    self.skip_value(item, depth + 1)
        else:
            raise _Damaged(f"its metadata has a value of unknown type {kind} before byte {self.at}")


def _read(file: _Reader) -> Layout:
    """Everything before the tensor data. ``file`` must be at the end of the magic number."""
    version, tensors, entries = file.uint32(), file.uint64(), file.uint64()
    if version not in _VERSIONS:
        raise _Damaged(f"it says that it is of version {version} of the format; versions 2 and 3 can be read")
    if tensors > _MAX_TENSORS:
        raise _Damaged(f"it says that it has {tensors} tensors")
    begin, alignment = file.at, 32
    file.count_values(entries)
    for _ in range(entries):
        key, kind = file.string(), file.uint32()
        if key == _ALIGNMENT and kind == _NUMBER:
            alignment = file.uint32()
        else:
            file.skip_value(kind)
    if not 0 < alignment <= _MAX_ALIGNMENT:
        raise _Damaged(f"its {_ALIGNMENT.decode()} is {alignment}")
    metadata = file.content[begin : file.at]
    listed = [_read_tensor(file) for _ in range(tensors)]
    data = -(-file.at // alignment) * alignment
    return Layout(version, entries, metadata, _with_sizes(listed, file.size - data), alignment, data)


def _read_tensor(file: _Reader) -> Tensor:
    """An entry of the tensor list; its size is not known yet."""
    name, dimensions = file.string(), file.uint32()
    if dimensions > _MAX_DIMENSIONS:
        raise _Damaged(f"the tensor {_shown(name)} has {dimensions} dimensions")
    shape = struct.unpack(f"<{dimensions}Q", file.take(8 * dimensions))
    return Tensor(name, shape, file.uint32(), file.uint64(), 0)


def _with_sizes(tensors: list[Tensor], available: int) -> tuple[Tensor, ...]:
    """The tensors with the bytes each of them has of the ``available`` ones, which must be enough."""
    ends = [*sorted(tensor.offset for tensor in tensors), available]
    sizes = {begin: end - begin for begin, end in itertools.pairwise(ends)}
    if len(sizes) < len(tensors):
        raise _Damaged("several of its tensors lie at the same place")
    found = []
    for tensor in tensors:
        size, in_blocks = sizes[tensor.offset], tensor.kind in BLOCK_BYTES
        if in_blocks and (not tensor.blocks or tensor.shape[0] % BLOCK):
            raise _Damaged(f"the tensor {_shown(tensor.name)} has a shape of {tensor.shape}, which is not whole blocks")
        needed = tensor.blocks * BLOCK_BYTES[tensor.kind] if in_blocks else 1
        if size < needed:
            raise _Damaged(f"the tensor {_shown(tensor.name)} needs {needed} bytes and has {max(0, size)}")
        found.append(Tensor(tensor.name, tensor.shape, tensor.kind, tensor.offset, size))
    return tuple(found)


def _shown(name: bytes) -> str:
    return repr(name[:60].decode("utf-8", "replace"))
