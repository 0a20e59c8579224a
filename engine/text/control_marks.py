"""Breaks the control marks of chat templates in text that is not the engine's own. Pure, linear in the text.

A tokenizer turns ``<|im_start|>`` in a message into a control token, and whoever wrote it then speaks as the system.
A space inside a mark is enough for it to be plain text. Only spaces are added, so no new mark can arise.
"""

from __future__ import annotations

import re

_ANGLE = re.compile(
    r"<(?=[|｜]|/?(?:s|bos|eos|unk|pad|start_of_turn|end_of_turn|think|thinking|tool_call|im_start|im_end|SYS)\b|<SYS|</SYS)"
    r"|(?<=[|｜])(?=>)|(?<=\[)(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)


def break_marks(text: str) -> str:
    """``text`` with a space in every control mark of the common chat templates."""
    return _ANGLE.sub(lambda match: f"{match.group()} ", text)
