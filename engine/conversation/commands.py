"""What waits in a conversation's inbox, besides the events of the listener."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts import Avatar


@dataclass(frozen=True, slots=True)
class TypedMessage:
    """The student typed."""

    text: str
    avatar: Avatar | None
    """The avatar for this reply; None: text only."""
    received_at: float
    """Seconds on the loop's clock."""
    stops: int
    """How often the student had pressed stop when it came. If they have pressed it again since, it is not answered."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The student sent a whole recording."""

    data: bytes
    """A file in any format that ``engine.audio.decoding`` reads."""
    avatar: Avatar | None
    """See ``TypedMessage``, as for the other fields."""
    received_at: float
    stops: int


@dataclass(frozen=True, slots=True)
class Greeting:
    """The student is there and would like to be greeted."""

    avatar: Avatar | None
    """See ``TypedMessage``, as for the other fields."""
    received_at: float
    stops: int


@dataclass(frozen=True, slots=True)
class AnswerUnanswered:
    """The session came from another engine, which was answering the student's last words: answer them here."""

    received_at: float
    """Seconds on the loop's clock."""


Message = TypedMessage | Recording
"""What is answered by a reply."""


@dataclass(frozen=True, slots=True)
class NextMessage:
    """A reply of a client that does not stream has ended: the next of its waiting messages may be answered."""


@dataclass(frozen=True, slots=True)
class ConcludeInterruption:
    """A reply was interrupted: tell the client and the history. The reply itself is silent already."""


@dataclass(frozen=True, slots=True)
class PrefillDialogue:
    """Nothing is being said: the language model may read the dialogue."""


Command = (
    TypedMessage | Recording | Greeting | AnswerUnanswered | NextMessage | ConcludeInterruption | PrefillDialogue
)  # fmt: skip
