"""The voices of Kokoro-82M v1.0: what each is, and its style vectors."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.contracts import Presents, Voice
from engine.errors import ModelMissing
from engine.items import FloatArray

PREFIX = "kokoro:"

LENGTHS = 510
"""A voice has one style vector for each number of phonemes, 1 to this."""

_STYLE = 256


@dataclass(frozen=True, slots=True)
class _Kind:
    language: str
    """ISO 639-1."""
    name: str
    espeak: str = ""
    """Tag of the espeak-ng voice that turns the language's text into phonemes; empty where espeak-ng does not."""


_KINDS = {
    "a": _Kind("en", "American English"),
    "b": _Kind("en", "British English"),
    "z": _Kind("zh", "Mandarin"),
    "e": _Kind("es", "Spanish", "es"),
    "f": _Kind("fr", "French", "fr-fr"),
    "h": _Kind("hi", "Hindi", "hi"),
    "i": _Kind("it", "Italian", "it"),
    "p": _Kind("pt", "Brazilian Portuguese", "pt-br"),
}
"""By the first letter of a voice's name. Japanese (``j``) is missing, see ``why_missing``."""

_BEST = (
    "af_heart", "af_bella", "af_nicole", "bf_emma", "ff_siwis", "am_fenrir", "am_michael", "am_puck", "bm_george",
    "bm_fable", "zf_xiaoxiao", "zm_yunxi", "ef_dora", "if_sara", "pf_dora", "hf_alpha",
)  # fmt: skip
"""Listed first: those that the model's authors graded best, and one or two for each other language.

From https://huggingface.co/hexgrad/Kokoro-82M/blob/main/VOICES.md.
"""

_FILE = re.compile(r"[a-z][fm]_[a-z]+")
_MANDARIN = "z"


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice with its style vectors."""

    voice: Voice
    british: bool
    """Says English the British way."""
    espeak: str
    """See ``_Kind``."""
    styles: FloatArray
    """(510, 1, 256) float32: one row per number of phonemes."""

    def style(self, phonemes: int) -> FloatArray:
        """The style vector for this many phonemes, (1, 256)."""
        row: FloatArray = self.styles[min(max(phonemes, 1), LENGTHS) - 1]
        return row


def why_missing(voice_id: str) -> str:
    """What a Kokoro voice that is not offered lacks, as the end of an error message; empty for other ids."""
    name = voice_id.removeprefix(PREFIX)
    if name == voice_id or not _FILE.fullmatch(name):
        return ""
    if name[0] == "j":
        return (
            "Japanese needs OpenJTalk and its dictionary to turn text into phonemes, which this engine does not use; "
            "espeak:ja speaks Japanese"
        )
    return "run make kokoro to install Kokoro and its voices" if name[0] in _KINDS else ""


def load_speakers(folder: Path, languages: Collection[str]) -> list[Speaker]:
    """The voices of a folder, best first.

    Args:
        folder: with one ``NAME.bin`` for each voice.
        languages: ISO 639-1 codes of the languages wanted.

    Raises:
        ModelMissing: a file is damaged, or there is none.
    """
    names = sorted(path.stem for path in folder.glob("*.bin") if _FILE.fullmatch(path.stem))
    names.sort(key=lambda name: _BEST.index(name) if name in _BEST else len(_BEST))
    speakers = [_load(folder / f"{name}.bin") for name in names if _language(name) in languages]
    if not speakers:
        raise ModelMissing(f"there is no Kokoro voice in {folder}: run python -m engine models pull kokoro-voices")
    return speakers


def _language(name: str) -> str:
    return _KINDS[name[0]].language if name[0] in _KINDS else ""


def _load(path: Path) -> Speaker:
    try:
        # Only the rows that are used are read from disk.
        styles = np.memmap(path, np.dtype("<f4"), mode="r", shape=(LENGTHS, 1, _STYLE))
    except (OSError, ValueError) as error:
        raise ModelMissing(f"Kokoro voice {path} is damaged: {error}") from error
    kind, name = _KINDS[path.stem[0]], path.stem[3:].capitalize()
    presents: Presents = "woman" if path.stem[1] == "f" else "man"
    voice = Voice(
        f"{PREFIX}{path.stem}",
        kind.language,
        f"Kokoro {name}, {kind.name}",
        timed=True,
        mixes=("en",) if path.stem[0] == _MANDARIN else (),
        presents=presents,
        licence="Apache-2.0",
    )
    return Speaker(voice, path.stem[0] == "b", kind.espeak, styles)
