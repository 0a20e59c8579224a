"""A live recording that arrives in pieces, as a browser's MediaRecorder makes them, decoded as it arrives.

In: consecutive pieces of one recording (Opus in WebM or Ogg, fragmented MP4), pushed on the event
loop. Out: 16 kHz mono float32, handed to a callback on the same loop. libav reads from a growing buffer in a thread
of its own and waits there for more; leaving the ``async with`` block ends the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

import av
import numpy as np

from engine.audio.containers import FrameConverter, audio_stream, container_options, frames_of, sniff
from engine.errors import EngineError, TooFast, UnreadableMedia
from engine.items import INPUT_RATE, FloatArray

BACKLOG_BYTES = 1_000_000
"""Most encoded audio waiting to be decoded (minutes of Opus). A client that sends more is not live."""

BACKLOG_SAMPLES = 4 * INPUT_RATE
"""Most decoded audio waiting for the event loop; the thread pauses when there is more."""

HEAD_BYTES = 16
"""Bytes needed to recognise the container."""


class StreamDecoder:
    """Decodes one live recording.

    Use it as ``async with StreamDecoder(take) as decoder``, or ``start`` it and ``close`` it. Not for
    several recordings one after another: a restarted recorder needs a new decoder.

    Args:
        take: called on the event loop with (n,) float32 mono 16 kHz, n > 0, in order.
        field: the field that error messages name.
    """

    def __init__(self, take: Callable[[FloatArray], None], field: str = "data") -> None:
        self._take = take
        self._field = field
        self._pipe = _Pipe()
        self._untaken = 0
        self._room = threading.Condition()
        self._abandoned = False
        self._error: EngineError | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = asyncio.Event()

    def start(self) -> None:
        """Start the thread. Call it on the event loop on which ``take`` is to be called."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="live-audio", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop decoding; the thread ends within milliseconds. Never waits; idempotent."""
        with self._room:
            self._abandoned = True
            self._room.notify()
        self._pipe.close()

    async def __aenter__(self) -> StreamDecoder:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self._done.wait()
        if self._thread is not None:
            self._thread.join()

    @property
    def untaken_s(self) -> float:
        """Seconds of audio decoded and not yet handed to ``take``."""
        return self._untaken / INPUT_RATE

    def push(self, data: bytes) -> None:
        """Add the next piece. Cheap, never waits.

        Raises:
            UnreadableMedia: what was pushed before is not a recording, or is damaged.
            TooFast: ``BACKLOG_BYTES`` are waiting to be decoded; the piece is not taken.
        """
        if self._error is not None:
            raise self._error
        if not self._pipe.write(data):
            raise TooFast(
                f"{self._field}: more than {BACKLOG_BYTES} bytes of live audio wait to be decoded; send in real time"
            )

    async def finish(self) -> None:
        """End the recording: no more pieces. Returns when all audio has been handed to ``take``.

        Raises:
            UnreadableMedia: it was not a recording, or is damaged.
        """
        self._pipe.close()
        await self._done.wait()
        if self._error is not None:
            raise self._error

    # --- in the thread

    def _run(self) -> None:
        try:
            self._decode()
        except EngineError as error:
            self._error = error
        except (av.error.FFmpegError, ValueError) as error:
            self._error = UnreadableMedia(f"{self._field}: the live recording is damaged")
            self._error.__cause__ = error
        finally:
            self._pipe.close()
            self._on_loop(self._done.set)

    def _decode(self) -> None:
        container_format = sniff(self._pipe.peek(HEAD_BYTES))
        if container_format is None:
            if self._pipe.peek(1):
                raise UnreadableMedia(f"{self._field}: not a webm, ogg or mp4 recording")
            return
        # Without these libav reads seconds ahead before it gives the first audio.
        options = {**container_options(container_format), "probesize": "2048", "analyzeduration": "0"}
        with av.open(self._pipe, "r", format=container_format, options=options, buffer_size=4096) as container:
            stream = audio_stream(container)
            if stream is None:
                raise UnreadableMedia(f"{self._field}: the live recording has no audio stream")
            converter = FrameConverter()
            for frame in frames_of(container, stream):
                converter.measure(frame)
                self._hand_over(converter.convert(frame))
                if self._abandoned:
                    return
            self._hand_over(converter.flush())

    def _hand_over(self, pieces: list[FloatArray]) -> None:
        for pcm in pieces:
            if not len(pcm):
                continue
            with self._room:
                while self._untaken > BACKLOG_SAMPLES and not self._abandoned:
                    self._room.wait()
                if self._abandoned:
                    return
                self._untaken += len(pcm)
            self._on_loop(self._taken, np.ascontiguousarray(pcm))

    def _on_loop(self, function: Callable[..., None], *args: object) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # closed without waiting, and the loop has ended meanwhile
            self._loop.call_soon_threadsafe(function, *args)

    # --- on the loop again

    def _taken(self, pcm: FloatArray) -> None:
        with self._room:
            self._untaken -= len(pcm)
            self._room.notify()
            abandoned = self._abandoned
        if not abandoned:
            self._take(pcm)


class _Pipe:
    """A file that libav reads while it is being written: ``read`` waits for bytes and returns none only at the end."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._changed = threading.Condition()

    def write(self, data: bytes) -> bool:
        """Append ``data``. False when there is no room (nothing is taken then). After ``close`` bytes are dropped."""
        with self._changed:
            if self._size + len(data) > BACKLOG_BYTES:
                return False
            if data and not self._closed:
                self._pieces.append(bytes(data))
                self._size += len(data)
                self._changed.notify()
            return True

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, left in place; fewer only at the end."""
        with self._changed:
            while self._size < size and not self._closed:
                self._changed.wait()
            return b"".join(self._pieces)[:size]

    def read(self, size: int) -> bytes:
        with self._changed:
            while not self._pieces and not self._closed:
                self._changed.wait()
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            self._size -= len(piece)
            return piece
