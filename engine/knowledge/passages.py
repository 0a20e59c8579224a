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

_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？；]+[」』”’）]*|$)\s*", re.DOTALL)


def size_of(text: str) -> float:
    """Length in words, a Chinese or Japanese character counting as half a word."""
    return count_unspaced(text) / 2 + len(text.split())


def cut_passages(blocks: Sequence[Block]) -> list[Piece]:
    """The passages of a document, in document order."""
    pieces: list[Piece] = []
    texts: list[str] = []
    size = 0.0
    first: Block | None = None
    for block in blocks:
        length = size_of(block.text)
        parted = first is not None and (block.heading, block.page) != (first.heading, first.page)
        if first is not None and (parted or size + length > TARGET):
            pieces.append(Piece(" ".join(texts), first.heading, first.page))
            texts, size, first = [], 0.0, None
        if length > LARGEST:
            pieces += (Piece(text, block.heading, block.page) for text in _cut_block(block.text))
            continue
        if first is None:
            first = block
        texts.append(block.text)
        size += length
    if first is not None:
        pieces.append(Piece(" ".join(texts), first.heading, first.page))
    return pieces


def _cut_block(text: str) -> Iterator[str]:
    held: list[str] = []
    size = 0.0
    fresh = False
    for sentence in _sentences(text):
        length = size_of(sentence)
        if held and size + length > TARGET:
            yield "".join(held).strip()
            held = held[-1:] if size_of(held[-1]) + length <= TARGET / 2 else []
            size = sum(map(size_of, held))
            fresh = False
        held.append(sentence)
        size += length
        fresh = True
    if fresh:
        yield "".join(held).strip()


def _sentences(text: str) -> Iterator[str]:
    """Sentences; those that are too long are cut at spaces, or anywhere if there are none."""
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        while size_of(sentence) > LARGEST or len(sentence) > LARGEST * 12:
            at = len(sentence) * TARGET / max(size_of(sentence), len(sentence) / 12)
            space = sentence.rfind(" ", 1, int(at)) + 1
            cut = space or max(1, int(at))
            yield sentence[:cut]
            sentence = sentence[cut:]
        if sentence:
            yield sentence
