"""Cuts the Kokoro-82M network into what decides how a clause is said and what computes its audio.

Kokoro (https://huggingface.co/hexgrad/Kokoro-82M, Apache-2.0) is a StyleTTS 2 model (Li et al. 2023, arXiv:2306.07691).
Its first part costs a fortieth of the second. It gives, for a whole clause, the duration of every phoneme, and for
every frame of 25 ms the text features, the pitch and the energy. From any stretch of these the second part computes the
audio, so the first sound need not wait for all of it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

PROSODY, VOCODER = "prosody.onnx", "vocoder.onnx"
"""The two parts' file names.

``prosody``: ``tokens`` (1, n) int64, ``style`` (1, 256), ``speed`` (1,) to ``text`` (1, 512, frames), ``pitch`` and
``energy`` (1, 1, 2 * frames) and ``durations`` (1, n), in frames. ``vocoder``: ``text``, ``pitch``, ``energy`` and
``style`` to ``audio`` (600 * frames,) at 24 kHz. All float32 but the tokens.
"""

_CUT = {
    "/encoder/MatMul_1_output_0": ("text", [1, 512, "frames"]),
    "/decoder/decoder/Unsqueeze_output_0": ("pitch", [1, 1, "half_frames"]),
    "/decoder/decoder/Unsqueeze_1_output_0": ("energy", [1, 1, "half_frames"]),
}
"""The tensors between the parts: new name and shape by the name in the export."""

_DURATIONS = "/encoder/Clip_output_0"


class UnknownExport(Exception):
    """The network lacks a tensor at which it is to be cut: another export."""


def cut_kokoro(model: Path, folder: Path) -> dict[str, str]:
    """Writes both parts of the network ``model`` into ``folder``.

    Returns:
        Their SHA-256 in lower-case hex, by file name.

    Raises:
        UnknownExport: the network is not the export that is known.
    """
    import onnx  # takes 0.3 s to import, and most starts do not need it
    from onnx.helper import make_tensor_value_info

    whole = onnx.load(str(model))
    _rename(whole.graph, {**{old: new for old, (new, _) in _CUT.items()}, _DURATIONS: "durations"})
    between = [make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in _CUT.values()]
    durations = make_tensor_value_info("durations", onnx.TensorProto.FLOAT, [1, "tokens"])
    inputs = list(whole.graph.input)
    style = [value for value in inputs if value.name == "style"]
    parts = {
        PROSODY: _part(whole, inputs, [*between, durations]),
        VOCODER: _part(whole, [*between, *style], list(whole.graph.output)),
    }
    hashes = {}
    for name, part in parts.items():
        content = part.SerializeToString()
        (folder / name).write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    return hashes


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    if missing := names.keys() - {output for node in graph.node for output in node.output}:
        raise UnknownExport(f"no tensor {min(missing)}")
    for node in graph.node:
        for tensors in (node.input, node.output):
            for i, tensor in enumerate(tensors):
                tensors[i] = names.get(tensor, tensor)


def _part(
    whole: onnx.ModelProto, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """The nodes and weights that compute ``outputs`` from ``inputs``.

    Raises:
        UnknownExport: they need something else besides.
    """
    from onnx.helper import make_graph, make_model

    makers = {output: node for node in whole.graph.node for output in node.output}
    weights = {tensor.name for tensor in whole.graph.initializer}
    given = {value.name for value in inputs}
    wanted = [value.name for value in outputs]
    seen: set[str] = {""}
    kept: set[int] = set()
    while wanted:
        tensor = wanted.pop()
        if tensor in seen or tensor in given:
            continue
        seen.add(tensor)
        if tensor in weights:
            continue
        if tensor not in makers:
            raise UnknownExport(f"a part needs {tensor}")
        kept.add(id(makers[tensor]))
        wanted += makers[tensor].input
    nodes = [node for node in whole.graph.node if id(node) in kept]
    used = [tensor for tensor in whole.graph.initializer if tensor.name in seen]
    graph = make_graph(nodes, whole.graph.name, inputs, outputs, used)
    return make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
