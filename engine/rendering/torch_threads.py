"""The number of threads torch computes with: a setting of the whole process, made here and nowhere else."""

from __future__ import annotations

import torch


def use_one_thread() -> None:
    """Let every torch operation of this process run on the thread that calls it.

    Renderer, knowledge base and benches call it before they compute. Operations here are small, and with more threads
    these wait for each other at every one of them. Work runs in parallel in the engine's own workers instead.
    """
    torch.set_num_threads(1)
