"""Sound made in pieces is the sound made at once, and a network that cannot be cut still speaks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.models.catalog import locate
from engine.speaking.piper_graph import Latent, PiperGraph

HOP = 256
IDS = [1, 0, 20, 0, 61, 0, 24, 0, 59, 0, 100, 0, 3, 0, 31, 0, 18, 0, 122, 0, 24, 0, 50, 0, 14, 0, 59, 0, 26, 0, 2] * 2
SCALES = (0.667, 1.0, 0.8)


@pytest.fixture(scope="module")
def model() -> Path:
    return locate("piper-en_US-joe-medium")


def pieces(latent: Latent, ends: list[int]) -> np.ndarray:
    edges = [0, *(end for end in ends if end < latent.columns), latent.columns]
    return np.concatenate([latent.audio(a, b) for a, b in itertools.pairwise(edges)])


@pytest.mark.parametrize("ends", [[1], [26, 78], [7, 8, 9, 40, 41, 100], [10_000]])
def test_pieces_are_the_whole(model: Path, ends: list[int]) -> None:
    latent = PiperGraph(model, HOP).encode(IDS, SCALES, 0)
    first = pieces(latent, ends)
    whole = latent.audio(0, latent.columns)  # by now the flow has seen everything
    assert latent.columns > 100 and len(whole) == latent.columns * HOP
    assert np.abs(whole).max() > 0.1 and np.abs(first - whole).max() < 1e-4
    assert latent.widths is not None and latent.widths.sum() == latent.columns


def test_the_first_piece_makes_the_flow_see_only_what_it_needs(model: Path) -> None:
    latent = PiperGraph(model, HOP).encode(IDS, SCALES, 0)
    latent.audio(0, 20)
    assert latent.flowed < latent.columns
    latent.audio(20, 40)
    assert latent.flowed == latent.columns


def test_a_network_whose_parts_have_other_names_speaks_too(model: Path, tmp_path: Path) -> None:
    network = onnx.load(str(model))
    for node in network.graph.node:
        node.name = node.name.replace("/flow/", "/coupling/")
    two, one = tmp_path / "two.onnx", tmp_path / "one.onnx"
    onnx.save(network, str(two))
    for weight in network.graph.initializer:
        weight.name = weight.name.replace("dec.conv_pre", "generator.first")
    for node in network.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = name.replace("dec.conv_pre", "generator.first")
    onnx.save(network, str(one))
    for path in (two, one):
        latent = PiperGraph(path, HOP).encode(IDS, SCALES, 0)
        sound = pieces(latent, [26, 78])
        assert len(sound) == latent.columns * HOP and np.abs(sound).max() > 0.1
