"""Fragmented MP4 for Media Source Extensions: media frames in, one fragment out for each call.

Synchronous, called from a worker thread, one call at a time; nobody needs to close it.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.items import MediaFrame
from engine.transport.media import boxes
from engine.transport.media.boxes import Run, Sample, Track
from engine.transport.media.encoders import AudioEncoder, MediaFormat, VideoEncoder


class FragmentWriter:
    """One reply as a stream of fragments.

    Opening it opens the codecs (a few ms), so make it before the first frame is there.
    Media time 0 is the first frame. A fragment holds every picture it was given; AAC sound
    follows at most two coded frames (85 ms) behind, Opus 6.5 ms; ``finish`` gives the rest.

    Args:
        form: size, codecs and bits.
    """

    def __init__(self, form: MediaFormat = MediaFormat()) -> None:  # noqa: B008 - immutable
        self._video = VideoEncoder(form) if form.video else None
        self._audio = AudioEncoder(form)
        self._tracks: list[Track] = [self._audio.track]
        if self._video is not None:
            self._tracks.insert(0, self._video.track)
        self._times = dict.fromkeys((t.id for t in self._tracks), 0)
        self._sequence = 0
        self.init_segment: bytes = boxes.init_segment(self._tracks)
        """What the client must append first."""

        names = ",".join(t.codec for t in self._tracks)
        self.codecs: str = f'{"video" if form.video else "audio"}/mp4; codecs="{names}"'
        """The MIME type for ``MediaSource.addSourceBuffer``."""

    def add(self, frames: Sequence[MediaFrame]) -> bytes:
        """A fragment with exactly the pictures of ``frames`` and the sound that is coded by now.

        The first picture of a fragment after a long one may be decodable alone or not; the
        very first always is. Empty when there is nothing to send yet (sound only, first frame).

        Raises:
            ValueError: a picture has another size than the format.
        """
        pictures: list[Sample] = []
        sound: list[Sample] = []
        for frame in frames:
            if self._video is not None:
                pictures.append(self._video.encode(frame.picture))
            sound += self._audio.encode(frame.pcm)
        return self._fragment(pictures, sound)

    def finish(self) -> bytes:
        """The sound still in the coder, as a last fragment."""
        return self._fragment([], self._audio.finish())

    def _fragment(self, pictures: list[Sample], sound: list[Sample]) -> bytes:
        if not pictures and not sound:
            return b""
        runs = []
        for track in self._tracks:
            samples = pictures if track.kind == "video" else sound
            runs.append(Run(track, self._times[track.id], samples))
            self._times[track.id] += sum(s.duration for s in samples)
        self._sequence += 1
        return boxes.fragment(self._sequence, runs)
