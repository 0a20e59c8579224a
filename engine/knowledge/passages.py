"""Cuts a document's blocks into passages short enough to quote. Pure.

Short blocks of the same page and heading are joined. Long blocks are cut at sentence ends, and the
last sentence of a passage is repeated in the next, so that no answer is split between two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.knowledge.items import Block, Piece
from engine.text.scripts import count_unspaced

TARGET = 90
"""Words in a passage; a Chinese or Japanese character counts as half a word. A judgement."""

LARGEST = 130
"""Blocks up to this many words stay whole."""

MAX_CHARS = 1_500
"""No passage is longer, whatever its words are."""

# Possessive, and only from the first character of a run: linear on runs of dots.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?:\s++|$)|(?<![。！？；])[。！？；]++[」』”’）]*+\s*+")


def size_of(text: str) -> float:
    """Length in words, a Chinese or Japanese character counting as half a word."""
    return count_unspaced(text) / 2 + len(text.split())


def cut_passages(blocks: Sequence[Block]) -> list[Piece]:
    """The passages of a document, in document order."""
    pieces: list[Piece] = []
    texts: list[str] = []
    size, chars = 0.0, 0
    first: Block | None = None
    for block in blocks:
        length = size_of(block.text)
        parted = first is not None and (block.heading, block.page) != (first.heading, first.page)
        if first is not None and (parted or size + length > TARGET or chars + len(block.text) > MAX_CHARS):
            pieces.append(Piece(" ".join(texts), first.heading, first.page))
            texts, size, chars, first = [], 0.0, 0, None
        if length > LARGEST or len(block.text) > MAX_CHARS:
            pieces += (Piece(text, block.heading, block.page) for text in _cut_block(block.text))
            continue
        if first is None:
            first = block
        texts.append(block.text)
        size += length
        chars += len(block.text) + 1
    if first is not None:
        pieces.append(Piece(" ".join(texts), first.heading, first.page))
    return pieces


def _cut_block(text: str) -> Iterator[str]:
    held: list[str] = []
    size = 0.0
    fresh = False
    for sentence in sentences(text):
        length = size_of(sentence)
        if held and (size + length > TARGET or sum(map(len, held)) + len(sentence) > MAX_CHARS):
            yield "".join(held).strip()
            repeated = size_of(held[-1]) + length <= TARGET / 2 and len(held[-1]) + len(sentence) <= MAX_CHARS
            held = held[-1:] if repeated else []
            size = sum(map(size_of, held))
            fresh = False
        held.append(sentence)
        size += length
        fresh = True
    if fresh:
        yield "".join(held).strip()


def sentences(text: str) -> Iterator[str]:
    """Sentences; those that are too long are cut at spaces, or anywhere if there are none."""
    start = 0
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    for end in (*ends, len(text)):
        yield from _bounded(text[start:end])
        start = end


def _bounded(sentence: str) -> Iterator[str]:
    """``sentence`` in pieces of up to ``TARGET`` words and ``MAX_CHARS`` characters, whole if it is not much longer."""
    start = 0
    while start < len(sentence):
        piece = sentence[start : start + MAX_CHARS]
        size = size_of(piece)
        if size > LARGEST:
            piece = piece[: max(1, int(len(piece) * TARGET / size))]
        if start + len(piece) < len(sentence):
            piece = piece[: piece.rfind(" ", 1) + 1] or piece
        yield piece
        start += len(piece)
