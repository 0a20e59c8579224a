"""Every parser of what strangers send and operators fetch fails only in the documented way, soon, and with a bounded
result."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.audio.decoding import decode
from engine.audio.live import StreamDecoder
from engine.avatars.portrait import read_portrait
from engine.errors import EngineError, ModelMissing, Unauthorized
from engine.items import INPUT_RATE, AudioChunk
from engine.knowledge.items import Unreadable
from engine.knowledge.parse import MAX_CHARS, read_document
from engine.models.catalog import voice_config
from engine.models.gguf import rewrite
from engine.models.gguf_layout import read_layout
from engine.protocol.incoming import parse
from engine.speaking.piper_description import read_description
from engine.tokens import TokenSigner
from engine.transport.webrtc.microphone import LONGEST_GAP_S, MAX_AHEAD_S, OpusMicrophone
from engine.transport.webrtc.offers import read_offer
from engine.tutors.profile import TutorProfile
from tests.fuzz.mutations import damaged, damaged_text
from tests.fuzz.samples import (
    MESSAGES,
    OFFER,
    PROFILE,
    VOICE,
    documents,
    language_models,
    live_recordings,
    portraits,
    recordings,
)
from tests.transport.webrtc.opus_packet import OpusPacket

SLOWEST_S = 15.0
"""For one input, on a machine busy with other things."""


@contextmanager
def soon() -> Iterator[None]:
    """Fails when the body took too long."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SLOWEST_S


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(
    ("type", "content", "data", "format", "seq", "end", "stream", "turn", "position_ms", "input_audio")
)
kinds = st.sampled_from(("text", "audio", "configure", "interrupt", "playback", "end_talk", "greet", "ping"))


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


def test_the_sample_offer_is_a_good_one() -> None:
    assert read_offer(OFFER).codecs == {"h264"}


@given(damaged_text([OFFER]))
def test_offers(sdp: str) -> None:
    with soon():
        try:
            read_offer(sdp)
        except EngineError as error:
            assert len(error.message) < 1000


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
    assert total <= (MAX_AHEAD_S + 1 + len(script) * LONGEST_GAP_S) * INPUT_RATE
    assert all(np.isfinite(c.pcm).all() for c in chunks)


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


@given(st.deferred(lambda: damaged(portraits())))
def test_portraits(data: bytes) -> None:
    with soon():
        try:
            picture = read_portrait(data)
        except EngineError:
            return
    assert picture.mode == "RGB" and max(picture.size) <= 3000


@given(data=st.deferred(lambda: damaged(language_models())))
def test_language_model_files(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    source, target = folder / "fuzzed.gguf", folder / "rewritten.gguf"
    source.write_bytes(data)
    with soon():
        try:
            layout = read_layout(source)
            if layout is None:
                return
            rewrite(source, target)
        except ModelMissing as error:
            assert "is damaged" in error.message and len(error.message) < 1000
            return
    assert sum(tensor.size for tensor in layout.tensors) <= len(data)
    assert target.stat().st_size < 2 * len(data) + len(layout.tensors) * layout.alignment
    again = read_layout(target)
    assert again is not None and again.metadata == layout.metadata
    assert [tensor.name for tensor in again.tensors] == [tensor.name for tensor in layout.tensors]


@given(text=damaged_text([VOICE]))
def test_voice_descriptions(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    model = tmp_path_factory.getbasetemp() / "fuzzed.onnx"
    voice_config(model).write_bytes(text.encode("utf-8", "surrogateescape"))
    with soon():
        try:
            config, language = read_description(model)
        except ModelMissing as error:
            assert "cannot be used" in error.message and len(error.message) < 1000
            return
    assert 8000 <= config.sample_rate <= 48_000 and config.hop_length > 0 and language is not None


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
