"""A small language model file, byte by byte."""

from __future__ import annotations

import struct


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def gguf(blocks: bytes, plain: bytes) -> bytes:
    """A GGUF file of two tensors of 64 weights, Q4_1 and F32, with metadata of several types."""
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
    return head.ljust(-(-len(head) // 32) * 32, b"\0") + blocks.ljust(64, b"\0") + plain
