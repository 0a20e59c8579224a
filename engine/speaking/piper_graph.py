"""A Piper voice's network cut into three, so that its audio can be computed in pieces.

Piper voices are VITS models (Kim et al. 2021, arXiv:2106.06103). The first part (text encoder and duration predictor)
gives the prior, one column per hop of audio, and how many columns each phoneme id lasts. The second (the flow) turns
those columns into the latent, and the third (the vocoder) turns the latent into samples. The last two see only a few
columns to either side, so pieces computed with that margin are the same samples as the whole. Audio can be played after
one short piece instead of after the whole clause.

Blocking. The network is cut when the voice is loaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from engine.items import FloatArray
from engine.models.onnx import open_session

MARGIN = 12
"""Columns of context the vocoder gets on either side; measured, it needs 10."""

FLOW_MARGIN = 32
"""Columns of context the flow needs on either side: four coupling layers of four convolutions over five columns."""

_VOCODER_INPUT_WEIGHT = "dec.conv_pre.weight"
_FLOW = "/flow/"

Arrays = dict[str, npt.NDArray[np.float32]]

IntArray = npt.NDArray[np.int64]


class PiperGraph:
    """A Piper voice's network in up to three parts. Thread safe, since onnxruntime sessions are.

    Where the parts cannot be told apart there are fewer, and the first one does the work of those missing.

    Args:
        model: the voice's ``.onnx`` file.
        hop: samples per column.
        threads: per network call.
    """

    def __init__(self, model: Path, hop: int, threads: int = 1) -> None:
        self._hop = hop
        encoder, flow, vocoder = _parts(onnx.load(str(model)))
        self._encoder = open_session(encoder.SerializeToString(), threads)
        self._flow = open_session(flow.SerializeToString(), threads) if flow else None
        self._vocoder = open_session(vocoder.SerializeToString(), threads) if vocoder else None
        self.has_widths = any(_is_width(node.name) for node in self._encoder.get_outputs())
        self._takes_speaker = any(node.name == "sid" for node in self._encoder.get_inputs())

    def encode(self, ids: list[int], scales: tuple[float, float, float], speaker: int) -> Latent:
        """Runs the encoder.

        Args:
            ids: phoneme ids, including those for begin, pad and end.
            scales: ``noise_scale``, ``length_scale`` and ``noise_w`` of Piper's configuration.
            speaker: the speaker's index, for voices with several speakers.
        """
        feed: dict[str, npt.NDArray[np.generic]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if self._takes_speaker:
            feed["sid"] = np.array([speaker], np.int64)
        names = [node.name for node in self._encoder.get_outputs()]
        outputs = dict(zip(names, self._encoder.run(None, feed), strict=True))
        return Latent(outputs, self._flow, self._vocoder, self._hop)


class Latent:
    """One clause after the encoder, from which its audio is computed piece by piece. Not thread safe."""

    def __init__(
        self, outputs: Arrays, flow: ort.InferenceSession | None, vocoder: ort.InferenceSession | None, hop: int
    ) -> None:
        self._flow, self._vocoder = flow, vocoder
        self._hop = hop
        widths = [name for name in outputs if _is_width(name)]
        self.widths: IntArray | None = outputs[widths[0]].reshape(-1).astype(np.int64) if widths else None
        """Columns of each phoneme id, (n,); None if the voice does not give them."""
        self._outputs = {name: out for name, out in outputs.items() if name not in widths}
        first = next(iter(self._outputs.values()))
        self.columns = first.size // hop if vocoder is None else first.shape[2]
        self._flowed: Arrays = {} if flow else self._outputs
        self.flowed = 0 if flow else self.columns
        """Number of columns the flow has processed."""

    def audio(self, start: int, end: int) -> FloatArray:
        """The audio of columns ``start`` to ``end``: ((end - start) * hop,) float32 in [-1, 1]."""
        if self._vocoder is None:
            whole = next(iter(self._outputs.values())).reshape(-1)
            return np.clip(whole[start * self._hop : end * self._hop], -1, 1)
        left, right = max(0, start - MARGIN), min(self.columns, end + MARGIN)
        self._flow_to(right)
        known = {**self._outputs, **self._flowed}
        given = {node.name: known[node.name] for node in self._vocoder.get_inputs()}
        pcm: FloatArray = self._vocoder.run(None, _columns(given, left, right))[0].reshape(-1)
        return np.clip(pcm[(start - left) * self._hop : (end - left) * self._hop], -1, 1)

    def _flow_to(self, column: int) -> None:
        """Runs the flow at least up to ``column``: first for one piece alone, then for all the rest at once."""
        if self._flow is None or column <= self.flowed:
            return
        start, first = self.flowed, not self.flowed
        end = column if first and column + FLOW_MARGIN < self.columns else self.columns
        left, right = max(0, start - FLOW_MARGIN), min(self.columns, end + FLOW_MARGIN)
        given = {node.name: self._outputs[node.name] for node in self._flow.get_inputs()}
        made = self._flow.run(None, _columns(given, left, right))
        for node, out in zip(self._flow.get_outputs(), made, strict=True):
            fresh = out[:, :, start - left : end - left]
            known = self._flowed.get(node.name)
            self._flowed[node.name] = fresh if known is None else np.concatenate([known, fresh], 2)
        self.flowed = end


def _columns(arrays: Arrays, left: int, right: int) -> Arrays:
    """The arrays cut to these columns. A speaker embedding, which has a single column, stays whole."""
    return {name: array[:, :, left:right] if array.shape[2] > 1 else array for name, array in arrays.items()}


def _is_width(name: str) -> bool:
    """Whether an output is the columns per id: Piper's patch exposes the graph's only Ceil under its node's name."""
    return "ceil" in name.lower()


