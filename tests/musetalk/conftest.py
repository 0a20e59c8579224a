"""Tiny random networks and avatars. Collected only where the extra ``musetalk`` is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    from engine.pipelines.animating.musetalk.renderer import MuseTalkRenderer
    from engine.pipelines.animating.musetalk.weights import Networks

collect_ignore_glob = ["test_*.py"] if importlib.util.find_spec("diffusers") is None else []

SIZE = 128


def make_avatar(directory: Path, avatar_id: str, count: int = 3, size: int = SIZE, seed: int = 0) -> Path:
    """An avatar of ``count`` noisy pictures whose brightness tells their number."""
    from engine.pipelines.animating.musetalk.avatar_files import write_avatar

    rng = np.random.default_rng(seed)
    pictures = [np.full((size, size, 3), 60 + 40 * index, np.uint8) for index in range(count)]
    masks = np.zeros((count, 256, 256), np.uint8)
    masks[:, 140:240, 40:216] = 255
    numbers = {
        "latents": rng.standard_normal((count, 8, 32, 32)).astype(np.float16),
        "masks": masks,
        "boxes": np.tile(np.array([size // 4, size // 4, size * 3 // 4, size * 3 // 4], np.int32), (count, 1)),
    }
    return write_avatar(directory, avatar_id, avatar_id.title(), pictures, numbers)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from engine.pipelines.animating.musetalk.random_weights import write_random

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
    from engine.pipelines.animating.musetalk.weights import load_networks

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_networks(models_dir, torch.device("cpu"))
    torch.set_num_threads(threads)


@pytest.fixture
def renderer(networks: Networks, models_dir: Path, avatars_dir: Path) -> Iterator[MuseTalkRenderer]:
    from engine.pipelines.animating.musetalk.renderer import MuseTalkRenderer
    from engine.pipelines.animating.musetalk.weights import load_vae

    made = MuseTalkRenderer(networks, [avatars_dir], lambda: load_vae(models_dir / "musetalk"), size=SIZE)
    yield made
    made.close()
