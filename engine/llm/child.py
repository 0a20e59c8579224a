"""The embedded language model's process: llama.cpp's own HTTP server, and nothing else.

Run as a script by ``embedded.py``. It imports no other module of the engine, so it starts in a
fraction of a second. In: one line of JSON on stdin. Out: one line of JSON on stdout, with
``url`` or ``error``. It ends when stdin closes, which also happens when the engine is killed,
and on Linux the kernel kills it with its parent as well. The engine's own signals do not
concern it: a terminal's Ctrl-C must not cut the answers that are being drained.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1

SPINS = "300"
"""How often a thread of the GNU OpenMP runtime checks for the others before it sleeps (a few microseconds).

Its default of 300,000 keeps a core busy for milliseconds at each of the hundreds of meetings a
token takes: two threads on two cores are a quarter faster then, and collapse when anything else runs.
"""


def main() -> None:
    """Serve until stdin closes."""
    _die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # llama.cpp may print; only this report may reach the engine's pipe.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    line = sys.stdin.readline()
    if not line:
        return
    server: Any = None
    try:
        server = _serve(json.loads(line))
        answer = {"url": server.listening_address}
    except (RuntimeError, ValueError, OSError, ImportError) as error:
        answer = {"error": str(error)}
    report.write(json.dumps(answer) + "\n")
    report.close()
    if server is not None:
        sys.stdin.read()
    # No orderly end: running answers would be waited for, and nobody is left to hear them.
    os._exit(0)


def _serve(config: dict[str, Any]) -> Any:
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read when the library is loaded
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.port = config["port"]
    params.api_keys = [config["api_key"]]
    params.n_parallel = config["slots"]
    params.n_ctx = config["context"] * config["slots"]
    params.n_gpu_layers = config["gpu_layers"]
    params.fit_params = False
    for cpu, threads in ((params.cpuparams, "threads"), (params.cpuparams_batch, "prompt_threads")):
        cpu.n_threads = config[threads]
        # Threads that spin between tokens starve every other stage on a small machine.
        cpu.poll = config["poll"]
    # One thread serves one connection, also while its request waits for a slot; another must be left for ``/health``.
    params.n_threads_http = 2 * config["slots"] + 16
    params.cache_ram_mib = config["prompt_cache_mib"]
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = 0
    return xllamacpp.Server(params)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
