"""Fragmented MP4 for Media Source Extensions: media frames in, one fragment out per call.

Synchronous; called from a worker thread, one call at a time. Nothing needs closing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.items import MediaFrame, Picture
from engine.transport.media import boxes
from engine.transport.media.boxes import Run, Sample, Track
from engine.transport.media.encoders import PICTURE_DURATION, AudioEncoder, MediaFormat, VideoEncoder


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
        self._form = form
        self._new_init = b""
        self.init_segment, self.codecs = self._describe()
        """The bytes the client must append first, and the MIME type for ``MediaSource.addSourceBuffer``. A format that
        is adapted before the first picture changes them."""

    def _describe(self) -> tuple[bytes, str]:
        names = ",".join(t.codec for t in self._tracks)
        kind = "audio" if self._video is None else "video"
        return boxes.init_segment(self._tracks), f'{kind}/mp4; codecs="{names}"'

    def adapt(self, form: MediaFormat) -> None:
        """Go on with the bit rates and picture rate of ``form``; the rest of it must stay as it was.

        The voice goes on without a gap; the next new picture is a keyframe, before which ``add`` puts another
        initialisation segment if need be.
        """
        self._form = form
        self._audio.change_bitrate(form.audio_bitrate)

    def add(self, frames: Sequence[MediaFrame]) -> bytes:
        """A fragment with exactly the time of ``frames``: their pictures, and the audio encoded by now.

        A frame without a picture repeats the one before. For a thin line that one is made longer instead, but at the
        head of a fragment. Only the very first picture is sure to be a keyframe. Empty if there is nothing to send yet
        (audio only, first frame).

        Raises:
            ValueError: a picture's size is not the format's.
        """
        pictures: list[Sample] = []
        audio: list[Sample] = []
        for frame in frames:
            if self._video is not None:
                if frame.picture is None and pictures and self._form.thin:
                    pictures[-1] = replace(pictures[-1], duration=pictures[-1].duration + PICTURE_DURATION)
                else:
                    picture = self._encoder(frame.picture).encode(frame.picture)
                    pictures.append(replace(picture, duration=picture.duration + self._lead))
                    self._lead = 0
            audio += self._audio.encode(frame.pcm)
        init, self._new_init = self._new_init, b""
        return init + self._fragment(pictures, audio)

    def _encoder(self, picture: Picture | None) -> VideoEncoder:
        """The encoder for ``picture``; a new one, once there is a new picture, when the format has changed."""
        assert self._video is not None
        if picture is not None and not self._video.suits(self._form):
            before, self._video = self._video.track, VideoEncoder(self._form.fitting(picture))
            self._tracks[0] = self._video.track
            if self._video.track != before and self._sequence:
                self._new_init = boxes.init_segment(self._tracks)
            elif not self._sequence:
                self.init_segment, self.codecs = self._describe()
        return self._video

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
