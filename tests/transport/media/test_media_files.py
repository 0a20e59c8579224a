"""Clips and fragments, decoded again: what is in them, when it is seen and when it is heard."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import pytest

from engine.items import FPS, FRAME_SAMPLES, OUTPUT_RATE, MediaFrame, Picture
from engine.transport.media import ClipWriter, FragmentWriter, MediaFormat, encode_idle, wav
from tests.frames import LEAD, SIZE, beeps, grey

MARKS = (0, 20, 43)
"""Frames that flash and beep."""


def seen_at(data: bytes) -> list[float]:
    """Times in seconds of the white pictures."""
    with av.open(io.BytesIO(data), "r") as file:
        return [round(f.time, 3) for f in file.decode(video=0) if f.to_ndarray(format="gray").mean() > 128]


def heard_at(data: bytes) -> list[float]:
    """Times in seconds at which a beep begins."""
    with av.open(io.BytesIO(data), "r") as file:
        frames = list(file.decode(audio=0))
    sound = np.concatenate([f.to_ndarray()[0] for f in frames])
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    onsets = loud[np.r_[True, np.diff(loud) > frames[0].sample_rate // 10]]
    return [frames[0].time + onset / frames[0].sample_rate for onset in onsets]


def seconds(count: int | None, time_base: Fraction | None) -> float:
    assert count is not None and time_base is not None
    return float(count * time_base)


def form(codec: str) -> MediaFormat:
    return MediaFormat(SIZE, SIZE, audio_codec="opus" if codec == "opus" else "aac")


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    while data:
        size = struct.unpack(">I", data[:4])[0]
        yield data[4:8].decode(), data[8:size]
        data = data[size:]


@pytest.mark.parametrize("codec", ["aac", "opus"])
@pytest.mark.parametrize("count", [1, 44, 50])
def test_clip_shows_and_sounds_together_and_equally_long(codec: str, count: int) -> None:
    writer = ClipWriter(form(codec))
    for frame in beeps(1, count, MARKS):
        writer.add(frame)
    data = writer.finish()
    marks = [m / FPS for m in MARKS if m < count]
    assert seen_at(data) == marks
    assert heard_at(data) == pytest.approx(marks, abs=0.002)
    with av.open(io.BytesIO(data), "r") as file:
        lengths = [seconds(s.duration, s.time_base) for s in file.streams]
        assert lengths == pytest.approx([count / FPS] * 2, abs=0.001)
        assert file.streams.video[0].start_time == 0
    assert [name for name, _ in boxes(data)] == ["ftyp", "moov", "mdat"]


@pytest.mark.parametrize("codec", ["aac", "opus"])
@pytest.mark.parametrize("sizes", [[1, 2, 4, 8, 8, 27], [50], [2] * 25])
def test_fragments_hold_exactly_their_frames_and_stay_in_step(codec: str, sizes: list[int]) -> None:
    writer = FragmentWriter(form(codec))
    frames = beeps(1, 50, MARKS)
    out, position = [writer.init_segment], 0
    for size in sizes:
        out.append(writer.add(frames[position : position + size]))
        position += size
        with av.open(io.BytesIO(b"".join(out)), "r") as file:
            packets = [p for p in file.demux() if p.size]
            pictures = [p.is_keyframe for p in packets if p.stream.type == "video"]
            sound = sum(seconds(p.duration, p.time_base) for p in packets if p.stream.type == "audio")
        assert len(pictures) == position, "a picture was held back"
        lag = LEAD[codec] + position / FPS - sound
        assert lag <= (0.129 if codec == "aac" else 0.007), "sound was held back"
    data = b"".join(out) + writer.finish()
    lead = LEAD[codec]
    assert seen_at(data) == pytest.approx([0.0] + [lead + m / FPS for m in MARKS[1:]], abs=0.001)
    assert heard_at(data) == pytest.approx([lead + m / FPS for m in MARKS], abs=0.002)
    assert pictures[0], "the first picture needs another"


def test_a_missing_picture_repeats_the_one_before() -> None:
    frames = beeps(1, 22, MARKS)
    frames[21] = MediaFrame(1, 21, frames[21].pcm, None, speaking=True)
    writer = ClipWriter(form("aac"))
    for frame in frames:
        writer.add(frame)
    assert seen_at(writer.finish()) == [0.0, 0.8, 0.84]


def test_pictures_missing_from_the_start_are_black() -> None:
    writer = ClipWriter(form("aac"))
    writer.add(MediaFrame(1, 0, np.zeros(FRAME_SAMPLES, np.float32), None, speaking=False))
    with av.open(io.BytesIO(writer.finish()), "r") as file:
        assert next(file.decode(video=0)).to_ndarray(format="gray").max() < 20


def test_sound_only() -> None:
    writer = FragmentWriter(MediaFormat(video=False))
    frames = beeps(1, 25, MARKS)
    data = writer.init_segment + writer.add(frames) + writer.finish()
    assert writer.codecs == 'audio/mp4; codecs="mp4a.40.2"'
    assert heard_at(data) == pytest.approx([LEAD["aac"], LEAD["aac"] + 0.8], abs=0.002)


@pytest.mark.parametrize("codec", ["aac", "opus"])
def test_no_edit_list_of_a_stream_hides_a_whole_audio_frame(codec: str) -> None:
    # Firefox drops such a frame and stands still at the gap.
    writer = FragmentWriter(form(codec))
    data = writer.init_segment + writer.add(beeps(1, 10, MARKS))
    with av.open(io.BytesIO(data), "r") as file:
        packets = [p for p in file.demux(audio=0) if p.size]
    assert all(p.pts is not None and p.duration is not None and p.pts + p.duration > 0 for p in packets)
    with av.open(io.BytesIO(data), "r") as file:
        assert next(p.pts for p in file.demux(video=0) if p.size) == 0


def test_codec_string_tells_the_profile_in_the_stream() -> None:
    writer = FragmentWriter(form("aac"))
    configuration = writer.init_segment.index(b"avcC") + 5
    assert f"avc1.{writer.init_segment[configuration : configuration + 3].hex().upper()}" in writer.codecs


def test_keyframes_come_as_often_as_asked() -> None:
    writer = FragmentWriter(MediaFormat(SIZE, SIZE, gop_frames=10))
    data = writer.init_segment + writer.add(beeps(1, 40, MARKS))
    with av.open(io.BytesIO(data), "r") as file:
        keys = [n for n, p in enumerate(p for p in file.demux(video=0) if p.size) if p.is_keyframe]
    assert set(keys) >= {0, 10, 20}
    assert max(np.diff(keys)) <= 10


def test_bits_follow_the_setting() -> None:
    noise = np.random.default_rng(1)
    sizes = []
    for bitrate in (100_000, 1_000_000):
        writer = FragmentWriter(MediaFormat(SIZE, SIZE, video_bitrate=bitrate))
        frames = []
        for i in range(50):
            yuv = noise.integers(16, 235, (SIZE * 3 // 2, SIZE), np.uint8)
            frames.append(MediaFrame(1, i, np.zeros(FRAME_SAMPLES, np.float32), Picture(yuv, SIZE, SIZE), True))
        sizes.append(len(writer.add(frames)))
    assert sizes[1] > 3 * sizes[0]


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="128x128, the stream is 256x256"):
        ClipWriter(MediaFormat(256, 256)).add(beeps(1, 1, MARKS)[0])


def test_a_clip_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="without frames"):
        ClipWriter(form("aac")).finish()


def test_idle_clip_is_silent_and_complete() -> None:
    data = encode_idle([grey(b) for b in (16, 60, 120, 235)], MediaFormat(SIZE, SIZE))
    with av.open(io.BytesIO(data), "r") as file:
        assert not file.streams.audio
        shown = [f.to_ndarray(format="gray").mean() for f in file.decode(video=0)]
    assert len(shown) == 4
    assert shown == sorted(shown)


def test_colours_survive() -> None:
    yuv = np.full((SIZE * 3 // 2, SIZE), 90, np.uint8)
    yuv[:SIZE] = 150
    data = encode_idle([Picture(yuv, SIZE, SIZE)], MediaFormat(SIZE, SIZE))
    with av.open(io.BytesIO(data), "r") as file:
        frame = next(file.decode(video=0))
    assert frame.color_range == 1
    assert frame.colorspace in (5, 6), "BT.601"
    assert np.abs(frame.to_ndarray()[:SIZE].astype(int) - 150).max() <= 3
    assert np.abs(frame.to_ndarray()[SIZE:].astype(int) - 90).max() <= 3


def test_wav_holds_the_samples_and_clips() -> None:
    data = wav(np.array([0.0, 0.5, -0.5, 2.0], np.float32))
    with av.open(io.BytesIO(data), "r") as file:
        assert file.streams.audio[0].rate == OUTPUT_RATE
        samples = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    assert samples.tolist() == [0, 16384, -16384, 32767]
