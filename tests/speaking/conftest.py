"""The real voices, loaded once for all tests of speaking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from engine.settings import Settings
from engine.speaking.voices import VoiceBook, build_voicebook


@pytest.fixture(scope="session")
def voicebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceBook]:
    """The voices of the default install, also where ``make kokoro`` has fetched others."""
    prepared = Settings().cache_dir / "prepared"
    prepared.mkdir(parents=True, exist_ok=True)
    cache = tmp_path_factory.mktemp("cache")
    (cache / "prepared").symlink_to(prepared)
    book = build_voicebook(Settings(cache_dir=cache, tts={"workers": 1}))
    asyncio.run(book.warm_up(["espeak:en-us"]))
    yield book
    book.close()
