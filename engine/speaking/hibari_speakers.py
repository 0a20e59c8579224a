"""The speakers that hibari's one network can be: its own, the named ones, and any other pitch and vocal tract.

A voice id is ``hibari:NAME``, optionally with parameters: ``hibari:heart?pitch=0.9&stretch=1.06``. Pure.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from engine.contracts import Presents, Voice
from engine.errors import InvalidField
from engine.speaking.hibari_vocoder import HOP

PREFIX = "hibari:"
LICENCE = "Apache-2.0"

PITCH_RANGE = (0.4, 2.0)
"""Beyond this, pulses are further apart than a window is long, or a voice is higher than any child's."""

STRETCH_RANGE = (0.75, 1.35)
"""From an infant's vocal tract to that of a man two metres tall, compared with a woman's."""


@dataclass(frozen=True, slots=True)
class HibariSpeaker:
    """How a speaker differs from the one the network was trained on."""

    pitch: float = 1.0
    """Factor on the pitch."""
    stretch: float = 1.0
    """Factor on the length of the vocal tract: above 1 all formants are lower."""

    @property
    def hop(self) -> int:
        """Samples per frame of the network; even, so that Fourier transforms are quick."""
        return 2 * round(HOP * self.stretch / 2)


_NAMED: dict[str, tuple[HibariSpeaker, Presents, str]] = {
    "heart": (HibariSpeaker(), "woman", "Heart, a young woman"),
    "alto": (HibariSpeaker(pitch=0.88, stretch=1.09), "woman", "Alto, an older woman"),
    "tenor": (HibariSpeaker(pitch=0.6, stretch=1.18), "man", "Tenor, a man"),
    "treble": (HibariSpeaker(pitch=1.3, stretch=0.94), "child", "Treble, a child"),
}

"""Pitch and tract are judgements, among those that a predictor of quality (Distill-MOS) finds as good as the network's
own speaker: 4.7 of 5 for all but the child (4.4). Shorter tracts than the child's cost more."""

_OTHER = 0.2
"""Change of the logarithm of pitch or stretch beyond which it is open whom a voice sounds like. A judgement."""

_NUMBER = re.compile(r"\d{1,3}(\.\d{1,4})?")


def named_voices() -> list[Voice]:
    """The speakers with a name, the network's own first."""
    return [_voice(name, about, presents) for name, (_, presents, about) in _NAMED.items()]


def speaker_of(voice_id: str) -> HibariSpeaker:
    """The speaker that a voice id stands for; parameters replace those of the named speaker.

    Raises:
        InvalidField: the name is unknown, or a parameter is unknown, given twice, not a number or out of its range.
    """
    name, mark, query = voice_id.removeprefix(PREFIX).partition("?")
    if name not in _NAMED:
        raise InvalidField(f"voice: hibari has no speaker {name[:40]!r}; it has {', '.join(_NAMED)}")
    limits = {"pitch": PITCH_RANGE, "stretch": STRETCH_RANGE}
    given: dict[str, float] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in limits:
            raise InvalidField(f"voice: hibari has no parameter {key[:40]!r}; it has pitch and stretch")
        low, high = limits[key]
        if key in given or not _NUMBER.fullmatch(value) or not low <= float(value) <= high:
            raise InvalidField(f"voice: {key} must be given once, as a number from {low} to {high}, not {value[:40]!r}")
        given[key] = float(value)
    if mark and not given:
        raise InvalidField("voice: after ? come parameters, for example hibari:heart?pitch=0.9&stretch=1.06")
    return replace(_NAMED[name][0], **given)


def variant(voice_id: str) -> Voice:
    """The voice of an id, with or without parameters.

    Raises:
        InvalidField: see ``speaker_of``.
    """
    speaker = speaker_of(voice_id)
    given = voice_id.removeprefix(PREFIX)
    name, _, query = given.partition("?")
    own, presents, about = _NAMED[name]
    if not query:
        return _voice(name, about, presents)
    changed = max(abs(math.log(speaker.pitch / own.pitch)), abs(math.log(speaker.stretch / own.stretch))) > _OTHER
    return _voice(given, f"{about.split(',')[0]} ({query})", "" if changed else presents)


def _voice(name: str, about: str, presents: Presents) -> Voice:
    return Voice(f"{PREFIX}{name}", "en", about, timed=True, presents=presents, licence=LICENCE)
