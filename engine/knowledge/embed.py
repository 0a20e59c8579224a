"""Sentence embeddings: a BERT encoder in plain torch, so that no model framework is needed.

In: texts. Out: unit vectors, (n, dim) float32. Blocking; call it in a worker thread.
The matrices are kept in half precision. Embedding a short question is bound by reading the weights from
memory, so this takes less than half the time and gives nearly the same vectors. Processors with native
bfloat16 get that format, which also embeds passages a third faster or more.
Any folder in the sentence-transformers layout with a BERT inside works (all-MiniLM-L6-v2,
multilingual MiniLM, bge): config, tokenizer and pooling are read from its files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from engine.errors import ModelMissing
from engine.items import FloatArray

MAX_TOKENS = 256
"""Longer texts are cut: all-MiniLM-L6-v2 takes no more (its ``sentence_bert_config.json``)."""

BATCH = 8
"""Texts embedded at once."""


class _BertConfig(BaseModel):
    """What counts of ``config.json``."""

    model_type: str = ""
    hidden_size: int = Field(0, ge=0)
    vocab_size: int = Field(0, ge=0)
    num_hidden_layers: int = Field(0, ge=0)
    num_attention_heads: int = Field(0, ge=0)
    layer_norm_eps: float = Field(1e-12, gt=0)


class _Pooling(BaseModel):
    """What counts of ``1_Pooling/config.json``."""

    first_token: bool = Field(False, alias="pooling_mode_cls_token")


class Embedder:
    """Turns texts into vectors whose dot product is their cosine similarity, -1..1. Thread safe.

    Args:
        folder: with ``config.json``, ``tokenizer.json``, ``model.safetensors``.

    Raises:
        ModelMissing: a file is missing or damaged, or the model is not a BERT.
    """

    def __init__(self, folder: Path) -> None:
        try:
            config = _BertConfig.model_validate_json((folder / "config.json").read_bytes())
            weights = load_file(folder / "model.safetensors")
            pooling = folder / "1_Pooling" / "config.json"
            self._first_token = pooling.is_file() and _Pooling.model_validate_json(pooling.read_bytes()).first_token
        except (OSError, ValidationError, SafetensorError) as error:
            raise ModelMissing(f"cannot load the embedding model in {folder}: {error}") from None
        self._tokenizer = _tokenizer(folder / "tokenizer.json")
        if config.model_type != "bert":
            raise ModelMissing(f"the embedding model in {folder} is of type {config.model_type}; only bert works")
        if not (config.hidden_size and config.vocab_size and config.num_hidden_layers and config.num_attention_heads):
            raise ModelMissing(f"the embedding model in {folder} has a config.json without its sizes")
        self.dimension = config.hidden_size
        self.multilingual = config.vocab_size > 100_000
        """Whether it knows languages other than English well, judged by the size of its vocabulary."""
        self._layers = config.num_hidden_layers
        self._heads = config.num_attention_heads
        self._epsilon = config.layer_norm_eps
        self._weights = {name.removeprefix("bert."): w.float() for name, w in weights.items() if w.is_floating_point()}
        self._bfloat16 = torch.cpu._is_avx512_bf16_supported()
        try:
            self._matrices = self._packed_matrices()
        except KeyError as error:
            raise ModelMissing(f"cannot load the embedding model in {folder}: it lacks the weights {error}") from None
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Unit vectors, (len(texts), dimension) float32. Texts over ``MAX_TOKENS`` are cut."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        # Texts of similar length go together, because padding costs as much as text.
        order = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            vectors[chosen] = self._forward([encoded[index] for index in chosen]).numpy()
        return vectors

    @torch.inference_mode()
    def _forward(self, batch: Sequence[Sequence[int]]) -> torch.Tensor:
        longest = max(map(len, batch))
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        mask = torch.zeros((len(batch), longest), dtype=torch.bool)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = True
        w = self._weights
        x = F.embedding(ids, w["embeddings.word_embeddings.weight"])
        x = x + w["embeddings.position_embeddings.weight"][:longest] + w["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        padded = None if bool(mask.all()) else mask[:, None, None, :]
        for number in range(self._layers):
            x = self._layer(x, padded, f"encoder.layer.{number}.")
        if self._first_token:
            pooled = x[:, 0]
        else:
            weight = mask[..., None].float()
            pooled = (x * weight).sum(1) / weight.sum(1)
        return F.normalize(pooled, dim=-1)

    def _layer(self, x: torch.Tensor, mask: torch.Tensor | None, name: str) -> torch.Tensor:
        rows, length, _ = x.shape
        joined = self._linear(x, name + "qkv")
        query, key, value = joined.view(rows, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = seen.transpose(1, 2).reshape(rows, length, -1)
        x = self._norm(x + self._linear(seen, name + "attention.output.dense"), name + "attention.output.LayerNorm")
        inner = F.gelu(self._linear(x, name + "intermediate.dense"))
        return self._norm(x + self._linear(inner, name + "output.dense"), name + "output.LayerNorm")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        if self._bfloat16:
            return F.linear(x.bfloat16(), *self._matrices[name]).float()
        product: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._matrices[name])
        return product

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[name + ".weight"], self._weights[name + ".bias"]
        return F.layer_norm(x, (self.dimension,), weight, bias, self._epsilon)

    def _packed_matrices(self) -> dict[str, Any]:
        """The layers' matrices in the format torch multiplies fastest; query, key and value in one matrix."""
        packed: dict[str, Any] = {}
        for number in range(self._layers):
            prefix = f"encoder.layer.{number}."
            attention = [f"{prefix}attention.self.{which}" for which in ("query", "key", "value")]
            packed[f"{prefix}qkv"] = self._pack(attention)
            for name in ("attention.output.dense", "intermediate.dense", "output.dense"):
                packed[prefix + name] = self._pack([prefix + name])
        return packed

    def _pack(self, names: Sequence[str]) -> Any:
        weight = torch.cat([self._weights.pop(f"{name}.weight") for name in names])
        bias = torch.cat([self._weights.pop(f"{name}.bias") for name in names])
        if self._bfloat16:
            return weight.bfloat16(), bias.bfloat16()
        return torch.ops.quantized.linear_prepack_fp16(weight, bias)


def _tokenizer(path: Path) -> Any:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        raise ModelMissing(f"cannot load the embedding model's {path}: {error}") from None
