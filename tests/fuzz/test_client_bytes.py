"""Every parser that meets a stranger's bytes fails only in the documented way, soon, and with a bounded result."""

from __future__ import annotations

import io
import json
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from engine.audio.decoding import decode
from engine.audio.live import StreamDecoder
from engine.avatars.portrait import read_portrait
from engine.errors import EngineError, Unauthorized
from engine.items import INPUT_RATE, AudioChunk
from engine.knowledge.items import Unreadable
from engine.knowledge.parse import MAX_CHARS, read_document
from engine.protocol.incoming import parse
from engine.tokens import TokenSigner
from engine.transport.webrtc.microphone import LONGEST_GAP_S, MOST_AHEAD_S, OpusMicrophone
from engine.transport.webrtc.offers import read_offer
from engine.tutors.profile import TutorProfile
from tests.audio.containers import encode, tone
from tests.fuzz.mutations import damaged, damaged_text
from tests.transport.webrtc.opus_packet import OpusPacket

SLOWEST_S = 15.0
"""For one input, on a machine busy with other things."""


@contextmanager
def soon() -> Iterator[None]:
    """Fails when the body took too long."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SLOWEST_S


MESSAGES = [
    json.dumps(message).encode()
    for message in (
        {"type": "text", "content": "What is a noun?", "avatar_id": "avatar_tutor_1"},
        {"type": "audio", "data": "AAAA", "format": "opus", "seq": 3, "end": True},
        {"type": "configure", "stream": True, "input_audio": {"format": "pcm_s16le", "sample_rate": 24000}},
        {"type": "playback", "turn": 3, "position_ms": 1e3},
    )
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(
    ("type", "content", "data", "format", "seq", "end", "stream", "turn", "position_ms", "input_audio")
)
kinds = st.sampled_from(("text", "audio", "configure", "interrupt", "playback", "end_talk", "ping"))


@given(
    damaged(MESSAGES).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    | st.tuples(st.dictionaries(fields, values), kinds).map(lambda pair: json.dumps({**pair[0], "type": pair[1]}))
)
def test_messages(text: str) -> None:
    with soon():
        try:
            message = parse(text)
        except EngineError as error:
            assert len(error.message) < 1000
        else:
            assert message.model_dump_json() is not None or "\\u" in text


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, '{"a":' * 100_000, "9" * 10_000, "-", "NaN", "\0"])
def test_messages_that_are_deep_or_huge(text: str) -> None:
    with soon(), pytest.raises(EngineError):
        parse(text)


OFFER = """v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=ssrc:1 cname:x\r\n\
a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\n\
a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack pli\r\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n\
a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 2 3\r\na=extmap:1 urn:x\r\na=ice-ufrag:abcd\r\n\
a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n\
a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"""


def test_the_sample_offer_is_a_good_one() -> None:
    assert read_offer(OFFER).codecs == {"h264"}


@given(damaged_text([OFFER]))
def test_offers(sdp: str) -> None:
    with soon():
        try:
            read_offer(sdp)
        except EngineError as error:
            assert len(error.message) < 1000


@lru_cache
def recordings() -> list[bytes]:
    sound = tone(0.4)
    return [encode(sound, INPUT_RATE, kind) for kind in ("wav", "webm", "ogg", "mp3", "m4a", "flac", "aac")]


@given(st.deferred(lambda: damaged(recordings())))
@settings(max_examples=settings().max_examples // 2)
def test_whole_recordings(data: bytes) -> None:
    with soon():
        try:
            pcm = decode(data, max_seconds=20, max_decode_s=5)
        except EngineError:
            return
    assert 0 < len(pcm) <= 21 * INPUT_RATE
    assert np.isfinite(pcm).all() and np.abs(pcm).max() <= 1


@lru_cache
def live_recordings() -> list[bytes]:
    return [encode(tone(0.6), INPUT_RATE, kind, live=True) for kind in ("webm", "ogg")]


@given(st.deferred(lambda: damaged(live_recordings())), st.integers(1, 3000))
@settings(max_examples=settings().max_examples // 4)
async def test_live_recordings(data: bytes, piece: int) -> None:
    heard: list[int] = []
    with soon():
        async with StreamDecoder(lambda pcm: heard.append(len(pcm))) as decoder:
            try:
                for at in range(0, len(data), piece):
                    decoder.push(data[at : at + piece])
                await decoder.finish()
            except EngineError:
                pass
    assert sum(heard) < 60 * INPUT_RATE


packets = st.lists(
    st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=200)), min_size=1, max_size=30
)


@given(packets)
def test_microphone_packets(script: list[tuple[int, int, bytes]]) -> None:
    chunks: list[AudioChunk] = []
    microphone = OpusMicrophone(chunks.append)
    with soon():
        for number, timestamp, opus in script:
            assert microphone.add(OpusPacket(number, timestamp, opus)) == (False, None)
    total = sum(len(c.pcm) for c in chunks)
    assert total <= (MOST_AHEAD_S + 1 + len(script) * LONGEST_GAP_S) * INPUT_RATE
    assert all(np.isfinite(c.pcm).all() for c in chunks)


@lru_cache
def documents() -> list[tuple[str, bytes]]:
    html = b"<html><body><h1>Plants</h1><p>Leaves are <b>green</b>.</p><table><tr><td>1</td></tr></table></body></html>"
    return [
        ("a.html", html),
        ("a.md", b"---\ntitle: x\n---\n# Plants\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
        ("a.txt", "Leaves are green.\n\n叶子是绿色的。".encode()),
        ("a.docx", docx()),
        ("a.pdf", pdf()),
    ]


def docx() -> bytes:
    from docx import Document

    out = io.BytesIO()
    made = Document()
    made.add_heading("Plants", 1)
    made.add_paragraph("Leaves are green.")
    made.add_table(1, 2).cell(0, 0).text = "one"
    made.save(out)
    return out.getvalue()


def pdf() -> bytes:
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length 44>>stream\nBT /F 9 Tf 9 50 Td (Leaves are green.) Tj ET\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj" % number + content + b"endobj\n"
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return bytes(out + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start)


@pytest.mark.parametrize("kind", range(5))
@given(data=st.data())
@settings(max_examples=settings().max_examples // 2)
def test_documents(kind: int, data: st.DataObject) -> None:
    name, sample = documents()[kind]
    raw = data.draw(damaged([sample]))
    with soon():
        try:
            blocks = read_document(name, raw)
        except (Unreadable, MemoryError, RecursionError):  # those two end the reading process, which says so
            return
    assert 0 < sum(len(b.text) for b in blocks) <= MAX_CHARS


def test_the_sample_documents_are_good_ones() -> None:
    assert all(read_document(name, data) for name, data in documents())


@lru_cache
def portraits() -> list[bytes]:
    pixels = np.random.default_rng(1).integers(0, 255, (40, 30, 3), np.uint8)
    made = []
    for form in ("PNG", "JPEG", "WEBP"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, form)
        made.append(out.getvalue())
    return made


@given(st.deferred(lambda: damaged(portraits())))
def test_portraits(data: bytes) -> None:
    with soon():
        try:
            picture = read_portrait(data)
        except EngineError:
            return
    assert picture.mode == "RGB" and max(picture.size) <= 3000


PROFILE = (
    'id = "maya"\nname = "Maya"\npersona = "Be kind."\nlanguage = "en"\n'
    'llm_temperature = 0.3\n[voices]\nzh = "piper:zh"\n'
)


@given(damaged_text([PROFILE]))
def test_profiles(text: str) -> None:
    with soon():
        try:
            profile = TutorProfile.model_validate(tomllib.loads(text))
        except (ValidationError, tomllib.TOMLDecodeError, RecursionError):
            return
    assert len(profile.model_dump_json()) < 100_000


SIGNER = TokenSigner("s" * 32, 600)
GOOD = SIGNER.sign("s1", 1, 2)


@given(damaged_text([GOOD]) | st.text(max_size=200))
def test_tokens(token: str) -> None:
    with soon():
        if token == GOOD:
            assert SIGNER.check(token, "s1").session_id == "s1"
        else:
            with pytest.raises(Unauthorized):
                SIGNER.check(token, "s1")
