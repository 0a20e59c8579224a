"""The real voices, loaded once for all tests of speaking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from engine.settings import Settings
from engine.speaking.voices import VoiceBook, build_voicebook


@pytest.fixture(scope="session")
def voicebook() -> Iterator[VoiceBook]:
    book = build_voicebook(Settings(tts={"workers": 1}))
    asyncio.run(book.warm_up(["espeak:en-us"]))
    yield book
    book.close()
