"""Odd values and damaged copies of good ones, all drawn from one seed."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

TEXTS = (
    "", " ", "\0", "a", "a" * 5000, "\u202e", "\ud800", "😀" * 50, "../../etc/passwd", "%00", "<|im_start|>", "{{7*7}}",
    "'; DROP TABLE documents;--", "\r\nX: y", "null", "NaN", "1e999", "avatar_tutor_1", "avatar_tutor_13",
    "piper:en_US-joe-medium", "espeak:cmn", "espeak:en-us", "en", "zh", "pcm_s16le", "opus", "fmp4", "none",
    "1.1.1.1." * 40, "∑∫√" * 30, "你好。" * 30, "$\\frac{1}{2}$", "```code", "| a | b |\n|--|--|", "[[1, 2], [3, 4]]",
    "Dr. Smith paid $1,000.50 on 3/4.", "\t\n" * 20, "-" * 1150, "ﬁ\u00ad\u200b", "<think>", "?!" * 300,
)  # fmt: skip
"""What programs stumble over, and what the protocol's own fields may hold."""

NUMBERS = (
    0, -1, 1, 2, 255, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**30), 0.5, 1e308, -0.0, 1e-320, float("nan"),
    float("inf"), 16000, 48000, 7999, 8000, True, False, None,
)  # fmt: skip

LENGTHS = (0, 1, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


class Chance(random.Random):
    """A random source that knows how to spoil things."""

    def happens(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.random() < share

    def one(self, *choices: T) -> T:
        """One of these."""
        return self.choice(choices)

    def value(self, depth: int = 0) -> Any:
        """Any JSON value."""
        kind = self.random()
        if kind < 0.4:
            return self.choice(TEXTS)
        if kind < 0.75:
            return self.choice(NUMBERS)
        if depth > 3:
            return None
        if kind < 0.87:
            return [self.value(depth + 1) for _ in range(self.randint(0, 4))]
        return {self.choice(TEXTS[:12]): self.value(depth + 1) for _ in range(self.randint(0, 4))}

    def spoilt(self, good: dict[str, Any]) -> dict[str, Any]:
        """A copy with up to three fields lost, added or changed, nested ones included."""
        made = copy.deepcopy(good)
        for _ in range(self.randint(0, 3)):
            if not made:
                break
            key, kind = self.choice(list(made)), self.random()
            if kind < 0.5:
                made[key] = self.value()
            elif kind < 0.6:
                del made[key]
            elif kind < 0.75:
                made[self.choice(TEXTS)] = self.value()
            elif isinstance(made[key], dict):
                made[key] = self.spoilt(made[key])
            elif isinstance(made[key], str):
                made[key] = self.text(made[key])
        return made

    def written(self, value: Any) -> str:
        """JSON of ``value``, now and then damaged; may hold lone surrogates, as escapes or as they are."""
        text = json.dumps(value, ensure_ascii=self.happens(0.5))
        kind = self.random()
        if kind < 0.1:
            return self.text(text)
        return text[: self.randrange(len(text) + 1)] if kind < 0.13 else text

    def text(self, good: str) -> str:
        """A copy with characters lost, added and repeated."""
        signs = list(good)
        for _ in range(self.randint(1, 4)):
            kind, at = self.random(), self.randrange(len(signs) + 1)
            if kind < 0.3:
                del signs[at : at + 1]
            elif kind < 0.6:
                signs.insert(at, chr(self.one(self.randrange(32, 127), self.randrange(0x80, 0xD7FF), 0, 10, 0x2028)))
            elif kind < 0.8:
                signs[at:at] = signs[at : at + self.randint(1, 200)]
            else:
                del signs[at : at + self.randint(1, 20)]
        return "".join(signs)

    def damaged(self, good: bytes, changes: int = 8) -> bytes:
        """A copy with bits flipped, stretches lost, inserted and repeated, lengths overwritten."""
        data = bytearray(good)
        for _ in range(self.randint(1, changes)):
            if not data:
                break
            kind, at = self.random(), self.randrange(len(data))
            if kind < 0.4:
                data[at] ^= 1 << self.randrange(8)
            elif kind < 0.55:
                del data[at : at + self.randint(1, 30)]
            elif kind < 0.7:
                data[at:at] = self.randbytes(self.randint(1, 40))
            elif kind < 0.8:
                data[at:at] = data[at : at + self.randint(1, 2000)]
            elif kind < 0.95:
                form = self.one("<I", ">I", "<H", ">H")
                raw = struct.pack(form, self.choice(LENGTHS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
                data[at : at + len(raw)] = raw
            else:
                del data[at:]
        return bytes(data)

    def lines(self, good: Sequence[str], odd: Sequence[str]) -> list[str]:
        """A copy with lines lost, repeated, damaged, and some of ``odd`` put in."""
        made = list(good)
        for _ in range(self.randint(0, 6)):
            kind, at = self.random(), self.randrange(len(made) + 1)
            if kind < 0.35:
                made.insert(at, self.choice(odd))
            elif kind < 0.55:
                del made[at : at + 1]
            elif kind < 0.85 and at < len(made):
                made[at] = self.text(made[at])
            else:
                made[at:at] = [self.choice(good)] * self.one(1, 2, 100)
        return made
