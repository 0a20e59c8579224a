"""How many tokens a text takes, estimated from its characters. Pure."""

from __future__ import annotations

from engine.text.scripts import count_unspaced

CHARS_PER_TOKEN = 3.4
"""Measured with SmolLM2's tokenizer on English tutoring dialogue (4.2), less a margin."""

TOKENS_PER_CHINESE_CHARACTER = 2.2
"""The same on Chinese, where a small English model spends two tokens and more a character."""

TOKENS_PER_MESSAGE = 8
"""Role names and separators of a chat template."""


def estimate_tokens(text: str) -> int:
    """Tokens ``text`` takes at most, by its characters; errs upwards."""
    chinese = count_unspaced(text)
    other = len(text.encode()) - 3 * chinese
    return round(chinese * TOKENS_PER_CHINESE_CHARACTER + other / CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE
