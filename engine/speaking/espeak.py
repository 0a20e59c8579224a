"""espeak-ng voices: robotic, but fast and available in more than a hundred languages.

In: a ``Clause``. Out: one ``Speech`` with phoneme and word times. It computes in a ``Worker`` of one thread, since the
library allows one caller at a time. ``close`` ends the thread.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence

from engine.concurrency.worker import Worker
from engine.contracts import Voice
from engine.errors import SynthesisFailed
from engine.items import Clause, Phoneme, Speech, Word
from engine.speaking.espeak_library import EspeakSpeech, WordMark, library
from engine.speaking.ipa import symbol_of
from engine.speaking.languages import iso
from engine.speaking.shaping import Leveller, Shaper
from engine.speaking.timeline import ClauseTiming, Span, shown_words, spread, tokens

PREFIX = "espeak:"

_LICENCE = "GPL-3.0-or-later"
"""Of the library and of its voices' data."""


_FIRST = ("en-us", "cmn", "fr-fr", "es", "pt-br")
"""The preferred voices of languages that have several."""


class EspeakSynthesizer:
    """All voices of espeak-ng.

    Raises:
        SynthesisFailed: the library cannot be started.
    """

    def __init__(self) -> None:
        listed = sorted(library().voices(), key=lambda voice: voice.tag not in _FIRST)
        self._files = {f"{PREFIX}{voice.tag}": voice.file for voice in listed}
        self._voices = [
            Voice(f"{PREFIX}{voice.tag}", iso(voice.tag), f"espeak-ng {voice.name}", timed=True, licence=_LICENCE)
            for voice in listed
        ]
        self._levellers: dict[str, Leveller] = {}
        self._worker = Worker("espeak", 1)

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """See ``Synthesizer.speak``."""
        file = self._files.get(voice.id)
        if file is None:
            raise SynthesisFailed(f"espeak-ng has no voice {voice.id}")
        leveller = self._levellers.setdefault(file, Leveller())
        abandoned = threading.Event()
        try:
            yield await self._worker.run(_speak, clause, file, leveller, abandoned)
        finally:
            abandoned.set()

    def close(self) -> None:
        self._worker.close()


def _speak(clause: Clause, file: str, leveller: Leveller, abandoned: threading.Event) -> Speech:
    speech = library().speak(clause.spoken, file, abandoned.is_set)
    timeline = _timeline(clause, speech, len(speech.pcm) * 1000 / library().rate)
    return Shaper(clause, library().rate, leveller, timeline).finish(speech.pcm)


def _timeline(clause: Clause, speech: EspeakSpeech, total_ms: float) -> ClauseTiming:
    ms = 1000 / library().rate
    # A language switch ("(en)") is reported like a phoneme but takes no time.
    marks = [mark for mark in speech.phonemes if not mark.name.startswith("(")]
    phonemes: list[Phoneme] = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].sample * ms if i + 1 < len(marks) else total_ms
        symbol, stress = symbol_of(mark.name)
        if end > mark.sample * ms:
            phonemes.append(Phoneme(symbol, mark.sample * ms, end, stress))
    words = _words(clause.spoken, speech.words, phonemes, ms)
    return ClauseTiming(shown_words(clause.text, words, total_ms), tuple(phonemes))


def _words(text: str, marks: Sequence[WordMark], phonemes: Sequence[Phoneme], ms: float) -> tuple[Word, ...]:
    """The words of ``text``, begun where espeak-ng reports a word; ``ms`` is the length of a sample."""
    found = tokens(text)
    sounding = [phoneme for phoneme in phonemes if phoneme.symbol]
    end_ms = sounding[-1].end_ms if sounding else 0.0
    starts: list[float | None] = [None] * len(found)
    if not found or not marks:
        return spread([token.text for token in found], [None] * len(found), 0.0, end_ms)
    for mark in marks:
        # A position inside a number or an abbreviation may lie past its token, so take the last token before it.
        owner = next((i for i in reversed(range(len(found))) if found[i].start <= mark.position), 0)
        if starts[owner] is None:
            starts[owner] = mark.sample * ms
    known: list[Span | None] = [None] * len(found)
    marked = [i for i, start in enumerate(starts) if start is not None]
    for i, following in zip(marked, [*marked[1:], len(found)], strict=True):
        start = starts[i] or 0.0
        later = starts[following] if following < len(found) else None
        inside = [p.end_ms for p in sounding if start - 1 <= p.start_ms < (later or end_ms + 2) - 1]
        if inside:
            # One mark may cover several tokens (a Chinese word of two characters).
            shared = [token.text for token in found[i:following]]
            run = spread(shared, [None] * len(shared), start, max(inside))
            known[i:following] = [(word.start_ms, word.end_ms) for word in run]
    return spread([token.text for token in found], known, 0.0, end_ms)
