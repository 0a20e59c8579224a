"""Good examples of everything a stranger may send and an operator may fetch, for the fuzzers to spoil."""

from __future__ import annotations

import io
import json
from functools import lru_cache

import numpy as np
from PIL import Image

from engine.items import INPUT_RATE
from tests.audio.containers import encode, tone
from tests.models.small_gguf import gguf

MESSAGES = [
    json.dumps(message).encode()
    for message in (
        {"type": "text", "content": "What is a noun?", "avatar_id": "avatar_tutor_1"},
        {"type": "audio", "data": "AAAA", "format": "opus", "seq": 3, "end": True},
        {"type": "configure", "stream": True, "input_audio": {"format": "pcm_s16le", "sample_rate": 24000}},
        {"type": "playback", "turn": 3, "position_ms": 1e3},
    )
]

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


PROFILE = (
    'id = "maya"\nname = "Maya"\npersona = "Be kind."\nlanguage = "en"\n'
    'llm_temperature = 0.3\n[voices]\nzh = "piper:zh"\n'
)


@lru_cache
def recordings() -> list[bytes]:
    sound = tone(0.4)
    return [encode(sound, INPUT_RATE, kind) for kind in ("wav", "webm", "ogg", "mp3", "m4a", "flac", "aac")]


@lru_cache
def live_recordings() -> list[bytes]:
    return [encode(tone(0.6), INPUT_RATE, kind, live=True) for kind in ("webm", "ogg")]


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


@lru_cache
def portraits() -> list[bytes]:
    pixels = np.random.default_rng(1).integers(0, 255, (40, 30, 3), np.uint8)
    made = []
    for form in ("PNG", "JPEG", "WEBP"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, form)
        made.append(out.getvalue())
    return made


VOICE = json.dumps(
    {
        "audio": {"sample_rate": 22050},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {"_": [0], "^": [1], "$": [2]},
        "num_symbols": 256,
        "num_speakers": 1,
        "speaker_id_map": {},
        "piper_version": "1.0.0",
        "language": {"code": "en_US", "family": "en"},
    },
    indent=1,
)
"""The description of a Piper voice."""


@lru_cache
def language_models() -> list[bytes]:
    return [gguf(np.random.default_rng(2).bytes(40), bytes(256)), gguf(bytes(40), bytes(256))]
