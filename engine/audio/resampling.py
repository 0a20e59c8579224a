"""Changing the sample rate of mono audio, whole or in pieces, with libswresample.

Synchronous and computing: call it from a ``Worker``. Nothing here owns a thread.
"""

from __future__ import annotations

import contextlib
from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph

from engine.items import INPUT_RATE, FloatArray

MIN_RATE, MAX_RATE = 4_000, 384_000
"""Sample rates in Hz that are accepted: from below telephone audio to twice studio audio."""


class Resampler:
    """Changes the rate of mono audio that comes in pieces; the filter's state is kept between them.

    Not thread safe. The output lags the input by the filter's length (< 2 ms) until ``flush``.

    Raises:
        ValueError: a rate outside ``MIN_RATE``..``MAX_RATE``.
    """

    def __init__(self, from_rate: int, to_rate: int = INPUT_RATE) -> None:
        for rate in (from_rate, to_rate):
            if not MIN_RATE <= rate <= MAX_RATE:
                raise ValueError(f"sample rate {rate} is outside {MIN_RATE}..{MAX_RATE}")
        self.from_rate, self.to_rate = from_rate, to_rate
        self._graph = self._make_graph()

    def push(self, pcm: FloatArray) -> FloatArray:
        """(n,) float32 at ``from_rate`` in, (m,) float32 at ``to_rate`` out; m may be 0."""
        if self.from_rate == self.to_rate or not len(pcm):
            return pcm.astype(np.float32, copy=False)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None], np.float32), "flt", "mono")
        frame.sample_rate = self.from_rate
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> FloatArray:
        """What the filter still holds, (m,) float32. The resampler starts afresh after this."""
        if self.from_rate == self.to_rate:
            return np.zeros(0, np.float32)
        try:
            self._graph.push(None)
            return self._pull()
        finally:
            self._graph = self._make_graph()

    def _make_graph(self) -> Graph:
        """The graph of PyAV's own resampler, but with one thread: that one starts a thread per core and keeps them
        until it is garbage-collected."""
        graph = Graph()
        graph.threads = 1
        source = graph.add("abuffer", sample_rate=str(self.from_rate), sample_fmt="flt", channel_layout="mono")
        wanted = graph.add("aformat", sample_rates=str(self.to_rate), sample_fmts="flt", channel_layouts="mono")
        graph.link_nodes(source, wanted, graph.add("abuffersink")).configure()
        return graph

    def _pull(self) -> FloatArray:
        frames: list[AudioFrame] = []
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                frames.append(cast(AudioFrame, self._graph.pull()))
        return np.concatenate([f.to_ndarray()[0] for f in frames]) if frames else np.zeros(0, np.float32)


def resample(pcm: FloatArray, from_rate: int, to_rate: int = INPUT_RATE) -> FloatArray:
    """(n,) float32 mono at one rate to (round(n * to_rate / from_rate),) at another."""
    if from_rate == to_rate or not len(pcm):
        return pcm.astype(np.float32, copy=False)
    resampler = Resampler(from_rate, to_rate)
    out = np.concatenate([resampler.push(pcm), resampler.flush()])
    length = round(len(pcm) * to_rate / from_rate)
    return out[:length] if len(out) >= length else np.pad(out, (0, length - len(out)))
