"""A Piper voice that says a sentence the same way every time: what is understood of it does not depend on luck."""

from __future__ import annotations

from engine.concurrency.worker import Worker
from engine.models.catalog import locate
from engine.speaking.piper import PiperSynthesizer


def steady_piper() -> PiperSynthesizer:
    """The default voice without its random variation. ``close`` it."""
    piper = PiperSynthesizer([locate("piper-en_US-joe-medium")], Worker("piper"))
    for loaded in piper._loaded.values():
        loaded.piper.config.noise_scale = loaded.piper.config.noise_w_scale = 0.0
    return piper
