"""Tiny random networks and avatars. Collected only where the extra ``musetalk`` is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.rendering.musetalk.small_avatars import make_avatar
from tests.torch_threads import one_torch_thread

if TYPE_CHECKING:
    from engine.rendering.musetalk.renderer import MuseTalkRenderer
    from engine.rendering.musetalk.weights import Networks

collect_ignore_glob = ["test_*.py"] if importlib.util.find_spec("diffusers") is None else []


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from engine.rendering.musetalk.random_weights import write_random

    folder = tmp_path_factory.mktemp("models")
    write_random(folder)
    return folder


@pytest.fixture(scope="session")
def avatars_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("avatars")
    make_avatar(folder, "ada", seed=1)
    make_avatar(folder, "bob", seed=2)
    make_avatar(folder, "cleo", size=160, seed=3)
    return folder


@pytest.fixture(scope="session")
def networks(models_dir: Path) -> Iterator[Networks]:
    from engine.rendering.musetalk.weights import load_networks

    with one_torch_thread():
        yield load_networks(models_dir, torch.device("cpu"))


@pytest.fixture
def renderer(networks: Networks, avatars_dir: Path) -> Iterator[MuseTalkRenderer]:
    from engine.rendering.musetalk.renderer import MuseTalkRenderer

    made = MuseTalkRenderer(networks, [avatars_dir])
    yield made
    made.close()
