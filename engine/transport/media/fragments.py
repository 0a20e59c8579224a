"""Fragmented MP4 for Media Source Extensions: media frames in, one fragment out per call.

Synchronous; called from a worker thread, one call at a time. Nothing needs closing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.items import MediaFrame
from engine.transport.media import boxes
from engine.transport.media.boxes import Run, Sample, Track
from engine.transport.media.encoders import AudioEncoder, MediaFormat, VideoEncoder


class FragmentWriter:
    """One reply as a stream of fragments.

    Making one opens the codecs, which takes a few ms, so make it before the first frame comes.
    Media time 0 is the first frame. A fragment contains every picture it was given. AAC audio
    follows at most three encoded frames (128 ms) behind, Opus 6.5 ms; ``finish`` gives the rest.

    AAC begins with 1024 samples of the encoder's own silence. Here they are played, and the first picture is shown
    as much longer (43 ms): Firefox drops a whole audio frame that an edit list hides, waits for the gap to be filled
    and stands still. Opus hides only a part of a frame, which every browser cuts off.

    Args:
        form: size, codecs and bit rates.
    """

    def __init__(self, form: MediaFormat = MediaFormat()) -> None:  # noqa: B008 - immutable
        self._video = VideoEncoder(form) if form.video else None
        self._audio = AudioEncoder(form)
        self._lead = 0 if form.audio_codec == "opus" else self._audio.track.skip
        """Samples at 24 kHz by which everything is later than media time 0, still to be added to the first picture."""

        self._tracks: list[Track] = [replace(self._audio.track, skip=0) if self._lead else self._audio.track]
        if self._video is not None:
            self._tracks.insert(0, self._video.track)
        self._times = dict.fromkeys((t.id for t in self._tracks), 0)
        self._sequence = 0
        self.init_segment: bytes = boxes.init_segment(self._tracks)
        """The bytes the client must append first."""

        names = ",".join(t.codec for t in self._tracks)
        self.codecs: str = f'{"video" if form.video else "audio"}/mp4; codecs="{names}"'
        """The MIME type for ``MediaSource.addSourceBuffer``."""

    def add(self, frames: Sequence[MediaFrame]) -> bytes:
        """A fragment with exactly the pictures of ``frames`` and the audio encoded by now.

        Only the very first picture is sure to be a keyframe. Empty if there is nothing to send yet (audio only, first
        frame).

        Raises:
            ValueError: a picture's size is not the format's.
        """
        pictures: list[Sample] = []
        audio: list[Sample] = []
        for frame in frames:
            if self._video is not None:
                picture = self._video.encode(frame.picture)
                pictures.append(replace(picture, duration=picture.duration + self._lead))
                self._lead = 0
            audio += self._audio.encode(frame.pcm)
        return self._fragment(pictures, audio)

    def finish(self) -> bytes:
        """The audio still in the encoder, as a last fragment."""
        return self._fragment([], self._audio.finish())

    def _fragment(self, pictures: list[Sample], audio: list[Sample]) -> bytes:
        if not pictures and not audio:
            return b""
        runs = []
        for track in self._tracks:
            samples = pictures if track.kind == "video" else audio
            runs.append(Run(track, self._times[track.id], samples))
            self._times[track.id] += sum(s.duration for s in samples)
        self._sequence += 1
        return boxes.fragment(self._sequence, runs)
