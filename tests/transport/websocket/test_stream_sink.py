"""The streaming sink with a client that stops reading: what it is spared, and what it is not."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.conversation.sink import NO_PICTURES
from engine.items import FRAME_MS, FRAME_SAMPLES, MediaFrame
from engine.protocol.outgoing import DuckEvent, ResumeEvent
from engine.telemetry import Metrics
from engine.transport.media import MediaFormat
from engine.transport.outbox import Outbox
from engine.transport.quality import QualityControl, quality_steps
from engine.transport.websocket.line import Line, wire_cost
from engine.transport.websocket.sinks import LONGEST_HOLD_S, StreamSink
from engine.transport.websocket.writer import SocketWriter
from tests.decoded import pictures_of, sound_of
from tests.frames import grey
from tests.virtual_time import run_virtual

SIZE = 64
FRAGMENT = 5
FRAGMENT_S = FRAGMENT * FRAME_MS / 1000
AHEAD_S = 1.0
SLOW_CLIENT_S = 60.0


class InlineWorker:
    """A ``Worker`` without threads: virtual time cannot wait for one."""

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **kwargs)


class StallingSocket:
    """A client's socket: a message arrives at once, or when the client reads again; pings are answered then too.

    Args:
        answers: the client answers pings.
    """

    def __init__(self, answers: bool = True) -> None:
        self.answers = answers
        self.answered: Callable[[bytes], bool]
        self.taken: list[tuple[float, dict[str, Any]]] = []
        self.closed = False
        self._reads = asyncio.Event()
        self._reads.set()

    def stop_reading(self) -> None:
        self._reads.clear()

    def read_again(self) -> None:
        self._reads.set()

    async def send_str(self, text: str) -> None:
        await self._reads.wait()
        self.taken.append((asyncio.get_running_loop().time(), json.loads(text)))

    async def ping(self, message: bytes) -> None:
        if self.answers:
            self.answered(message)

    async def close(self, **_: Any) -> None:
        self.closed = True

    def media(self) -> list[dict[str, Any]]:
        return [message for _, message in self.taken if message["type"] == "media"]


class Way:
    """A sink, its outbox and the writer that empties it into a socket."""

    def __init__(self, answers: bool = True) -> None:
        self.metrics = Metrics()
        self.socket = StallingSocket(answers)
        outbox = Outbox("outbox", 128, self.metrics)
        self.line = Line(QualityControl(quality_steps(800_000, 64_000), wire_cost), AHEAD_S)
        writer = SocketWriter(self.socket, outbox, self.line, SLOW_CLIENT_S)  # type: ignore[arg-type]
        self.socket.answered = writer.answered
        form = MediaFormat(width=SIZE, height=SIZE)
        worker: Any = InlineWorker()
        self.outbox = outbox
        self.sink = StreamSink(outbox, worker, form, AHEAD_S, self.metrics, self.line, writer.room)
        self._writing = asyncio.create_task(writer.run())

    async def speak(self, fragments: range) -> None:
        """Send these fragments of reply 1; the pictures of fragment n have brightness ``shade(n)``."""
        for number in fragments:
            picture = grey(shade(number), SIZE)
            first = number * FRAGMENT
            await self.sink.media(
                [MediaFrame(1, first + i, np.zeros(FRAME_SAMPLES, np.float32), picture, True) for i in range(FRAGMENT)]
            )

    async def end(self) -> None:
        await self.sink.finish(1)
        self.outbox.close()
        await self._writing

    def dropped(self) -> float:
        return self.metrics.registry.get_sample_value("tutor_frames_total", {"what": "dropped"}) or 0.0


def shade(fragment: int) -> int:
    """The brightness of a fragment's pictures: neighbours differ by far more than the encoder's error."""
    return 40 + 60 * (fragment % 4)


def decode(messages: list[dict[str, Any]]) -> tuple[list[int], float]:
    """Brightness of every picture as the client sees them, and the seconds of audio."""
    stream = b"".join(base64.b64decode(message["data"]) for message in messages)
    heard, rate = sound_of(stream)
    return [round(float(gray.mean())) for gray in pictures_of(stream, "gray")], len(heard) / rate


def shown(shades: list[int], fragment: int) -> set[int]:
    """The nearest ``shade`` of every picture in a fragment."""
    pictures = shades[fragment * FRAGMENT : (fragment + 1) * FRAGMENT]
    assert len(pictures) == FRAGMENT
    return set(map(nearest, pictures))


def nearest(seen: int) -> int:
    """The ``shade`` that a picture's brightness comes from."""
    return min({shade(n) for n in range(4)}, key=lambda known: abs(known - seen))


