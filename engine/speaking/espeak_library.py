"""libespeak-ng through ctypes: text to audio, with the times of words and phonemes.

The library has global state, so there is one instance per process and every call holds a lock. The copy inside
piper-tts is a separate library. Blocking: a clause takes milliseconds, and a cancelled one stops after at most 60 ms of
audio. The constants and structures are those of espeak-ng's ``speak_lib.h``:
https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np

from engine.errors import SynthesisFailed
from engine.items import FloatArray

_RETRIEVAL_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x1, 0x2, 0x8000
_UTF8, _END_PAUSE = 0x1, 0x1000
_BUFFER_MS = 60
_WORD, _PHONEME = 1, 7
_RATE_WPM = 1
"""The parameter "rate", in words per minute."""

_IPA, _TIED = 0x02, 0x80 | ord("^") << 8
"""Phoneme modes: IPA, with a ``^`` between the letters of one phoneme."""


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class _VoiceRecord(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice of the library."""

    tag: str
    """Language tag in lower case, for example ``en-us``."""
    name: str
    file: str
    """The name to select it by (tags do not always work)."""


@dataclass(frozen=True, slots=True)
class WordMark:
    """Where a word begins."""

    sample: int
    """Samples from the start of the audio."""
    position: int
    """Index of its first character in the text, from 0."""


@dataclass(frozen=True, slots=True)
class PhonemeMark:
    """Where a phoneme begins."""

    sample: int
    """Samples from the start of the audio."""
    name: str
    """IPA with stress marks; empty for a pause."""


@dataclass(frozen=True, slots=True)
class EspeakSpeech:
    """A text as audio, with the times of its words and phonemes."""

    pcm: FloatArray
    """(n,) float32 mono at ``EspeakLibrary.rate``."""
    words: list[WordMark]
    phonemes: list[PhonemeMark]


class EspeakLibrary:
    """The espeak-ng of this process. Thread safe. Get it from ``library()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = int(self._lib.espeak_Initialize(_RETRIEVAL_SYNCHRONOUS, _BUFFER_MS, data, options))
        """Sample rate, Hz."""
        if self.rate <= 0:
            raise SynthesisFailed("espeak-ng could not be started: its data files are missing or damaged")
        self._lib.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
        self._lib.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._callback = _Callback(self._on_audio)
        self._lib.espeak_SetSynthCallback(self._callback)
        self._pieces: list[FloatArray] = []
        self._words: list[WordMark] = []
        self._phonemes: list[PhonemeMark] = []
        self._cancelled: Callable[[], bool] = bool

    def voices(self) -> list[ListedVoice]:
        """Every voice whose pronunciation dictionary is installed."""
        data = Path(espeakng_loader.get_data_path())
        with self._lock:
            records = self._lib.espeak_ListVoices(None)
            found: dict[str, ListedVoice] = {}
            at = 0
            while records[at]:
                record = records[at].contents
                at += 1
                # One byte of priority comes before the tag.
                tag, path = ctypes.string_at(record.languages + 1).decode(), record.identifier.decode()
                if _dictionary(data, path).is_file():
                    voice = ListedVoice(tag.lower(), record.name.decode().strip(), path.rpartition("/")[2])
                    found.setdefault(voice.tag, voice)
            return list(found.values())

    def speak(self, text: str, voice: str, cancelled: Callable[[], bool], words_per_minute: int = 165) -> EspeakSpeech:
        """Synthesizes ``text``.

        Args:
            text: what to say; NUL characters are spoken as spaces.
            voice: a ``ListedVoice.file``.
            cancelled: called after every 60 ms of audio; True ends the call with what there is by then.
            words_per_minute: speaking rate, 80 to 450.

        Raises:
            SynthesisFailed: the voice is unknown, or the library refused the text.
        """
        data = text.replace("\0", " ").encode()
        with self._lock:
            if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
                raise SynthesisFailed(f"espeak-ng has no voice {voice}")
            self._lib.espeak_SetParameter(_RATE_WPM, words_per_minute, 0)
            self._pieces, self._words, self._phonemes, self._cancelled = [], [], [], cancelled
            status = self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
            pieces, words, phonemes = self._pieces, self._words, self._phonemes
            self._pieces, self._cancelled = [], bool
        if status != 0:
            raise SynthesisFailed(f"espeak-ng refused a clause (status {status})")
        pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        return EspeakSpeech(pcm, words, phonemes)

    def phonemes(self, text: str, voice: str) -> str:
        """The phonemes of ``text``: IPA with stress marks, spaces between words, ``^`` in diphthongs and affricates.

        Args:
            text: what to pronounce; NUL characters count as spaces.
            voice: a ``ListedVoice.file``.

        Raises:
            SynthesisFailed: the voice is unknown.
        """
        data = ctypes.create_string_buffer(text.replace("\0", " ").encode())
        rest = ctypes.c_void_p(ctypes.addressof(data))
        said: list[str] = []
        with self._lock:
            if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
                raise SynthesisFailed(f"espeak-ng has no voice {voice}")
            # Each call converts one clause and moves on; the library sets the pointer to NULL at the end.
            while rest.value:
                found = self._lib.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA | _TIED)
                said.append((found or b"").decode("utf-8", "replace"))
        return " ".join(said)

    def _on_audio(self, wav: Any, count: int, events: Any) -> int:
        at = 0
        while (event := events[at]).type:
            at += 1
            if event.type == _WORD:
                self._words.append(WordMark(event.sample, max(0, event.text_position - 1)))
            elif event.type == _PHONEME:
                # The name is cut at eight bytes, possibly inside a character.
                self._phonemes.append(PhonemeMark(event.sample, event.id.string.decode("utf-8", "ignore")))
        if wav and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wav, (count,)).astype(np.float32) / np.float32(32768))
        return 1 if self._cancelled() else 0


def _dictionary(data: Path, voice: str) -> Path:
    """The pronunciation dictionary of a voice: the one its file names, else the one of the voice's language."""
    text = (data / "lang" / voice).read_text("utf-8", "replace")
    named = [line.split()[1] for line in text.splitlines() if line.startswith("dictionary ")]
    return data / f"{named[0] if named else voice.rpartition('/')[2].partition('-')[0].lower()}_dict"


@cache
def library() -> EspeakLibrary:
    """The espeak-ng of this process; the first call starts it (3 ms).

    Raises:
        SynthesisFailed: it cannot be started.
    """
    return EspeakLibrary()
