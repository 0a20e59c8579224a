"""The command ``talking-tutor`` (or ``python -m engine``): runs a tool if one is named, else starts the engine."""

from __future__ import annotations

import importlib
import os
import sys

TOOLS = {
    "models": "list, prepare, verify and fetch models",
    "voices": "list voices, synthesize a text, fetch Coqui voices",
    "avatars": "list avatars, and create them from a portrait or a video",
    "knowledge": "add, list and remove documents of a knowledge base, and search it",
}


def main() -> int:
    """Runs the tool that the first argument names with the remaining ones, or the engine; returns the exit status."""
    if len(sys.argv) > 1 and sys.argv[1] in TOOLS:
        if sys.argv[1] in ("avatars", "knowledge"):
            os.umask(0o077)  # only the engine's user may read what it writes
        # Imported only when needed: some tools take seconds to import.
        return int(importlib.import_module(f"engine.cli.{sys.argv[1]}").main(sys.argv[2:]))
    from engine.app import main as serve

    return serve()
