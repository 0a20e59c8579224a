"""Kokoro's network in two parts computes what the whole does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.models.kokoro import PROSODY, VOCODER, UnknownExport, cut_kokoro


def tiny(path: Path, durations: str = "/encoder/Clip_output_0") -> None:
    """A network with the tensors at which Kokoro's is cut; what it computes has no sense."""
    node = helper.make_node
    nodes = [
        node("Cast", ["tokens"], ["float"], to=TensorProto.FLOAT),
        node("Div", ["float", "speed"], [durations]),
        node("Unsqueeze", [durations, "axis"], ["/decoder/decoder/Unsqueeze_output_0"]),
        node("Mul", ["/decoder/decoder/Unsqueeze_output_0", "two"], ["/decoder/decoder/Unsqueeze_1_output_0"]),
        node("Expand", ["/decoder/decoder/Unsqueeze_output_0", "shape"], ["/encoder/MatMul_1_output_0"]),
        node("Mul", ["/encoder/MatMul_1_output_0", "two"], ["a"]),
        node("Add", ["a", "/decoder/decoder/Unsqueeze_1_output_0"], ["b"]),
        node("ReduceSum", ["style"], ["c"]),
        node("Add", ["b", "c"], ["d"]),
        node("Reshape", ["d", "flat"], ["audio"]),
    ]
    weights = {"axis": [1], "shape": [1, 512, 1], "flat": [-1]}
    initializers = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in weights.items()]
    initializers.append(numpy_helper.from_array(np.array([2], np.float32), "two"))
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
        helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
    ]
    outputs = [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), str(path))


def test_both_parts_together_compute_what_the_whole_does(tmp_path: Path) -> None:
    tiny(tmp_path / "whole.onnx")
    hashes = cut_kokoro(tmp_path / "whole.onnx", tmp_path)
    assert set(hashes) == {PROSODY, VOCODER}
    style, speed = np.full((1, 256), 0.5, np.float32), np.ones(1, np.float32)
    feed = {"tokens": np.array([[0, 7, 9, 0]]), "style": style, "speed": speed}
    whole = ort.InferenceSession(str(tmp_path / "whole.onnx")).run(None, feed)[0]
    names = ["text", "pitch", "energy", "durations"]
    text, pitch, energy, durations = ort.InferenceSession(str(tmp_path / PROSODY)).run(names, feed)
    assert durations.tolist() == [[0, 7, 9, 0]]
    given = {"text": text, "pitch": pitch, "energy": energy, "style": feed["style"]}
    assert np.array_equal(ort.InferenceSession(str(tmp_path / VOCODER)).run(None, given)[0], whole)


def test_another_export_is_refused(tmp_path: Path) -> None:
    tiny(tmp_path / "whole.onnx", durations="elsewhere")
    with pytest.raises(UnknownExport, match="Clip"):
        cut_kokoro(tmp_path / "whole.onnx", tmp_path)
