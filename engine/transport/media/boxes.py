"""MP4 boxes (ISO/IEC 14496-12/-14/-15, Opus in ISOBMFF): encoded samples in, bytes of a file out.

Pure functions with no state, no clock and no I/O. Written here because FFmpeg's muxer holds
samples back to interleave them and cannot cut a fragment at exactly the frames it was given.
Pictures are never reordered, so decode time is presentation time throughout.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOVIE_TIMESCALE = 1000
_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC, _NON_SYNC = 0x02000000, 0x01010000


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded picture or audio packet."""

    data: bytes
    duration: int
    """In the track's timescale."""

    keyframe: bool = True


@dataclass(frozen=True, slots=True)
class Track:
    """What a player must know of a track before its first sample."""

    id: int
    kind: Literal["video", "audio"]
    timescale: int
    sample_entry: bytes
    """The box that goes into ``stsd``: see ``avc1``, ``mp4a`` and ``opus``."""

    codec: str
    """RFC 6381, for example ``avc1.42C01E``."""

    width: int = 0
    height: int = 0
    skip: int = 0
    """Length of the encoder's priming at the start, which an edit list hides; in timescale units."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples of one track in a fragment."""

    track: Track
    decode_time: int
    """Of the first sample, in the track's timescale, priming included."""

    samples: Sequence[Sample]


# --- sample entries -----------------------------------------------------------------------


def avc1(width: int, height: int, sps: bytes, pps: bytes) -> bytes:
    """H.264 with length-prefixed NAL units; ``sps`` and ``pps`` without start codes."""
    avcc = b"\x01" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    avcc += b"\x01" + struct.pack(">H", len(pps)) + pps
    head = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1)
    colour = box(b"colr", b"nclx", struct.pack(">HHHB", 6, 6, 6, 0))
    return box(b"avc1", head, box(b"avcC", avcc), colour)


def mp4a(sample_rate: int, channels: int, bitrate: int, config: bytes) -> bytes:
    """AAC; ``config`` is the AudioSpecificConfig."""
    decoder = _descriptor(0x04, struct.pack(">BB3xII", 0x40, 0x15, bitrate, bitrate) + _descriptor(0x05, config))
    esds = _descriptor(0x03, struct.pack(">HB", 1, 0) + decoder + _descriptor(0x06, b"\x02"))
    return _audio_entry(b"mp4a", sample_rate, channels, full_box(b"esds", 0, 0, esds))


def opus(channels: int, skip: int) -> bytes:
    """Opus; ``skip`` is the pre-skip in 48 kHz samples. Chromium requires the
    input rate to be given as 48 kHz, whatever it was."""
    config = struct.pack(">BBHIHB", 0, channels, skip, 48_000, 0, 0)
    return _audio_entry(b"Opus", 48_000, channels, box(b"dOps", config))


# --- files --------------------------------------------------------------------------------


def init_segment(tracks: Sequence[Track]) -> bytes:
    """``ftyp`` and an empty ``moov``: what Media Source Extensions need first."""
    extends = box(b"mvex", *(full_box(b"trex", 0, 0, struct.pack(">IIIII", t.id, 1, 0, 0, 0)) for t in tracks))
    boxes = [_track_box(t, duration=0, samples=(), offsets=()) for t in tracks]
    moov = box(b"moov", _movie_header(0, len(tracks) + 1), *boxes, extends)
    return box(b"ftyp", b"iso5", struct.pack(">I", 512), b"iso5iso6mp41") + moov


def fragment(sequence: int, runs: Sequence[Run]) -> bytes:
    """``moof`` and ``mdat`` with exactly these samples; empty runs are left out."""
    runs = [run for run in runs if run.samples]
    header = full_box(b"mfhd", 0, 0, struct.pack(">I", sequence))
    size = len(box(b"moof", header, *(_traf(run, 0) for run in runs)))
    offset, trafs = size + 8, []
    for run in runs:
        trafs.append(_traf(run, offset))
        offset += sum(len(s.data) for s in run.samples)
    return box(b"moof", header, *trafs) + box(b"mdat", *(s.data for run in runs for s in run.samples))


