"""Recordings in, 16 kHz mono out; what is damaged, hostile or too large is refused by name."""

from __future__ import annotations

import contextlib
import struct
import time

import numpy as np
import pytest

from engine.audio.decoding import decode
from engine.audio.pcm import to_wav
from engine.errors import TooLarge, UnreadableMedia
from tests.audio.containers import KINDS, encode, tone


def loudest_hz(pcm: np.ndarray) -> float:
    middle = pcm[len(pcm) // 4 : 3 * len(pcm) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * 16_000 / len(middle))


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gives_the_same_tone(kind: str) -> None:
    pcm = decode(encode(tone(2.0), 16_000, kind))
    assert pcm.dtype == np.float32 and pcm.ndim == 1
    assert abs(len(pcm) / 16_000 - 2.0) < 0.12
    assert abs(loudest_hz(pcm) - 440) < 2
    assert 0.3 < float(np.abs(pcm[8000:-8000]).max()) < 0.6


def test_live_webm_without_length_decodes() -> None:
    assert abs(len(decode(encode(tone(1.5), 16_000, "webm", live=True))) / 16_000 - 1.5) < 0.1


def test_stereo_is_mixed_and_float_rubbish_is_tamed() -> None:
    left, right = tone(1.0), np.zeros(16_000, np.float32)
    left[100], left[101], right[102] = np.nan, np.inf, 50.0
    frames = np.stack([left, right], 1).astype("<f4").tobytes()
    described = struct.pack("<IHHIIHH", 16, 3, 2, 16_000, 128_000, 8, 32)
    header = b"RIFF" + struct.pack("<I", 36 + len(frames)) + b"WAVEfmt " + described
    pcm = decode(header + b"data" + struct.pack("<I", len(frames)) + frames)
    assert len(pcm) == 16_000
    assert np.isfinite(pcm).all() and float(np.abs(pcm).max()) <= 1.0
    assert float(np.abs(pcm[4000:]).max()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("kind", ["wav", "webm", "ogg", "mp3", "flac"])
def test_recording_cut_off_gives_what_there_is(kind: str) -> None:
    whole = encode(tone(3.0), 16_000, kind)
    assert 1.0 < len(decode(whole[: len(whole) * 2 // 3])) / 16_000 < 2.7


def test_nothing_is_unreadable() -> None:
    with pytest.raises(UnreadableMedia, match=r"data: .*empty"):
        decode(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"hello, this is not sound" * 100,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:1/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b'<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:1/</BaseURL></Period></MPD>',
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
    ids=["x", "text", "hls", "concat", "dash", "png"],
)
def test_what_is_no_recording_is_refused_before_libav_sees_it(data: bytes) -> None:
    with pytest.raises(UnreadableMedia, match="data: not a wav, webm"):
        decode(data)


@pytest.mark.parametrize(
    "head", [b"OggS", b"fLaC", b"ID3\x04", b"RIFF\0\0\0\0WAVE", b"\x1a\x45\xdf\xa3", b"\0\0\0 ftypM4A "]
)
def test_garbage_behind_a_good_beginning(head: bytes) -> None:
    noise = np.random.default_rng(3).bytes(50_000)
    with pytest.raises(UnreadableMedia):
        decode(head + noise)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_recordings_are_sound_or_an_error(kind: str) -> None:
    rng = np.random.default_rng(7)
    whole = np.frombuffer(encode(tone(0.3), 16_000, kind), np.uint8)
    for _ in range(40):
        damaged = whole.copy()
        # Heads and tables are what hostile files lie in.
        places = rng.integers(4, min(len(whole), 600), rng.integers(1, 12))
        damaged[places] = rng.choice(np.array([0, 1, 127, 128, 255], np.uint8), len(places))
        with contextlib.suppress(TooLarge, UnreadableMedia):
            pcm = decode(damaged.tobytes(), max_seconds=5, max_decode_s=5)
            assert 0 < len(pcm) <= 5 * 16_000 + 16 and np.isfinite(pcm).all()


def test_playlist_in_a_wav_coat() -> None:
    with pytest.raises(UnreadableMedia):
        decode(b"RIFF\0\0\0\0WAVE#EXTM3U\nhttp://127.0.0.1:1/a.ts\n" * 3)


def test_file_without_sound_samples() -> None:
    with pytest.raises(UnreadableMedia, match="no audio"):
        decode(to_wav(np.zeros(0, np.float32), 16_000))


def test_too_many_bytes_names_field_and_limit() -> None:
    with pytest.raises(TooLarge, match=r"recording: 1044 bytes .* at most 1000"):
        decode(to_wav(np.zeros(500, np.float32), 16_000), max_bytes=1000, field="recording")


def test_a_small_file_that_unfolds_far_beyond_the_limit_stops_at_the_limit() -> None:
    bomb = encode(np.zeros(4_000 * 1800, np.float32), 4_000, "flac", codec_rate=4_000)
    assert len(bomb) < 500_000
    begun = time.thread_time()
    with pytest.raises(TooLarge, match="longer than 60 s"):
        decode(bomb, max_seconds=60)
    assert time.thread_time() - begun < 2, "seconds of this thread's own work"


def test_a_rate_that_would_unfold_to_hours_is_refused() -> None:
    wav = bytearray(to_wav(np.zeros(100_000, np.float32), 16_000))
    wav[24:28] = struct.pack("<I", 1)
    with pytest.raises(UnreadableMedia):
        decode(bytes(wav))


def test_length_claimed_by_the_header_is_not_believed() -> None:
    wav = bytearray(to_wav(tone(1.0), 16_000))
    wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
    assert len(decode(bytes(wav), max_seconds=2)) == 16_000


def test_decoding_time_is_limited() -> None:
    long = to_wav(np.zeros(16_000 * 100, np.float32), 16_000)
    with pytest.raises(TooLarge, match="decoding took more than"):
        decode(long, max_decode_s=0.0)
