"""Which expression goes with each clause of a reply: the tag its writer gave it, else what its words suggest.

Pure; one ``ExpressionChooser`` per reply. The animator (``expressions.py``) only draws what is chosen here.
"""

from __future__ import annotations

from engine.items import Expression
from engine.text.clauses import CLOSERS, STOPS
from engine.text.sentiment import Tone, tone, warns

_BY_TONE: dict[Tone, Expression] = {
    "glad": "glad", "sad": "gentle", "pondering": "thoughtful", "astonished": "surprised",
}  # fmt: skip
_EXCLAMATIONS = ("!", "！")


class ExpressionChooser:
    """Chooses for one reply.

    Args:
        question: the student's words. If they are sad, the tutor is gentle and does not beam at them.
    """

    def __init__(self, question: str) -> None:
        self._consoling = tone(question) == "sad"
        self._carried: Expression | None = None
        """Of the sentence whose beginning has been given."""

    def console(self) -> None:
        """The student needs help or was refused something: gentle from now on."""
        self._consoling = True

    def choose(self, text: str, tag: Expression | None = None) -> Expression:
        """The expression of the clause ``text``. A sentence that was cut keeps its expression to the end.

        Args:
            tag: what the writer asked for.
        """
        found = tag or self._suggested(text)
        if found == "neutral" and self._carried is not None:
            found = self._carried
        ended = text.rstrip().rstrip(CLOSERS).endswith(tuple(STOPS))
        self._carried = None if ended else found
        if self._consoling and found in ("glad", "neutral", "surprised"):
            return "gentle"
        return found

    @staticmethod
    def _suggested(text: str) -> Expression:
        found = tone(text)
        if found is not None:
            return _BY_TONE[found]
        exclaimed = text.rstrip().rstrip(CLOSERS).endswith(_EXCLAMATIONS)
        return "glad" if exclaimed and not warns(text) else "neutral"
