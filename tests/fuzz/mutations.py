"""Damaged copies of valid samples: what a parser meets from a broken or hostile client."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import strategies as st

LENGTHS = (0, 1, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
FORMS = ("<I", ">I", "<H", ">H", "<Q")


@st.composite
def damaged(draw: st.DrawFn, samples: Sequence[bytes], most: int = 6) -> bytes:
    """A sample after up to ``most`` changes: bits flipped, cut, spliced, repeated, lengths overwritten."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(("flip", "cut", "splice", "repeat", "length", "insert", "remove")))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "splice":
            other = draw(st.sampled_from(samples))
            data[at:] = other[draw(st.integers(0, len(other))) :]
        elif kind == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        elif kind == "length":
            value, form = draw(st.sampled_from(LENGTHS)), draw(st.sampled_from(FORMS))
            raw = struct.pack(form, value % (1 << 8 * struct.calcsize(form)))
            data[at : at + len(raw)] = raw
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=16))
        elif kind == "remove":
            del data[at : at + draw(st.integers(1, 64))]
    return bytes(data)


@st.composite
def damaged_text(draw: st.DrawFn, samples: Sequence[str], most: int = 6) -> str:
    """The same for text: lines and characters lost, repeated, swapped or replaced."""
    lines = draw(st.sampled_from(samples)).splitlines(keepends=True)
    for _ in range(draw(st.integers(0, most))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(("drop", "repeat", "swap", "replace", "edit")))
        if kind == "drop":
            del lines[at]
        elif kind == "repeat":
            lines[at:at] = [lines[at]] * draw(st.integers(1, 20))
        elif kind == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "replace":
            lines[at] = draw(st.text(max_size=60))
        else:
            begin, end = sorted(draw(st.tuples(*[st.integers(0, len(lines[at]))] * 2)))
            lines[at] = lines[at][:begin] + draw(st.text(max_size=20)) + lines[at][end:]
    return "".join(lines)
