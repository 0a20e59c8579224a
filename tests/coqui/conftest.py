"""The tiny models, made and loaded once. Collected only where Coqui TTS is installed: ``make test-coqui``."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from engine.speaking.coqui import CoquiSynthesizer

collect_ignore_glob = ["test_*.py"] if importlib.util.find_spec("TTS") is None else []


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with both under ``coqui/``."""
    import torch

    from tests.coqui.tiny_models import make_vits, make_xtts

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    make_vits(root / "coqui" / "tts_models--en--tiny--vits")
    make_xtts(root / "coqui" / "tiny-xtts")
    return root


@pytest.fixture(scope="session")
def coqui(model_folder: Path) -> Iterator[CoquiSynthesizer]:
    from engine.speaking.coqui import CoquiSynthesizer

    synthesizer = CoquiSynthesizer(sorted((model_folder / "coqui").iterdir()), "cpu")
    asyncio.run(synthesizer._worker.run(int))  # its thread lives as long as the fixture
    yield synthesizer
    synthesizer.close()