def _parts(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto | None, onnx.ModelProto | None]:
    """Encoder, flow and vocoder. The flow, or both, are None if they could not be separated from the encoder."""
    vocoder_entry = next((node for node in model.graph.node if _VOCODER_INPUT_WEIGHT in node.input), None)
    halves = _cut(model, vocoder_entry.input[0]) if vocoder_entry else None
    if halves is None:
        return model, None, None
    encoder, vocoder = halves
    flow_entry = next((node for node in encoder.graph.node if node.name.startswith(_FLOW)), None)
    thirds = _cut(encoder, flow_entry.input[0]) if flow_entry else None
    return (thirds[0], thirds[1], vocoder) if thirds else (encoder, None, vocoder)


def _cut(model: onnx.ModelProto, at: str) -> tuple[onnx.ModelProto, onnx.ModelProto] | None:
    """Cuts a network at the tensor ``at``.

    Returns:
        The network that computes ``at`` and the one that is computed from it, whose first input is ``at`` and whose
        others are the further tensors it needs from the first. None if the second would need an input of the whole
        network, or if no output depends on ``at``.
    """
    graph = model.graph
    behind = _computed_from(graph, at)
    front = [node for node in graph.node if node.output[0] not in behind]
    back = [node for node in graph.node if node.output[0] in behind]
    makers = {name: node for node in front for name in node.output}
    weights = {tensor.name for tensor in graph.initializer}
    borrowed = {name for node in back for name in node.input} - behind - weights - {at, ""}
    audio = [output for output in graph.output if output.name in behind]
    if borrowed - makers.keys() or not audio:
        return None
    # Constants are copied into the second network; what the first computes crosses over.
    constants = [makers[name] for name in sorted(borrowed) if makers[name].op_type == "Constant"]
    crossing = [_tensor(name) for name in sorted(borrowed) if makers[name].op_type != "Constant"]
    crossing.insert(0, _tensor(at))
    others = [output for output in graph.output if output.name not in behind]
    first = _model(model, front, list(graph.input), [*crossing, *others])
    return first, _model(model, [*constants, *back], crossing, audio)


def _computed_from(graph: onnx.GraphProto, at: str) -> set[str]:
    """Names of all tensors that depend on ``at``. ONNX lists nodes in the order of computation."""
    dependent: set[str] = set()
    for node in graph.node:
        if at in node.input or not dependent.isdisjoint(node.input):
            dependent.update(node.output)
    return dependent


def _tensor(name: str) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["a", "b", "c"])


def _model(
    whole: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """A model of some of the nodes of ``whole``, with the weights they use."""
    used = {name for node in nodes for name in node.input}
    graph = onnx.helper.make_graph(
        nodes, "part", inputs, outputs, [tensor for tensor in whole.graph.initializer if tensor.name in used]
    )
    return onnx.helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
