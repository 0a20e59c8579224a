"""A Piper voice's network cut in two, so that its sound can be made in pieces.

The first half (text encoder, durations, flow) gives a latent of one column a frame and how many
frames each phoneme id lasts; the second (the vocoder) turns columns into samples and sees
only ten columns to either side, so pieces decoded with that margin are the same samples
as the whole. First sound comes after one short piece instead of the whole clause.

Blocking; made once a voice, at load.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from engine.models.onnx import open_session
from engine.pipelines.items import FloatArray

MARGIN = 12
"""Columns of context the vocoder needs on either side (10 measured)."""

SPEAKING_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError, ValueError, KeyError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)  # fmt: skip
"""What pronouncing and the networks may raise; onnxruntime's errors have no base class of their own."""

_VOCODER_INPUT_WEIGHT = "dec.conv_pre.weight"

IntArray = npt.NDArray[np.int64]


class PiperGraph:
    """The two halves, or the whole as both when its vocoder cannot be told apart.

    Thread safe: onnxruntime sessions are.
    """

    def __init__(self, model: Path, hop: int, threads: int = 1) -> None:
        """``hop``: samples of one column."""
        self._hop = hop
        halves = _split(onnx.load(str(model)))
        if halves is None:
            self._encoder, self._decoder = open_session(model, threads), None
        else:
            encoder, decoder = halves
            self._encoder = open_session(encoder, threads)
            self._decoder = open_session(decoder, threads)
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
        return Latent(dict(zip(names, self._encoder.run(None, feed), strict=True)), self._decoder, self._hop)


class Latent:
    """One utterance between the halves."""

    def __init__(
        self, outputs: dict[str, npt.NDArray[np.float32]], decoder: ort.InferenceSession | None, hop: int
    ) -> None:
        self._decoder = decoder
        self._hop = hop
        self._whole: FloatArray | None = None
        self._feed: dict[str, npt.NDArray[np.float32]] = {}
        widths = [name for name in outputs if _is_width(name)]
        self.widths: IntArray | None = outputs[widths[0]].reshape(-1).astype(np.int64) if widths else None
        """Columns of each phoneme id; None when the voice does not tell."""
        if decoder is None:
            self._whole = next(out for name, out in outputs.items() if name not in widths).reshape(-1)
            self.columns = len(self._whole) // hop
            return
        self._latent = decoder.get_inputs()[0].name
        self._feed = {node.name: outputs[node.name] for node in decoder.get_inputs()}
        self.columns = self._feed[self._latent].shape[2]

    def sound(self, start: int, end: int) -> FloatArray:
        """Samples of columns ``start`` to ``end``: ((end - start) * hop,) float32 in [-1, 1]."""
        if self._decoder is None:
            assert self._whole is not None
            return np.clip(self._whole[start * self._hop : end * self._hop], -1, 1)
        left, right = max(0, start - MARGIN), min(self.columns, end + MARGIN)
        feed = dict(self._feed)
        feed[self._latent] = self._feed[self._latent][:, :, left:right]
        pcm: FloatArray = self._decoder.run(None, feed)[0].reshape(-1)
        return np.clip(pcm[(start - left) * self._hop : (end - left) * self._hop], -1, 1)


def _is_width(name: str) -> bool:
    """Piper's patch exposes the only Ceil of the graph, the columns of each id, under its node's name."""
    return "ceil" in name.lower()


def _split(model: onnx.ModelProto) -> tuple[bytes, bytes] | None:
    """Serialized encoder and vocoder; the vocoder's first input is the latent."""
    graph = model.graph
    entry = next((node for node in graph.node if _VOCODER_INPUT_WEIGHT in node.input), None)
    if entry is None:
        return None
    latent = entry.input[0]
    weights = {tensor.name for tensor in graph.initializer}
    given = weights | {node.name for node in graph.input}
    makers = {name: node for node in graph.node for name in node.output}
    behind: set[str] = set()
    for node in graph.node:
        if any(name == latent or name in behind for name in node.input):
            behind.update(node.output)
    vocoder = [node for node in graph.node if node.output[0] in behind]
    made = {name for node in vocoder for name in node.output}
    needed = {name for node in vocoder for name in node.input if name and name not in made and name not in weights}
    constants = [makers[name] for name in sorted(needed) if name in makers and makers[name].op_type == "Constant"]
    crossing = sorted(needed - {name for node in constants for name in node.output} - {latent})
    if any(name in given or name not in makers for name in crossing):
        return None
    rest = [node for node in graph.node if node.output[0] not in behind]
    ends = [latent, *crossing]
    sound = [out for out in graph.output if out.name in made]
    widths = [out for out in graph.output if out.name not in made]
    if not sound:
        return None
    encoder = _model(model, rest, list(graph.input), [*map(_tensor, ends), *widths])
    return encoder, _model(model, constants + vocoder, [*map(_tensor, ends)], sound)


def _tensor(name: str) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["a", "b", "c"])


def _model(
    whole: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> bytes:
    used = {name for node in nodes for name in node.input}
    graph = onnx.helper.make_graph(
        nodes, "half", inputs, outputs, [tensor for tensor in whole.graph.initializer if tensor.name in used]
    )
    half = onnx.helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
    return bytes(half.SerializeToString())