def whole_file(parts: Sequence[tuple[Track, Sequence[Sample], int]]) -> bytes:
    """A progressive file with ``moov`` first (faststart).

    Args:
        parts: each track, all its samples, and how long it lasts when priming and padding
            are cut away (track timescale units).
    """
    ftyp = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    longest = max(length * MOVIE_TIMESCALE // t.timescale for t, _, length in parts)

    def movie(offsets: Sequence[int]) -> bytes:
        tracks = [
            _track_box(track, length, samples, (offset,))
            for (track, samples, length), offset in zip(parts, offsets, strict=True)
        ]
        return box(b"moov", _movie_header(longest, len(parts) + 1), *tracks)

    position = len(ftyp) + len(movie([0] * len(parts))) + 8
    offsets = []
    for _, samples, _ in parts:
        offsets.append(position)
        position += sum(len(s.data) for s in samples)
    return ftyp + movie(offsets) + box(b"mdat", *(s.data for _, samples, _ in parts for s in samples))


# --- the boxes themselves -----------------------------------------------------------------


def box(name: bytes, *content: bytes) -> bytes:
    """A box with its 32-bit size."""
    return struct.pack(">I4s", 8 + sum(map(len, content)), name) + b"".join(content)


def full_box(name: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box that begins with a version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def _descriptor(tag: int, content: bytes) -> bytes:
    return struct.pack(">BBBBB", tag, 0x80, 0x80, 0x80, len(content)) + content


def _audio_entry(name: bytes, rate: int, channels: int, config: bytes) -> bytes:
    return box(name, struct.pack(">6xH8xHH4xI", 1, channels, 16, rate << 16), config)


def _movie_header(duration: int, next_track: int) -> bytes:
    times = struct.pack(">IIII", 0, 0, MOVIE_TIMESCALE, duration)
    return full_box(
        b"mvhd", 0, 0, times, struct.pack(">IH10x", 0x10000, 0x100), _UNITY_MATRIX, struct.pack(">24xI", next_track)
    )


def _track_box(track: Track, duration: int, samples: Sequence[Sample], offsets: Sequence[int]) -> bytes:
    shown = duration * MOVIE_TIMESCALE // track.timescale
    volume = 0x100 if track.kind == "audio" else 0
    tkhd = full_box(
        b"tkhd", 0, 3, struct.pack(">IIIII8x", 0, 0, track.id, 0, shown), struct.pack(">HHH2x", 0, 0, volume),
        _UNITY_MATRIX, struct.pack(">II", track.width << 16, track.height << 16),
    )  # fmt: skip
    edits = b""
    if samples or track.skip:
        entry = struct.pack(">IIiI", 1, shown, track.skip, 0x10000)
        edits = box(b"edts", full_box(b"elst", 0, 0, entry))
    video = track.kind == "video"
    media_header = full_box(b"vmhd", 0, 1, bytes(8)) if video else full_box(b"smhd", 0, 0, bytes(4))
    length = sum(s.duration for s in samples)
    mdia = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, track.timescale, length, 0x55C4, 0)),
        full_box(b"hdlr", 0, 0, bytes(4), b"vide" if video else b"soun", bytes(12), b"\0"),
        box(
            b"minf",
            media_header,
            box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))),
            box(b"stbl", *_sample_tables(track, samples, offsets)),
        ),
    )
    return box(b"trak", tkhd, edits, mdia)


def _sample_tables(track: Track, samples: Sequence[Sample], offsets: Sequence[int]) -> list[bytes]:
    """The boxes of ``stbl``. All samples of the track are in one chunk."""
    lengths: list[list[int]] = []
    for sample in samples:
        if lengths and lengths[-1][1] == sample.duration:
            lengths[-1][0] += 1
        else:
            lengths.append([1, sample.duration])
    chunks = struct.pack(">IIII", 1, 1, len(samples), 1) if samples else struct.pack(">I", 0)
    tables = [
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), track.sample_entry),
        full_box(b"stts", 0, 0, struct.pack(">I", len(lengths)), *(struct.pack(">II", *entry) for entry in lengths)),
        full_box(b"stsc", 0, 0, chunks),
        full_box(b"stsz", 0, 0, struct.pack(f">II{len(samples)}I", 0, len(samples), *(len(s.data) for s in samples))),
        full_box(b"stco", 0, 0, struct.pack(f">I{len(offsets)}I", len(offsets), *offsets)),
    ]
    if not all(s.keyframe for s in samples):
        keys = [number for number, s in enumerate(samples, 1) if s.keyframe]
        tables.append(full_box(b"stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys)))
    return tables


def _traf(run: Run, data_offset: int) -> bytes:
    tfhd = full_box(b"tfhd", 0, 0x020000, struct.pack(">I", run.track.id))
    tfdt = full_box(b"tfdt", 1, 0, struct.pack(">Q", run.decode_time))
    rows = [struct.pack(">III", s.duration, len(s.data), _SYNC if s.keyframe else _NON_SYNC) for s in run.samples]
    trun = full_box(b"trun", 0, 0x000701, struct.pack(">Ii", len(rows), data_offset), *rows)
    return box(b"traf", tfhd, tfdt, trun)
