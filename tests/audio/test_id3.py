"""ID3 tags before a recording: what follows them decides how it is read."""

from __future__ import annotations

import io

import av
import pytest

from engine.audio.containers import audio_stream, container_options, frames_of, sniff
from tests.audio.containers import encode, tone


def tag(length: int) -> bytes:
    return b"ID3\x04\x00\x00" + bytes((length >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(length)


@pytest.mark.parametrize("kind", ["flac", "aac"])
@pytest.mark.parametrize("tags", [b"", tag(300), tag(10) + tag(20_000)], ids=["none", "one", "two"])
def test_a_recording_behind_id3_tags_is_recognised_and_decoded(kind: str, tags: bytes) -> None:
    data = tags + encode(tone(1), 16_000, kind, codec_rate=16_000)
    assert sniff(data) == kind
    with av.open(io.BytesIO(data), "r", format=kind, options=container_options(kind)) as container:
        stream = audio_stream(container)
        assert stream is not None
        samples = sum(frame.samples for frame in frames_of(container, stream))
    assert samples == pytest.approx(16_000, abs=3000)


def test_a_tag_with_nothing_known_behind_it_is_taken_for_mp3() -> None:
    assert sniff(tag(100)) == sniff(tag(100) + b"???") == sniff(tag(100)[:16]) == "mp3"
    assert sniff(b"") is None
