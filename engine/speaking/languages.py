"""The language of a voice's tag, in the codes the engine uses. Pure."""

from __future__ import annotations

_ISO_639_1 = {"cmn": "zh", "nb": "no", "nn": "no", "iw": "he", "in": "id", "jw": "jv"}
"""Codes that voices and clients use besides those of ISO 639-1 (some of them are its withdrawn ones)."""


def iso(tag: str) -> str:
    """The ISO 639-1 code of a language tag: ``zh`` for ``zh-cn`` and ``cmn``, ``en`` for ``EN_us``."""
    base = tag.lower().replace("_", "-").partition("-")[0]
    return _ISO_639_1.get(base, base)