def test_a_client_that_reads_gets_every_picture_paced_to_playback() -> None:
    async def main() -> None:
        line = Way()
        began = asyncio.get_running_loop().time()
        await line.speak(range(20))
        elapsed = asyncio.get_running_loop().time() - began
        await line.end()
        shades, audio_s = decode(line.socket.media())
        assert [shown(shades, n) for n in range(20)] == [{shade(n)} for n in range(20)]
        assert line.dropped() == 0
        assert abs(audio_s - 20 * FRAGMENT_S) < 0.09
        # The last fragment is handed over when the client has at most AHEAD_S in store.
        assert abs(elapsed - (19 * FRAGMENT_S - AHEAD_S)) < 0.01

    run_virtual(main())


@pytest.mark.parametrize("answers", [True, False])
def test_a_client_that_stops_reading_is_sent_little_and_then_all_of_the_voice_with_fewer_pictures(
    answers: bool,
) -> None:
    async def main() -> None:
        way = Way(answers)
        loop = asyncio.get_running_loop()
        await way.speak(range(5))
        way.socket.stop_reading()
        stalled_at = loop.time()
        speaking = asyncio.create_task(way.speak(range(5, 40)))
        await asyncio.sleep(5)
        assert not speaking.done()
        assert way.outbox.waiting <= 1, "what is not made yet can still be made smaller"
        way.socket.read_again()
        await speaking
        assert loop.time() - stalled_at < 5 + 40 * FRAGMENT_S
        await way.end()

        messages = way.socket.media()
        shades, audio_s = decode(messages)
        assert abs(audio_s - 40 * FRAGMENT_S) < 0.09, "no audio is lost"
        assert way.dropped() >= FRAGMENT, "a late fragment has no new pictures"
        assert 4 * FRAGMENT < len(shades) < 40 * FRAGMENT
        assert [m["seq"] for m in messages] == list(range(41))
        assert all(a["start_ms"] + a["duration_ms"] == b["start_ms"] for a, b in pairwise(messages))

    run_virtual(main())


def test_a_page_that_nobody_sees_gets_its_voice_with_the_first_picture_alone_until_it_is_seen_again() -> None:
    async def main() -> None:
        way = Way()
        way.sink.watched = False
        await way.speak(range(10))
        assert way.sink.picture_every == NO_PICTURES
        way.sink.watched = True
        await way.speak(range(10, 20))
        await way.end()
        messages = way.socket.media()
        # A player takes the new head in the middle; FFmpeg reads only one, so each part is read by itself.
        unseen, unseen_s = decode(messages[:10])
        shades, seen_s = decode(messages[10:])
        assert abs(unseen_s + seen_s - 20 * FRAGMENT_S) < 0.2, "no audio is lost"
        assert list(map(nearest, unseen)) == 10 * [shade(0)], "one picture stands for each fragment that nobody saw"
        assert [shown(shades, n) for n in range(10)] == [{shade(n)} for n in range(10, 20)]
        assert way.dropped() == 0, "what nobody sees is not counted as dropped"

    run_virtual(main())


def test_a_client_that_takes_nothing_for_too_long_is_closed() -> None:
    async def main() -> None:
        way = Way()
        await way.speak(range(5))
        way.socket.stop_reading()
        began = asyncio.get_running_loop().time()
        await way.speak(range(5, 40))
        assert way.socket.closed and way.outbox.closed
        waited_s = asyncio.get_running_loop().time() - began
        assert SLOW_CLIENT_S - 1e-6 <= waited_s < SLOW_CLIENT_S + 40 * FRAGMENT_S
        await way.end()

    run_virtual(main())


def test_media_is_held_while_the_reply_is_ducked_and_goes_on_when_it_is_resumed_or_forgotten() -> None:
    async def main() -> None:
        line = Way()
        loop = asyncio.get_running_loop()
        await line.speak(range(1))
        await line.sink.event(DuckEvent(ms=0))
        began = loop.time()
        held = asyncio.create_task(line.speak(range(1, 2)))
        await asyncio.sleep(1)
        assert not held.done()
        await line.sink.event(ResumeEvent(reason="noise"))
        await held
        assert loop.time() - began < 1.01
        await line.sink.event(DuckEvent(ms=0))
        began = loop.time()
        await line.speak(range(2, 3))
        assert abs(loop.time() - began - LONGEST_HOLD_S) < 0.01
        await line.end()

    run_virtual(main())


def test_an_interrupted_reply_leaves_nothing_for_a_client_that_reads_again() -> None:
    async def main() -> None:
        line = Way()
        await line.speak(range(1))
        await asyncio.sleep(0.01)
        line.socket.stop_reading()
        await line.speak(range(1, 5))
        line.sink.drop(1)
        line.socket.read_again()
        await line.end()
        # One message was already with the socket; the other three were not.
        assert [message["seq"] for message in line.socket.media()] == [0, 1]

    run_virtual(main())
