"""How many tokens a text takes, estimated from its characters. Pure."""

from __future__ import annotations

import re

from engine.text.scripts import count_unspaced

CHARS_PER_TOKEN = 3.4
"""Measured with SmolLM2's tokenizer on English tutoring dialogue (4.2), less a margin."""

TOKENS_PER_CHINESE_CHARACTER = 2.2
"""The same on Chinese, where a small English model spends two tokens and more a character."""

TOKENS_PER_MESSAGE = 8
"""Role names and separators of a chat template."""

_TOKEN_EACH = re.compile(r"[!-/:-@\[-`{-~]{2,}|[0-9]")
"""ASCII in which every character may be a token: digits, and runs of punctuation (``?!?!``)."""


def estimate_tokens(text: str) -> int:
    """Tokens ``text`` takes at most, by its characters; errs upwards.

    Of scripts other than Latin and Chinese, and of emoji, every byte may be a token.
    """
    chinese = count_unspaced(text)
    single = sum(len(run) for run in _TOKEN_EACH.findall(text))
    ascii_only = sum(character < "\x80" for character in text)
    foreign = len(text.encode()) - ascii_only - 3 * chinese
    tokens = chinese * TOKENS_PER_CHINESE_CHARACTER + single + foreign + (ascii_only - single) / CHARS_PER_TOKEN
    return round(tokens) + TOKENS_PER_MESSAGE
