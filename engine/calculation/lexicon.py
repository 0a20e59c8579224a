"""The words and signs of arithmetic, English and Chinese."""

from __future__ import annotations

import re

_PHRASES: tuple[tuple[str, str], ...] = (
    ("multiplied by", "*"),
    ("divided by", "÷"),
    ("divided into", "into"),
    ("to the power of", "^"),
    ("raised to the power", "^"),
    ("raised to", "^"),
    ("to the power", "^"),
    ("added to", "+"),
    ("take away", "-"),
    ("subtracted from", "from"),
    ("taken from", "from"),
    ("per cent", "%"),
    ("square root", "sqrt"),
    ("cube root", "cbrt"),
    ("least common multiple", "lcm"),
    ("lowest common multiple", "lcm"),
    ("greatest common divisor", "gcd"),
    ("greatest common factor", "gcd"),
    ("highest common factor", "gcd"),
    ("plus", "+"),
    ("minus", "-"),
    ("negative", "-"),
    ("times", "*"),
    ("over", "/"),
    ("percent", "%"),
    ("modulo", "mod"),
    ("x", "*"),
    ("highest common divisor", "gcd"),
    ("greatest common denominator", "gcd"),
    ("lowest common denominator", "lcm"),
    ("hcf", "gcd"),
    ("gcf", "gcd"),
    ("average", "mean"),
    ("加上", "+"),
    ("减去", "-"),
    ("乘以", "*"),
    ("乘上", "*"),
    ("除以", "÷"),
    ("加", "+"),
    ("减", "-"),
    ("乘", "*"),
    ("次方", "次方"),
    ("负", "-"),
    ("的一半", "*1/2"),
    ("的1半", "*1/2"),
    ("的平方根", "√"),
    ("的算术平方根", "√"),
    ("的立方根", "∛"),
    ("的平方", "^2"),
    ("的立方", "^3"),
    ("的阶乘", "!"),
)

_NAMES = dict(_PHRASES)

PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "3rd": 3,
    "quarter": 4,
    "fourth": 4,
    "4th": 4,
    **{f"{n}th": n for n in range(5, 101)},
} | {"fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "20th": 20}

_NAME = "|".join(rf"{re.escape(name)}(?![a-z])" for name in sorted(_NAMES, key=len, reverse=True))

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?!(?:th|rd|nd|st)s?\b)|\.\d+)"
    r"|(?P<name>"
    + "|".join(rf"{re.escape(name)}(?![a-z])" for name, _ in sorted(_PHRASES, key=lambda p: -len(p[0])))
    + ")"
    r"|(?P<word>\d+(?:th|rd|nd|st)s?\b|[a-z]+)"
    r"|(?P<sign>\*\*|[-+*/÷^!%()√∛,的])"
    r")"
)


class NoExpression(ValueError):
    """The text is no arithmetic expression."""


def tokens(text: str) -> list[str]:
    """Numbers, signs and words of ``text``.

    Raises:
        NoExpression: there is something else in it.
    """
    found: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.end() == at:
            raise NoExpression(f"no arithmetic: {text[at : at + 12]!r}")
        token = match.group(match.lastgroup or 0)
        if match.lastgroup == "name":
            token = _NAMES[token]
        if token == "*1/2":
            found += ["÷", "2"]
        elif token in ("^2", "^3"):
            found += ["^", token[1]]
        else:
            found.append("^" if token == "**" else token)
        at = match.end()
    return found
