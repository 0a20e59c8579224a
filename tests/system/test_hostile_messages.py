"""Messages and frames no honest client sends: each gets its error, and what should survive does."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import numpy as np
import pytest

from tests.system.raw_socket import RawSocket, frame

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIGURE = '{"type":"configure","video":"none",'

MESSAGES: list[tuple[str, str | None]] = [
    ('{"type":"text","content":NaN}', "invalid_field"),
    ('{"type":"text","content":true}', "invalid_field"),
    ('{"type":"text","content":["a"]}', "invalid_field"),
    ('{"type":"text","content":"\\ud800"}', "invalid_field"),
    ('{"type":"text","content":""}', "invalid_field"),
    ('{"type":"text","content":"\\u0000\\u2028 "}', None),
    ('{"type":"text","content":"hi","avatar_id":"\\udfff"}', "invalid_field"),
    ('{"type":"text","content":"hi","avatar_id":""}', "unknown_avatar"),
    ('{"type":"text","content":"hi","avatar_id":"avatar_tutor_13/../avatar_tutor_13"}', "unknown_avatar"),
    ('{"type":"text","content":"hi","avatar_id":"file:///etc/passwd"}', "unknown_avatar"),
    ('{"type":"text","content":"hi","avatar_id":"C:\\\\windows"}', "unknown_avatar"),
    ('{"type":"text","content":"hi","avatar_id":"%2e%2e%2fetc"}', "unknown_avatar"),
    ('{"type":"text","content":"hi","avatar_id":"avatar_tutor_13\\n"}', "unknown_avatar"),
    ('{"type":"text","content":"hi","avatar_id":13}', "invalid_field"),
    ('{"type":"\\ud800"}', "unknown_type"),
    ('{"type":["text"]}', "unknown_type"),
    ('{"type":{"text":1}}', "unknown_type"),
    ('{"type":true}', "unknown_type"),
    ('{"type":"TEXT","content":"hi"}', "unknown_type"),
    ('{"type":"__class__"}', "unknown_type"),
    ('{"type":null}', "invalid_field"),
    ("NaN", "bad_request"),
    ("null", "bad_request"),
    ("", "bad_request"),
    ("1e999", "bad_request"),
    ("9" * 10_000, "bad_request"),
    ("[" * 200_000, "too_large"),
    ('{"type":' * 100_000, "too_large"),
    ('{"type":"ping","x":[' + "[]," * 1_000_000 + "0]}", "too_large"),
    ('{"type":"ping","x":[' + "[]," * 1000 + "0]}", "too_large"),
    ('{"type":"text","content":"' + "a " * 1_000_000 + '"}', "too_large"),
    ('{"type":"audio","data":"' + "?" * 1_000_000 + '"}', "invalid_field"),
    ('{"type":"ping"} {"type":"ping"}', "bad_request"),
    ("{'type':'ping'}", "bad_request"),
    ('\ufeff{"type":"ping"}', "bad_request"),
    ('{"type":"audio","data":"====", "format":"pcm_s16le"}', "invalid_field"),
    ('{"type":"audio","data":"AAAA","format":"mp3"}', "invalid_field"),
    ('{"type":"configure","language":"xx"}', "invalid_field"),
    ('{"type":"configure","language":"English"}', "invalid_field"),
    ('{"type":"audio","data":"AAAA","end":"yes"}', "invalid_field"),
    ('{"type":"audio","data":"\\u00e9"}', "invalid_field"),
    ('{"type":"audio","data":null}', "invalid_field"),
    ('{"type":"playback","turn":true,"position_ms":1}', "invalid_field"),
    ('{"type":"playback","turn":1.5,"position_ms":1}', "invalid_field"),
    ('{"type":"playback","turn":1,"position_ms":Infinity}', "invalid_field"),
    ('{"type":"playback","turn":1,"position_ms":1e999}', "invalid_field"),
    ('{"type":"playback","turn":1,"position_ms":"1"}', "invalid_field"),
    ('{"type":"playback","turn":' + "9" * 400 + ',"position_ms":1}', None),
    (CONFIGURE + '"stream":false}', "conflict"),
    (CONFIGURE + '"stream":"yes"}', "invalid_field"),
    (CONFIGURE + '"input_audio":[]}', "invalid_field"),
    (CONFIGURE + '"input_audio":{"sample_rate":16000.5}}', "invalid_field"),
    (CONFIGURE + '"input_audio":{"sample_rate":1e9}}', "invalid_field"),
    (CONFIGURE + '"input_audio":{"sample_rate":-1}}', "invalid_field"),
    (CONFIGURE + '"input_audio":{"format":"wma"}}', "invalid_field"),
    (CONFIGURE + '"language":"../x"}', "invalid_field"),
    (CONFIGURE + '"avatar_id":"../../x"}', "unknown_avatar"),
    ('{"type":"configure","audio_codec":"mp3"}', "invalid_field"),
    ('{"type":"end_talk"}', None),
    ('{"type":"greet"}', None),
    ('{"type":"interrupt"}', None),
]


async def test_every_wrong_message_gets_its_error_and_the_socket_lives(socket: Any) -> None:
    for message, code in MESSAGES:
        await socket.ws.send_str(message)
        await socket.send(type="ping")
        answers = await socket.until("pong")
        codes = [answer["code"] for answer in answers if answer["type"] == "error"]
        assert codes == ([code] if code else []), (message[:80], answers)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"\xff\xfe\xfd"), 1007), (frame(b"\xed\xa0\x80"), 1007), (frame(b"{}", reserved=4), 1002),
        (frame(b"{}", opcode=3), 1002), (frame(b"{}", opcode=0), 1002), (frame(b"x" * 126, opcode=9), 1002),
        (frame(b"{", final=False) + frame(b"}"), 1002), (frame(b"\x03", opcode=8), 1002),
        (frame(struct.pack(">H", 999), opcode=8), 1002),
        (b"\x81\xff" + struct.pack(">Q", 2**63) + b"\1\2\3\4", 1009),
        (b"\x81\xff" + struct.pack(">Q", 40_000_000) + b"\1\2\3\4" + b"a" * 64, 1009),
    ],
)  # fmt: skip
async def test_frames_that_break_the_protocol_close_the_socket_only(
    caller: Any, session: dict[str, Any], data: bytes, code: int
) -> None:
    async with RawSocket(session) as raw:
        await raw.send(data)
        said = await raw.rest()
    assert said[:1] == b"\x88" and struct.unpack(">H", said[2:4])[0] == code, said[:40]
    second = await caller.connect(session)
    await second.send(type="ping")
    await second.expect("pong")
    await second.ws.close()


async def test_a_message_in_ten_thousand_pieces(session: dict[str, Any]) -> None:
    pieces = [frame(b'{"type":', final=False), *[frame(b" ", 0, final=False)] * 10_000, frame(b'"ping"}', 0)]
    async with RawSocket(session) as raw:
        await raw.send(b"".join(pieces))
        assert b"pong" in await asyncio.wait_for(raw.reader.readuntil(b"}"), 30)


async def test_a_flood_is_told_so_and_costs_nothing_but_itself(socket: Any) -> None:
    for _ in range(1000):
        await socket.send(type="ping")
    answers = [await socket.receive() for _ in range(1000)]
    told = {answer["code"] for answer in answers if answer["type"] == "error"}
    assert told == {"too_fast"} and sum(answer["type"] == "pong" for answer in answers) >= 200
    await asyncio.sleep(1.1)
    await socket.send(type="ping")
    await socket.expect("pong")


@pytest.mark.parametrize("opcode", [9, 10])
async def test_a_flood_of_control_frames_closes_the_socket(session: dict[str, Any], opcode: int) -> None:
    async with RawSocket(session) as raw:
        await raw.send(frame(b"", opcode) * 10_000)
        said = await raw.rest()
    assert b"\x88" in said and said.endswith(struct.pack(">H", 1008) + b"too many pings"), said[-40:]
    assert said.count(b"\x8a\x00") == (20 if opcode == 9 else 0)


async def test_honest_pings_are_answered(session: dict[str, Any]) -> None:
    async with RawSocket(session) as raw:
        for text in (b"", b"abc", b"x" * 125):
            await raw.send(frame(text, 9))
            assert await raw.reader.readexactly(2 + len(text)) == bytes([0x8A, len(text)]) + text


async def test_more_recordings_than_can_wait_are_refused(socket: Any) -> None:
    for _ in range(8):
        await socket.send(type="text", content="Hello!")
    answers = [await socket.receive() for _ in range(8)]
    kinds = [answer.get("code", answer["type"]) for answer in answers]
    assert kinds.count("text") == 5 and kinds.count("busy") == 3, kinds


async def test_live_sound_in_odd_pieces_and_full_of_extremes(socket: Any) -> None:
    await socket.send(type="configure", stream=True, video="none", input_audio={"format": "pcm_s16le"})
    await socket.expect("ready")
    rng = np.random.default_rng(0)
    for size in (1, 3, 5, 639, 641):
        await socket.ws.send_bytes(rng.bytes(size))
    await socket.ws.send_bytes(b"\xff\x7f\x00\x80" * 200)
    await socket.send(type="audio", data=base64.b64encode(b"\0\0" * 100).decode(), format="pcm_s16le", end=True)
    await socket.send(type="ping")
    assert [m["type"] for m in await socket.until("pong") if m["type"] == "error"] == []


async def test_live_opus_that_is_none(socket: Any) -> None:
    await socket.send(type="configure", stream=True, video="none", input_audio={"format": "opus"})
    await socket.expect("ready")
    rng = np.random.default_rng(0)
    for _ in range(50):
        await socket.ws.send_bytes(rng.bytes(400))
        await socket.send(type="ping")
        errors = [m for m in await socket.until("pong") if m["type"] == "error"]
        if errors:
            break
        await asyncio.sleep(0.05)
    assert errors[0]["code"] == "unreadable_media"
    await socket.send(type="configure", stream=True, video="none", input_audio={"format": "opus"})
    await socket.until("ready")


async def test_tokens_with_other_algorithms(caller: Any, session: dict[str, Any]) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = json.loads(base64.urlsafe_b64decode(session["engine_token"].split(".")[1] + "=="))
    signature = session["engine_token"].split(".")[2]
    url = session["engine_url"].replace("ws://", "http://")
    heads: list[object] = [{"alg": "none"}, {"alg": "None", "typ": "JWT"}, {"alg": "HS512"}, {"alg": "RS256"}]
    for head in (*heads, {"alg": None}, []):
        for end in ("", signature):
            token = f"{part(head)}.{part({**claims, 'exp': 2**40})}.{end}"
            async with caller.http.get(url, params={"token": token}) as reply:
                assert (reply.status, (await reply.json())["error"]["code"]) == (401, "unauthorized"), head
