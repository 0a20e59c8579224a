"""The real Kokoro voices. Collected only where they are installed: ``make test-kokoro``."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.concurrency.worker import Worker
from engine.models.catalog import ModelStore
from engine.models.known import CATALOG
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.speaking.kokoro import KokoroSynthesizer


def installed() -> bool:
    settings = Settings()
    store = ModelStore(settings.models_dir, settings.cache_dir)
    packages = all(importlib.util.find_spec(name) for name in ("rjieba", "pypinyin"))
    return packages and store.find(CATALOG["kokoro-82m"]) is not None and store.has("kokoro-voices")


collect_ignore_glob = [] if installed() else ["test_*.py"]


@pytest.fixture(scope="session")
def model() -> Path:
    if not installed():  # a file named on the command line is collected anyway
        pytest.skip("Kokoro is not installed: make kokoro")
    settings = Settings()
    return ModelStore(settings.models_dir, settings.cache_dir).locate("kokoro-82m")


@pytest.fixture(scope="session")
def kokoro(model: Path) -> Iterator[KokoroSynthesizer]:
    from engine.speaking.kokoro import open_kokoro

    settings = Settings()
    voices = ModelStore(settings.models_dir, settings.cache_dir).locate("kokoro-voices")
    worker = Worker("kokoro", 1)
    asyncio.run(worker.run(int))  # its thread lives as long as the fixture
    synthesizer = open_kokoro(model, voices, worker, 1, "cpu")
    yield synthesizer
    synthesizer.close()
