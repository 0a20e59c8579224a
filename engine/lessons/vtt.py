"""A lesson record as WebVTT: subtitles of what was said and heard. Pure.

https://www.w3.org/TR/webvtt1/
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from engine.lessons.entries import Entry, StudentEntry, TutorEntry
from engine.text.speakable import caption_word

STUDENT = "Student"

READING_MS = 2000
"""How long a text stands that nobody spoke. WebVTT needs an end."""


def to_vtt(entries: Sequence[Entry], tutor: str, started_at: datetime) -> str:
    """The record as a file: what was said and heard, and nothing else.

    A user turn that a later one repeats is left out, as is whatever was not heard.

    Args:
        entries: of the record.
        tutor: the tutor's name.
        started_at: the session's start, which is time 0.
    """
    cues: list[tuple[float, float, str, str]] = []
    for entry in entries:
        if isinstance(entry, TutorEntry):
            cues += _tutor_cues(entry, tutor)
        elif entry.text and not entry.continued:
            cues.append((entry.start_ms, _end_ms(entry), STUDENT, entry.text))
    lines = ["WEBVTT", "", f"NOTE The lesson began at {started_at.isoformat(timespec='seconds')}.", ""]
    number = 0
    for start_ms, end_ms, speaker, text in sorted(cues, key=lambda cue: cue[0]):
        words = filter(None, map(caption_word, text.split()))
        if spoken := " ".join(words):
            number += 1
            lines += [str(number), f"{_time(start_ms)} --> {_time(max(end_ms, start_ms + 1))}"]
            lines += [f"<v {_escaped(speaker)}>{_escaped(spoken)}", ""]
    return "\n".join(lines)


def _tutor_cues(entry: TutorEntry, tutor: str) -> list[tuple[float, float, str, str]]:
    cues = []
    for cue in entry.heard_cues():
        end_ms = cue.end_ms if entry.delivery != "text" else cue.start_ms + READING_MS
        cues.append((entry.start_ms + cue.start_ms, entry.start_ms + end_ms, tutor, entry.text[cue.begin : cue.end]))
    return cues


def _end_ms(entry: StudentEntry) -> float:
    return entry.end_ms if entry.end_ms > entry.start_ms else entry.start_ms + READING_MS


def _time(ms: float) -> str:
    seconds, ms = divmod(round(ms), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _escaped(text: str) -> str:
    """Without what would end a cue or be read as a tag."""
    return html.escape(" ".join(text.split()), quote=False)
