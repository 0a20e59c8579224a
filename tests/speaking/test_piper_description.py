"""A Piper voice whose description is damaged is refused with the field that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from piper.config import PiperConfig

from engine.errors import ModelMissing
from engine.models.catalog import voice_config
from engine.speaking.piper_description import read_description
from tests.fuzz.samples import VOICE


def refused(model: Path, content: bytes) -> str:
    voice_config(model).write_bytes(content)
    with pytest.raises(
        ModelMissing, match=r"voice v\.onnx: its configuration .*v\.onnx\.json cannot be used: "
    ) as error:
        read_description(model)
    return error.value.message.partition("cannot be used: ")[2]


def test_a_good_one_is_read(tmp_path: Path) -> None:
    model = tmp_path / "v.onnx"
    voice_config(model).write_text(VOICE)
    config, language = read_description(model)
    assert (config.sample_rate, config.hop_length, config.noise_w_scale, language) == (22050, 256, 0.8, "en")
    assert config == PiperConfig.from_dict(json.loads(VOICE))
    assert config.phoneme_id_map == {"_": [0], "^": [1], "$": [2]}
    old = json.loads(VOICE)
    del old["language"], old["inference"]
    voice_config(model).write_text(json.dumps(old))
    assert read_description(model)[1] == "en", "by its espeak-ng voice"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"audio": []}, "audio: "),
        ({"audio": {"sample_rate": 0}}, "audio.sample_rate: "),
        ({"audio": {"sample_rate": "fast"}}, "audio.sample_rate: "),
        ({"espeak": None}, "espeak: "),
        ({"language": "en"}, "language: "),
        ({"inference": {"length_scale": 1e400}}, "inference.length_scale: "),
        ({"phoneme_id_map": {"a": 1}}, "phoneme_id_map.a: "),
        ({"hop_length": 0}, "hop_length: "),
        ({"phoneme_type": "runes"}, "phoneme_type: "),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    assert refused(tmp_path / "v.onnx", json.dumps(json.loads(VOICE) | change).encode()).startswith(where)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff\xfe", b" " * 5_000_000])
def test_what_is_no_description_is_refused(tmp_path: Path, content: bytes) -> None:
    assert len(refused(tmp_path / "v.onnx", content)) < 200


def test_a_missing_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="No such file"):
        read_description(tmp_path / "v.onnx")
