"""A Piper voice's network cut in three, so that its sound can be made in pieces.

The first part (text encoder, durations) gives the voice's plan, one column a frame, and how many frames each phoneme
id lasts; the second (the flow) turns columns into a latent, the third (the vocoder) that into samples. Both see only
so many columns to either side, so pieces made with that margin are the same samples as the whole.
First sound comes after one short piece instead of the whole clause.

Blocking; made once a voice, at load.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from engine.items import FloatArray
from engine.models.onnx import open_session

MARGIN = 12
"""Columns of context the vocoder needs on either side (10 measured)."""

FLOW_MARGIN = 32
"""Columns of context the flow needs: four couplings of four convolutions over five columns."""

SPEAKING_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError, ValueError, KeyError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)  # fmt: skip
"""What pronouncing and the networks may raise; onnxruntime's errors have no base class of their own."""

_VOCODER_INPUT_WEIGHT = "dec.conv_pre.weight"
_FLOW = "/flow/"

Arrays = dict[str, npt.NDArray[np.float32]]

IntArray = npt.NDArray[np.int64]


class PiperGraph:
    """The three parts; a network whose parts cannot be told apart has fewer, the first of which does the rest.

    Thread safe: onnxruntime sessions are.
    """

    def __init__(self, model: Path, hop: int, threads: int = 1) -> None:
        """``hop``: samples of one column."""
        self._hop = hop
        encoder, flow, vocoder = _parts(onnx.load(str(model)))
        self._encoder = open_session(encoder.SerializeToString(), threads)
        self._flow = open_session(flow.SerializeToString(), threads) if flow else None
        self._vocoder = open_session(vocoder.SerializeToString(), threads) if vocoder else None
        self.tells_times = any(_is_width(node.name) for node in self._encoder.get_outputs())
        self._takes_speaker = any(node.name == "sid" for node in self._encoder.get_inputs())

    def encode(self, ids: list[int], scales: tuple[float, float, float], speaker: int) -> Latent:
        """Phoneme ids to a latent.

        Args:
            ids: with the begin, pad and end ids in place.
            scales: noise, length, and noise of lengths, as Piper's configuration has them.
            speaker: used by voices of several speakers.
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
    """One utterance between the encoder and its sound."""

    def __init__(
        self, outputs: Arrays, flow: ort.InferenceSession | None, vocoder: ort.InferenceSession | None, hop: int
    ) -> None:
        self._flow, self._vocoder = flow, vocoder
        self._hop = hop
        widths = [name for name in outputs if _is_width(name)]
        self.widths: IntArray | None = outputs[widths[0]].reshape(-1).astype(np.int64) if widths else None
        """Columns of each phoneme id; None when the voice does not tell."""
        self._outputs = {name: out for name, out in outputs.items() if name not in widths}
        first = next(iter(self._outputs.values()))
        self.columns = first.size // hop if vocoder is None else first.shape[2]
        self._flowed: Arrays = {} if flow else self._outputs
        self.flowed = 0 if flow else self.columns
        """Columns the flow has gone through."""

    def sound(self, start: int, end: int) -> FloatArray:
        """Samples of columns ``start`` to ``end``: ((end - start) * hop,) float32 in [-1, 1]."""
        if self._vocoder is None:
            whole = next(iter(self._outputs.values())).reshape(-1)
            return np.clip(whole[start * self._hop : end * self._hop], -1, 1)
        left, right = max(0, start - MARGIN), min(self.columns, end + MARGIN)
        self._flow_to(right)
        known = {**self._outputs, **self._flowed}
        given = {node.name: known[node.name] for node in self._vocoder.get_inputs()}
        pcm: FloatArray = self._vocoder.run(None, self._window(given, left, right))[0].reshape(-1)
        return np.clip(pcm[(start - left) * self._hop : (end - left) * self._hop], -1, 1)

    def _flow_to(self, column: int) -> None:
        """Let the flow have seen the columns up to ``column``: a first piece alone, then all the rest at once."""
        if self._flow is None or column <= self.flowed:
            return
        start, first = self.flowed, not self.flowed
        end = column if first and column + FLOW_MARGIN < self.columns else self.columns
        left, right = max(0, start - FLOW_MARGIN), min(self.columns, end + FLOW_MARGIN)
        given = {node.name: self._outputs[node.name] for node in self._flow.get_inputs()}
        made = self._flow.run(None, self._window(given, left, right))
        for node, out in zip(self._flow.get_outputs(), made, strict=True):
            fresh = out[:, :, start - left : end - left]
            known = self._flowed.get(node.name)
            self._flowed[node.name] = fresh if known is None else np.concatenate([known, fresh], 2)
        self.flowed = end

    def _window(self, arrays: Arrays, left: int, right: int) -> Arrays:
        """Those that have a column a frame cut to these columns; a speaker's traits, which have one, whole."""
        return {name: array[:, :, left:right] if array.shape[2] > 1 else array for name, array in arrays.items()}


def _is_width(name: str) -> bool:
    """Piper's patch exposes the only Ceil of the graph, the columns of each id, under its node's name."""
    return "ceil" in name.lower()


def _parts(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto | None, onnx.ModelProto | None]:
    """Encoder, flow and vocoder; the second and third are None where they are part of the first."""
    vocoder_entry = next((node for node in model.graph.node if _VOCODER_INPUT_WEIGHT in node.input), None)
    halves = _cut(model, vocoder_entry.input[0]) if vocoder_entry else None
    if halves is None:
        return model, None, None
    encoder, vocoder = halves
    flow_entry = next((node for node in encoder.graph.node if node.name.startswith(_FLOW)), None)
    thirds = _cut(encoder, flow_entry.input[0]) if flow_entry else None
    return (thirds[0], thirds[1], vocoder) if thirds else (encoder, None, vocoder)


def _cut(model: onnx.ModelProto, at: str) -> tuple[onnx.ModelProto, onnx.ModelProto] | None:
    """What makes the tensor ``at``, and what is made from it; the second one's first input is ``at``."""
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    given = weights | {node.name for node in graph.input}
    makers = {name: node for node in graph.node for name in node.output}
    behind: set[str] = set()
    for node in graph.node:
        if any(name == at or name in behind for name in node.input):
            behind.update(node.output)
    back = [node for node in graph.node if node.output[0] in behind]
    made = {name for node in back for name in node.output}
    needed = {name for node in back for name in node.input if name and name not in made and name not in weights}
    constants = [makers[name] for name in sorted(needed) if name in makers and makers[name].op_type == "Constant"]
    crossing = sorted(needed - {name for node in constants for name in node.output} - {at})
    if any(name in given or name not in makers for name in crossing):
        return None
    front = [node for node in graph.node if node.output[0] not in behind]
    ends = [at, *crossing]
    sound = [out for out in graph.output if out.name in made]
    widths = [out for out in graph.output if out.name not in made]
    if not sound:
        return None
    encoder = _model(model, front, list(graph.input), [*map(_tensor, ends), *widths])
    return encoder, _model(model, constants + back, [*map(_tensor, ends)], sound)


def _tensor(name: str) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["a", "b", "c"])


def _model(
    whole: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    used = {name for node in nodes for name in node.input}
    graph = onnx.helper.make_graph(
        nodes, "half", inputs, outputs, [tensor for tensor in whole.graph.initializer if tensor.name in used]
    )
    return onnx.helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
