"""What all messages to a client have in common.

On the wire ``turn`` is the number of a reply, counted from 1 in its session: the protocol has always called it that.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class MessagePart(BaseModel):
    """Base of all messages and of the objects in them: immutable, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ServerMessage(MessagePart):
    """Base of all messages to a client."""

    type: str

    def to_json(self) -> str:
        """The message as it is sent: compact JSON, without the fields that are None."""
        return self.model_dump_json(exclude_none=True)

    def to_wire(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def reply_number(self) -> int:
        """The reply this message is part of, 0 for none. It must not leave once that reply was interrupted."""
        return 0


class ReplyMessage(ServerMessage):
    """Base of all messages that belong to one reply."""

    turn: int = Field(default=0, ge=0)
    """The reply's number, from 1."""  # 0 only inside the engine, before the reply may speak

    @property
    def reply_number(self) -> int:
        return self.turn
