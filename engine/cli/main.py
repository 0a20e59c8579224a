"""``talking-tutor``, or ``python -m engine``: one command for all tools; without a tool it starts the engine."""

from __future__ import annotations

import importlib
import sys

TOOLS = {
    "models": "list, prepare, verify and fetch models",
    "voices": "list voices, hear one, fetch Coqui voices",
    "avatars": "list avatars and make them from a portrait or a video",
    "knowledge": "add documents to a knowledge base, list, remove, ask",
}


def main() -> int:
    """Run the tool named first on the command line with the rest of it; gives the exit status."""
    if len(sys.argv) > 1 and sys.argv[1] in TOOLS:
        # Imported only when asked for: some tools take seconds to import.
        return int(importlib.import_module(f"engine.cli.{sys.argv[1]}").main(sys.argv[2:]))
    from engine.app import main as serve

    return serve()
