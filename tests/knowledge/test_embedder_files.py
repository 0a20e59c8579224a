"""An embedding model of an operator's own: a small one works, a damaged one is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from engine.errors import ModelMissing
from engine.knowledge.embed import Embedder

SIZE, INNER = 8, 16
CONFIG = {
    "model_type": "bert",
    "hidden_size": SIZE,
    "vocab_size": 3,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BERT of one layer with random weights."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    tokenizer = Tokenizer(WordLevel({"?": 0, "plants": 1, "eat": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    torch.manual_seed(1)
    layer = "encoder.layer.0."
    weights = {
        "embeddings.word_embeddings.weight": torch.randn(3, SIZE),
        "embeddings.position_embeddings.weight": torch.randn(256, SIZE),
        "embeddings.token_type_embeddings.weight": torch.randn(2, SIZE),
    }
    for name in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        weights |= {f"{name}.weight": torch.ones(SIZE), f"{name}.bias": torch.zeros(SIZE)}
    square = [f"{layer}attention.self.{which}" for which in ("query", "key", "value")]
    for name in (*square, f"{layer}attention.output.dense"):
        weights |= {f"{name}.weight": torch.randn(SIZE, SIZE), f"{name}.bias": torch.zeros(SIZE)}
    weights |= {f"{layer}intermediate.dense.weight": torch.randn(INNER, SIZE)}
    weights |= {f"{layer}intermediate.dense.bias": torch.zeros(INNER)}
    weights |= {f"{layer}output.dense.weight": torch.randn(SIZE, INNER), f"{layer}output.dense.bias": torch.zeros(SIZE)}
    save_file(weights, tmp_path / "model.safetensors")
    return tmp_path


def test_a_small_one_gives_unit_vectors(folder: Path) -> None:
    one, other, same = Embedder(folder).embed(["plants eat", "eat", "plants eat"])
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-4) and np.allclose(one, same, atol=1e-4)
    assert abs(float(one @ other)) < 0.99


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{", b"\xff" * 100], ids=["none", "empty", "list", "cut", "bytes"]
)
def test_a_missing_or_damaged_file_is_refused(folder: Path, file: str, content: bytes | None) -> None:
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelMissing, match="cannot load the embedding model"):
        Embedder(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "gpt2"}, "is of type gpt2; only bert works"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_attention_heads": 0}, "without its sizes"),
        ({"num_hidden_layers": 2}, r"lacks the weights 'encoder\.layer\.1"),
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_is_refused(folder: Path, change: dict[str, Any], words: str) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(ModelMissing, match=words):
        Embedder(folder)
