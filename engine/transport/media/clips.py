"""Whole files in memory: a reply as MP4, an idle tutor as silent MP4, a reply's audio as WAV.

Synchronous; called from a worker thread, one call at a time. Nothing needs closing.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.audio.pcm import to_wav
from engine.items import OUTPUT_RATE, FloatArray, MediaFrame, Picture
from engine.transport.media import boxes
from engine.transport.media.boxes import Sample
from engine.transport.media.encoders import PICTURE_DURATION, AudioEncoder, MediaFormat, VideoEncoder


class ClipWriter:
    """One reply as one MP4 that can start playing while it is downloaded (``moov`` first).

    Frames are encoded as they come, so ``finish`` takes next to no time.

    Args:
        form: size, codecs and bit rates.
    """

    def __init__(self, form: MediaFormat = MediaFormat()) -> None:  # noqa: B008 - immutable
        self._video = VideoEncoder(form) if form.video else None
        self._audio = AudioEncoder(form)
        self._pictures: list[Sample] = []
        self._audio_samples: list[Sample] = []
        self._pcm_samples = 0
        self.frames = 0
        """Frames added so far."""

    def add(self, frame: MediaFrame) -> None:
        """Encode one picture (None repeats the one before) and its audio.

        Raises:
            ValueError: the picture's size is not the format's.
        """
        if self._video is not None:
            self._pictures.append(self._video.encode(frame.picture))
        self._audio_samples += self._audio.encode(frame.pcm)
        self._pcm_samples += len(frame.pcm)
        self.frames += 1

    def finish(self) -> bytes:
        """The file. Audio and video are equally long; an edit list hides the encoder's priming.

        Raises:
            ValueError: no frame was added.
        """
        if not self.frames:
            raise ValueError("a clip without frames")
        self._audio_samples += self._audio.finish()
        track = self._audio.track
        parts = [(track, self._audio_samples, self._pcm_samples * track.timescale // OUTPUT_RATE)]
        if self._video is not None:
            parts.insert(0, (self._video.track, self._pictures, self.frames * PICTURE_DURATION))
        return boxes.whole_file(parts)


def encode_idle(pictures: Iterable[Picture], form: MediaFormat = MediaFormat()) -> bytes:  # noqa: B008 - immutable
    """A silent MP4 at 25 fps; it loops if its last picture leads to its first.

    Raises:
        ValueError: no pictures, or one whose size is not the format's.
    """
    video = VideoEncoder(form)
    samples = [video.encode(picture) for picture in pictures]
    if not samples:
        raise ValueError("a clip without frames")
    return boxes.whole_file([(video.track, samples, len(samples) * PICTURE_DURATION)])


def wav(pcm: FloatArray) -> bytes:
    """(n,) float32 mono 24 kHz as a 16-bit WAV file; values beyond [-1, 1] are clipped."""
    return to_wav(pcm, OUTPUT_RATE)
