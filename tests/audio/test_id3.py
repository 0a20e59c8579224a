"""ID3 tags before a recording: what follows them decides how it is read."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from engine.audio.containers import audio_stream, container_options, frames_of, sniff


def recording(container_format: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as output:
        stream = output.add_stream(codec, rate=16_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        pcm = (8000 * np.sin(np.arange(16_000) / 6)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = 16_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


def tag(length: int) -> bytes:
    return b"ID3\x04\x00\x00" + bytes((length >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(length)


@pytest.mark.parametrize(("container_format", "codec", "name"), [("flac", "flac", "flac"), ("adts", "aac", "aac")])
@pytest.mark.parametrize("tags", [b"", tag(300), tag(10) + tag(20_000)], ids=["none", "one", "two"])
def test_a_recording_behind_id3_tags_is_recognised_and_decoded(
    container_format: str, codec: str, name: str, tags: bytes
) -> None:
    data = tags + recording(container_format, codec)
    assert sniff(data) == name
    with av.open(io.BytesIO(data), "r", format=name, options=container_options(name)) as container:
        stream = audio_stream(container)
        assert stream is not None
        samples = sum(frame.samples for frame in frames_of(container, stream))
    assert samples == pytest.approx(16_000, abs=3000)


def test_a_tag_with_nothing_known_behind_it_is_taken_for_mp3() -> None:
    assert sniff(tag(100)) == sniff(tag(100) + b"???") == sniff(tag(100)[:16]) == "mp3"
    assert sniff(b"") is None
