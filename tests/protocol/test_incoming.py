"""Client messages: every fault is named, nothing hostile gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, EngineError, InvalidField, UnknownType
from engine.protocol.incoming import TextMessage, decode_base64, parse


def test_text_message() -> None:
    message = parse('{"type":"text","content":"你好","avatar_id":"avatar_tutor_13","future":1}')
    assert message == TextMessage(type="text", content="你好", avatar_id="avatar_tutor_13")


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "null", "[" * 5000])
def test_not_an_object(text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


@pytest.mark.parametrize("text", ['{"type":"shout"}', '{"type":5}', '{"type":null}'])
def test_unknown_type(text: str) -> None:
    with pytest.raises((UnknownType, InvalidField)):
        parse(text)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "type"),
        ('{"type":"text"}', "content"),
        ('{"type":"text","content":5}', "content"),
        ('{"type":"text","content":""}', "content"),
        ('{"type":"text","content":"a","avatar_id":7}', "avatar_id"),
        ('{"type":"audio"}', "data"),
        ('{"type":"playback","turn":-1,"position_ms":0}', "turn"),
        ('{"type":"playback","turn":1,"position_ms":1e99}', "position_ms"),
        ('{"type":"playback","turn":1,"position_ms":NaN}', "position_ms"),
        ('{"type":"configure","input_audio":{"sample_rate":1}}', "input_audio.sample_rate"),
        ('{"type":"configure","video":"gif"}', "video"),
    ],
)
def test_the_faulty_field_is_named(text: str, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse(text)
    assert f"'{field}'" in caught.value.message


@given(st.text(max_size=200))
def test_any_text_gives_a_message_or_an_engine_error(text: str) -> None:
    try:
        parse(text)
    except EngineError as error:
        assert error.status in (400, 422)
    else:
        raise AssertionError("random text is no message")


def test_base64() -> None:
    assert decode_base64("aGk=") == b"hi"
    assert decode_base64("data:audio/wav;base64,aGk=") == b"hi"
    with pytest.raises(InvalidField, match="data"):
        decode_base64("not base64!")
