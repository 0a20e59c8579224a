"""Client messages: every fault is named, nothing hostile gets through."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, EngineError, InvalidField, TooLarge, UnknownType
from engine.protocol.incoming import BASE64_PIECE, MAX_VALUES, TextMessage, decode_base64, parse, parse_recording


def test_text_message() -> None:
    message = parse('{"type":"text","content":"你好","avatar_id":"avatar_tutor_13","future":1}')
    assert message == TextMessage(type="text", content="你好", avatar_id="avatar_tutor_13")


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "null", "[" * 50, '{"type":' * 50])
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
    for broken in ("AA=A", "AAA", "AAAA=", "=", "AA==AAAA", "\u00e9"):
        with pytest.raises(InvalidField):
            decode_base64(broken)


def test_long_base64_is_decoded_whole() -> None:
    data = bytes(range(256)) * 2001 + b"\1"
    assert decode_base64(base64.b64encode(data).decode()) == data
    with pytest.raises(InvalidField):
        decode_base64("A" * 200_001)


@pytest.mark.parametrize("shift", range(4))
def test_escaped_slashes_are_read_wherever_the_pieces_are_cut(shift: int) -> None:
    encoded = "A" * shift + "/" * (3 * BASE64_PIECE - shift)
    message = f'{{"type":"audio","data":"{encoded}"}}'.replace("/", "\\/").encode()
    assert parse_recording(message)[1] == base64.b64decode(encoded)


@pytest.mark.parametrize("damaged", ["AA==", "AAA=", "A", "\\", "\\n", "é"])
def test_damage_between_the_pieces_of_a_recording_is_found(damaged: str) -> None:
    encoded = "A" * (BASE64_PIECE - 4) + damaged + "A" * BASE64_PIECE
    with pytest.raises(InvalidField, match="base64"):
        parse_recording(f'{{"type":"audio","data":"{encoded}"}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"ping","x":[' + "[]," * 10_000 + "0]}",
        '{"type":"ping","x":' + "[" * 30_000,
        '{"type":"ping","x":{' + ",".join(f'"{i:x}":0' for i in range(6000)) + "}}",
        '{"type":"ping","x":[' + "1e5," * 15_000 + "0]}",
        '{"type":"ping",' + ",".join(f'"{i}":0' for i in range(MAX_VALUES)) + "}",
        '{"type":"text","content":"' + "a " * 32_000 + '"}',
    ],
    ids=lambda text: f"{text[:24]} {len(text)}",
)
def test_messages_of_many_values_are_refused_before_they_are_parsed(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(TooLarge):
        parse(text)
    assert time.thread_time() - began < 0.05


def test_commas_and_brackets_in_a_text_are_no_values() -> None:
    content = 'Is {[1, 2], [3, 4]} a "matrix", or \\ what, ' * 80
    quoted = content.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'{{"type":"text","content":"{quoted}"}}') == TextMessage(type="text", content=content)


@pytest.mark.parametrize("form", ['{{"type":"audio","data":"{}"}}', '{{"data" : "{}", "type":"audio","end":true}}'])
def test_a_long_recording_is_read_wherever_its_data_stands(form: str) -> None:
    data = bytes(range(256)) * 4000
    encoded = base64.b64encode(data).decode()
    for written in (encoded, encoded.replace("/", "\\/"), "data:audio/wav;base64," + encoded):
        message, audio = parse_recording(form.format(written).encode())
        assert (message.type, message.end, audio) == ("audio", "end" in form, data)


LONG = "A" * 100_000


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"type":"text","content":"' + LONG + '"}', TooLarge),
        ('{"type":"text","content":"Hi.","data":"' + LONG + '"}', TooLarge),
        ('{"type":"audio","x":"' + LONG + '","data":"AAAA"}', TooLarge),
        ('{"type":"audio","data":"' + LONG + '","x":"' + LONG + '"}', TooLarge),
        ('{"type":"audio","data":"' + LONG + '","data":"AAAA"}', TooLarge),
        ('{"type":"audio","data":"' + LONG, TooLarge),
        ('{"type":"audio","data":"' + LONG + '","x":[' + "[]," * 15_000 + "0]}", TooLarge),
        ("[" * 200_000, TooLarge),
        ('{"type":"audio","x":{"data":"' + LONG + '"}}', InvalidField),
        ('{"type":"audio","data":"' + LONG + '\\u0041"}', InvalidField),
        ('{"type":"audio","data":"' + LONG + '","format":"mp3"}', InvalidField),
        ('{"type":"audio","data":"' + LONG + '",}', BadRequest),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else value.__name__,
)
def test_only_the_data_of_a_recording_may_be_long(text: str, error: type[EngineError]) -> None:
    with pytest.raises(error):
        parse_recording(text.encode())


@pytest.mark.parametrize("piece", ["[],", "{},", '"a":0,', "1e5,", '"', '\\"', "\\", '"data":"', "data "])
def test_thirty_megabytes_of_anything_are_refused_at_once(piece: str) -> None:
    data = b'{"type":"ping","x":[' + piece.encode() * (30_000_000 // len(piece)) + b"0]}"
    began = time.thread_time()
    with pytest.raises(EngineError):
        parse_recording(data)
    assert time.thread_time() - began < 0.25
