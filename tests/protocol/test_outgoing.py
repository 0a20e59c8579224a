"""Messages to clients: what is on the wire, field by field."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from engine.errors import Busy, EngineError
from engine.protocol import outgoing
from engine.protocol.outgoing import ErrorEvent, InterruptedEvent, TextDeltaEvent, TextEvent, numbered


def test_fields_without_a_value_are_missing_on_the_wire() -> None:
    assert json.loads(outgoing.TranscriptionEvent(content="你好", language="zh").to_json()) == {
        "type": "transcription",
        "content": "你好",
        "role": "user",
        "language": "zh",
    }
    assert json.loads(ErrorEvent.of(EngineError("broken")).to_json()) == {
        "type": "error",
        "code": "internal",
        "message": "broken",
    }


def test_an_error_tells_when_to_try_again_and_which_reply_failed() -> None:
    assert ErrorEvent.of(Busy("full", retry_after_s=2), reply=3).to_wire() == {
        "type": "error",
        "code": "busy",
        "message": "full",
        "retry_after": 2,
        "turn": 3,
    }


def test_no_sources_found_is_an_empty_list_and_no_knowledge_base_no_field() -> None:
    assert TextEvent(content="x", sources=()).to_wire()["sources"] == []
    assert "sources" not in TextEvent(content="x").to_wire()


def test_json_is_compact_and_leaves_characters_as_they_are() -> None:
    assert TextDeltaEvent(turn=1, content="你好").to_json() == '{"type":"text_delta","turn":1,"content":"你好"}'


def test_a_numbered_text_has_a_timestamp_and_a_delta_has_none() -> None:
    text = numbered(TextEvent(content="x"), 4).to_wire()
    assert text["turn"] == 4 and text["timestamp"].endswith("+00:00")
    assert numbered(TextDeltaEvent(content="x"), 4).to_wire() == {"type": "text_delta", "turn": 4, "content": "x"}


def test_an_interruption_is_not_part_of_the_reply_it_ends() -> None:
    ended = InterruptedEvent(turn=2, played_ms=1, content="", reason="voice", timings={})
    assert ended.reply_number == 0 and TextDeltaEvent(turn=2, content="").reply_number == 2
    assert ErrorEvent.of(EngineError("x")).reply_number == 0


def test_messages_cannot_be_changed_or_have_unknown_fields() -> None:
    with pytest.raises(ValidationError):
        TextDeltaEvent(turn=1, content="x").turn = 2  # type: ignore[misc]
    with pytest.raises(ValidationError):
        TextDeltaEvent.model_validate({"turn": 1, "content": "x", "tone": "sad"})
