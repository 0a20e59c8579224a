"""A reply's text in sentences with times, for subtitles. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.items import Word

MAX_CUE_CHARS = 84
"""A sentence longer than this is cut at its next word: two lines of 42 characters, the usual length of subtitles."""

_SENTENCE_END = re.compile(r"[.!?…。！？\n]")


class Cue(NamedTuple):
    """A stretch of a text, and when it is heard."""

    begin: int
    """Position of its first character."""
    end: int
    start_ms: float
    """From the start of the reply's playback."""
    end_ms: float


def cut_cues(text: str, words: Sequence[Word], sent_ms: float) -> list[Cue]:
    """All of ``text`` in cues.

    Args:
        text: of a reply.
        words: with their times; those that are not found in ``text`` are skipped.
        sent_ms: how long the reply is; a text without words is one cue of this length.
    """
    cues: list[Cue] = []
    cursor, open_new = 0, True
    for word in words:
        at = text.find(word.text, cursor)
        if at < 0:
            continue
        if cues and _SENTENCE_END.search(text, cursor - 1, at):
            open_new = True
        cursor = at + len(word.text)
        if open_new:
            if cues:
                cues[-1] = cues[-1]._replace(end=at)
            cues.append(Cue(at if cues else 0, cursor, word.start_ms, word.end_ms))
        else:
            cues[-1] = cues[-1]._replace(end=cursor, end_ms=word.end_ms)
        open_new = cursor - cues[-1].begin >= MAX_CUE_CHARS
    if not cues:
        return [Cue(0, len(text), 0.0, sent_ms)] if text else []
    cues[-1] = cues[-1]._replace(end=len(text))
    return cues


def heard_cues(cues: Sequence[Cue], heard_chars: int, heard_ms: float) -> list[Cue]:
    """What was heard of ``cues``: the first ``heard_chars`` characters, within ``heard_ms``."""
    return [
        Cue(cue.begin, min(cue.end, heard_chars), cue.start_ms, max(cue.start_ms, min(cue.end_ms, heard_ms)))
        for cue in cues
        if cue.begin < heard_chars
    ]
