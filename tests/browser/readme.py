"""What README.md tells people to type, taken from it."""

from __future__ import annotations

import re
import sys

from conftest import ROOT


def blocks(language: str) -> list[str]:
    """The code blocks of README.md in ``language``, in their order."""
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def command(having: str, **addresses: str) -> str:
    """The shell block that contains ``having``, for these ports: ``port_9000="41234"``."""
    (block,) = [each for each in blocks("sh") if having in each]
    for port, actual in addresses.items():
        block = block.replace(port.replace("port_", "localhost:"), f"127.0.0.1:{actual}")
    return block.replace(".venv/bin/python", sys.executable)
