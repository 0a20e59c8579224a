"""Opening ONNX models the way a shared machine needs it."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort


def open_session(model: Path | bytes, threads: int = 1, device: str = "cpu") -> ort.InferenceSession:
    """An onnxruntime session that neither spins nor takes more threads than asked.

    Spinning pools burn the cores other stages need (a voice that answers in 50 ms alone takes
    half a second beside one).

    Args:
        model: a file, or the bytes of one.
        threads: for one call; calls from several threads run beside each other.
        device: ``cpu`` or ``cuda``; CUDA falls back to the CPU for operators it lacks.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # Every clause and recording has a length of its own: a plan remembered for each would hardly be used
    # again, and memory taken in powers of two would stay as large as the longest clause ever said.
    options.enable_mem_pattern = False
    cpu = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
    providers: list[str | tuple[str, dict[str, str]]] = [cpu]
    if device == "cuda":
        providers.insert(0, "CUDAExecutionProvider")
    return ort.InferenceSession(
        str(model) if isinstance(model, Path) else model, sess_options=options, providers=providers
    )
