"""Whole files in memory: MP4 of a reply, silent MP4 of an idle tutor, WAV of its sound.

Synchronous, called from a worker thread, one call at a time; nobody needs to close them.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.audio.pcm import to_wav
from engine.items import OUTPUT_RATE, FloatArray, MediaFrame, Picture
from engine.transport.media import boxes
from engine.transport.media.boxes import Sample
from engine.transport.media.encoders import PICTURE_DURATION, AudioEncoder, MediaFormat, VideoEncoder


class ClipWriter:
    """One reply as one MP4 that starts playing before all of it is there (``moov`` first).

    Frames are coded as they come, so ``finish`` costs next to nothing.
    """

    def __init__(self, form: MediaFormat = MediaFormat()) -> None:  # noqa: B008 - immutable
        self._video = VideoEncoder(form) if form.video else None
        self._audio = AudioEncoder(form)
        self._pictures: list[Sample] = []
        self._sound: list[Sample] = []
        self._heard = 0
        self.frames = 0
        """Frames added so far."""

    def add(self, frame: MediaFrame) -> None:
        """Code one picture (None shows the one before again) and its sound.

        Raises:
            ValueError: the picture has another size than the format.
        """
        if self._video is not None:
            self._pictures.append(self._video.encode(frame.picture))
        self._sound += self._audio.encode(frame.pcm)
        self._heard += len(frame.pcm)
        self.frames += 1

    def finish(self) -> bytes:
        """The file. Sound and picture last equally long; an edit list hides the coder's priming.

        Raises:
            ValueError: no frame was added.
        """
        if not self.frames:
            raise ValueError("a clip without frames")
        self._sound += self._audio.finish()
        track = self._audio.track
        parts = [(track, self._sound, self._heard * track.timescale // OUTPUT_RATE)]
        if self._video is not None:
            parts.insert(0, (self._video.track, self._pictures, self.frames * PICTURE_DURATION))
        return boxes.whole_file(parts)


def encode_idle(pictures: Iterable[Picture], form: MediaFormat = MediaFormat()) -> bytes:  # noqa: B008 - immutable
    """A silent MP4 at 25 fps that loops when its last picture leads to its first.

    Raises:
        ValueError: no picture, or one of another size.
    """
    video = VideoEncoder(form)
    samples = [video.encode(picture) for picture in pictures]
    if not samples:
        raise ValueError("a clip without frames")
    return boxes.whole_file([(video.track, samples, len(samples) * PICTURE_DURATION)])


def wav(pcm: FloatArray) -> bytes:
    """(n,) float32 mono 24 kHz as a 16-bit WAV file; beyond [-1, 1] is clipped."""
    return to_wav(pcm, OUTPUT_RATE)
