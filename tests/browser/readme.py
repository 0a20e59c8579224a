"""What README.md tells people to type, taken from it."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.browser.conftest import ROOT


def blocks(language: str) -> list[str]:
    """The code blocks of README.md in ``language``, in their order."""
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run(having: str, **addresses: str) -> str:
    """Run the shell block that contains ``having``, with these ports: ``port_9000="41234"``. Gives what it prints."""
    (block,) = [each for each in blocks("sh") if having in each]
    for port, actual in addresses.items():
        block = block.replace(port.replace("port_", "localhost:"), f"127.0.0.1:{actual}")
    block = block.replace(".venv/bin/python", sys.executable)
    return subprocess.run(["bash", "-c", block], capture_output=True, text=True, check=True, timeout=60).stdout
