"""The tiny models, made and loaded once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("TTS", reason="Coqui TTS is an extra with its own environment: make test-coqui")

import torch

from engine.pipelines.speaking.coqui import CoquiSynthesizer
from tests.coqui.tiny_models import make_vits, make_xtts


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with both under ``coqui/``."""
    torch.set_num_threads(2)
    root = tmp_path_factory.mktemp("models")
    make_vits(root / "coqui" / "tts_models--en--tiny--vits")
    make_xtts(root / "coqui" / "tiny-xtts")
    return root


@pytest.fixture(scope="session")
def coqui(model_folder: Path) -> Iterator[CoquiSynthesizer]:
    synthesizer = CoquiSynthesizer(sorted((model_folder / "coqui").iterdir()), "cpu")
    asyncio.run(synthesizer._worker.run(int))  # its thread lives as long as the fixture
    yield synthesizer
    synthesizer.close()
