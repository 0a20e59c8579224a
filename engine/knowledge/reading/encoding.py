"""Which characters the bytes of a text file mean. Pure."""

from __future__ import annotations

import codecs
import re

from engine.knowledge.items import Unreadable
from engine.knowledge.reading.likelihood import likelihood

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

DETECT_BYTES = 200_000
"""As much of a file is looked at to guess its encoding."""

LATIN = ("cp1252", "cp1250", "cp1257")
"""Western, Central European, Baltic."""

RUNNING = ("euc_jp", "gb18030", "big5", "cp932", "cp949", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256")
"""Japanese, Chinese, Korean, Cyrillic, Greek, Hebrew, Arabic."""

MARGIN = 0.06
"""The earlier of two that look equally likely wins; with this order, short sentences in all of them come out right."""

RUN_SHARE = 0.5
"""Share of the bytes beyond ASCII that stand beside another one; below it the text is in Latin letters."""

_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{2}")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_HALF_WIDTH_KATAKANA = re.compile(r"[\uff61-\uff9f]")
"""Hardly used, but what Cyrillic becomes in Shift JIS."""

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)
_DECLARED_BYTES = 4096


def decode_text(data: bytes, declared: str | None = None) -> str:
    """The text: by byte order mark, as UTF-8, as ``declared``, or else by the look of it, in this order.

    Text that is valid UTF-8 and not plain ASCII practically always is UTF-8, whatever it claims.

    Raises:
        Unreadable: no encoding fits.
    """
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace")
    claimed = [] if b"\0" in data else [name for name in ("utf-8", declared) if name]
    for name in claimed:
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    guess = _utf16(data) or _guess(data)
    if guess is None:
        raise Unreadable("the encoding of the text could not be recognised: save it as UTF-8")
    return data.decode(guess, errors="replace")


def decode_html(data: bytes) -> str:
    """The markup; a ``meta`` element may declare its encoding.

    Raises:
        Unreadable: no encoding fits.
    """
    match = _DECLARED.search(data[:_DECLARED_BYTES])
    return decode_text(data, match.group(1).decode() if match else None)


def _utf16(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: every second byte of Latin text is zero."""
    sample = data[:DETECT_BYTES]
    half = max(1, len(sample) // 2)
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
        if zeros.count(0) > half * 0.4 and _decoded(sample, encoding) is not None:
            return encoding
    return None


def _guess(data: bytes) -> str | None:
    """A legacy encoding. Letters beyond ASCII stand alone in Western and Central European text, in runs elsewhere."""
    if b"\0" in data:
        return None
    sample = data[:DETECT_BYTES]
    high = len(_HIGH.findall(sample))
    candidates = RUNNING if len(_HIGH_RUN.findall(sample)) * 2 > high * RUN_SHARE else LATIN
    texts = {name: _decoded(sample, name) for name in candidates}
    scores = {name: likelihood(text) for name, text in texts.items() if text is not None}
    best = max(scores.values(), default=0.0)
    return next((name for name, score in scores.items() if score >= best - MARGIN), None)


def _decoded(data: bytes, name: str) -> str | None:
    decoder = codecs.getincrementaldecoder(name)()  # the sample may end within a character
    try:
        text = decoder.decode(data)
    except UnicodeDecodeError:
        return None
    katakana = len(_HALF_WIDTH_KATAKANA.findall(text))
    return None if _CONTROLS.search(text) or katakana * 2 > len(text) else text
