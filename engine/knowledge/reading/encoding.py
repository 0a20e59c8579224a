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

LATIN = ("cp1252", "cp1250", "iso8859_2", "cp1257", "cp1254", "mac_roman")
"""Western, Central European, Baltic, Turkish, of old Macintoshes."""

RUNNING = ("euc_jp", "gb18030", "big5", "cp932", "cp949", "cp1251", "koi8_r", "cp1255", "cp1253", "cp1256", "cp874")
"""Japanese, Chinese, Korean, Cyrillic, Hebrew, Greek, Arabic, Thai."""

MARGIN = 0.06
"""The earlier of two that look equally likely wins; with this order, short sentences in all of them come out right."""

RUN_SHARES = (0.5, 0.7)
"""Share of the bytes beyond ASCII that stand beside another: below, text is in Latin letters; above, it is not."""

DAMAGED = 5
"""Text with so many more whole UTF-8 characters than damaged ones is UTF-8: others hardly ever look like it."""

MAX_ODD = {"latin": 0.2, "cp874": 0.05}
"""Share of the characters beyond ASCII that may stand where no writer puts them. A judgement."""

_ODD = {
    # A capital after a small letter, a sign of its own inside a word.
    "latin": re.compile(
        r"(?<=[a-z\u00df-\u00ff])[\u00c0-\u00d6\u00d8-\u00de\u0160\u0178\u017d](?![A-Z])"
        r"|(?<=[A-Za-z])[\u00b6\u00b1\u00a6\u00bc-\u00be\u00a3-\u00a5\u2022\u02c6\u00b7\u2039](?=[a-z])"
        r"|(?<![^\s])[\u00b6\u00a6\u00b1](?=[a-z])|(?<=[a-z])[\u00b1\u00b6\u00a6](?![^\s.,])|[\u00fe\u00f0\u00fd](?<=[\u00fe\u00f0\u00fd]{2})"
    ),
    # A vowel sign or tone mark without a consonant, a leading vowel without one behind it.
    "cp874": re.compile(
        "(?<![\u0e01-\u0e2e\u0e31-\u0e3a\u0e47-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
        "|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
    ),
}

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
    if claimed and _is_damaged_utf8(data[:DETECT_BYTES]):
        return data.decode("utf-8", errors="replace").replace("\ufffd", "")
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


def _is_damaged_utf8(sample: bytes) -> bool:
    """Whether a byte is broken here and there in what is UTF-8 otherwise."""
    text = sample.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    return sum(not character.isascii() for character in text) - damaged >= DAMAGED * damaged


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
    runs = len(_HIGH_RUN.findall(sample)) * 2 / max(high, 1)
    candidates = LATIN if runs <= RUN_SHARES[0] else RUNNING if runs >= RUN_SHARES[1] else LATIN + RUNNING
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
    kind = "latin" if name in LATIN else name
    beyond = sum(not character.isascii() for character in text)
    if kind in _ODD and len(_ODD[kind].findall(text)) > MAX_ODD[kind] * beyond:
        return None
    katakana = len(_HALF_WIDTH_KATAKANA.findall(text))
    return None if _CONTROLS.search(text) or katakana * 2 > len(text) else text
