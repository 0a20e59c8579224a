"""Opens ONNX models with options suited to a machine whose cores several stages share."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

MODEL_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError, ValueError, LookupError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)  # fmt: skip
"""What a network or the preparation of its input may raise. onnxruntime's exceptions have no common base class."""


def open_session(model: Path | bytes, threads: int = 1, device: str = "cpu") -> ort.InferenceSession:
    """An onnxruntime session that does not spin and uses no more threads than given. Thread safe.

    Spinning thread pools take the cores that other stages need: a voice that takes 50 ms on its own takes half a
    second beside one (measured).

    Args:
        model: the path of a model, or its content.
        threads: per call; calls from several threads run concurrently.
        device: ``cpu`` or ``cuda``; CUDA falls back to the CPU for operators it lacks.

    Raises:
        onnxruntime's own exceptions if the model is missing or damaged.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # Clauses and recordings vary in length, so a memory plan cached per shape would hardly be reused, and an arena
    # that grows in powers of two would stay as large as the longest clause ever spoken.
    options.enable_mem_pattern = False
    cpu = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
    providers: list[str | tuple[str, dict[str, str]]] = [cpu]
    if device == "cuda":
        providers.insert(0, "CUDAExecutionProvider")
    return ort.InferenceSession(
        str(model) if isinstance(model, Path) else model, sess_options=options, providers=providers
    )
