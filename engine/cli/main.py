"""The command ``talking-tutor`` (or ``python -m engine``): runs a tool if one is named, else starts the engine.

``talking-tutor serve`` is the same as ``talking-tutor``.
"""

from __future__ import annotations

import importlib
import os
import sys

from engine import __version__

TOOLS = {
    "backup": "write tutors, avatars, knowledge, usage and keys into one archive",
    "restore": "put what an archive holds where the settings say",
    "keys": "create, list and revoke API keys",
    "models": "list, prepare, verify and fetch models",
    "voices": "list voices, synthesize a text, fetch Coqui voices",
    "avatars": "list avatars, and create them from a portrait or a video",
    "knowledge": "add, list and remove documents of a knowledge base, and search it",
}


def main() -> int:
    """Runs the tool that the first argument names with the remaining ones, or the engine; returns the exit status."""
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    if named == "--version":
        print(f"talking-tutor {__version__}")
        return 0
    if named == "serve":
        del sys.argv[1]
    if named in TOOLS:
        if named in ("avatars", "backup", "keys", "knowledge", "restore"):
            os.umask(0o077)  # only the engine's user may read what it writes
        # Imported only when needed: some tools take seconds to import.
        module = "backup" if named == "restore" else named
        arguments = sys.argv[1:] if module == "backup" else sys.argv[2:]
        return int(importlib.import_module(f"engine.cli.{module}").main(arguments))
    from engine.start import main as serve

    return serve()
