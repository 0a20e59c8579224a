"""Voices of a server that offers OpenAI's ``POST /audio/speech``, played while their audio arrives.

In: a ``Clause``. Out: ``Speech`` pieces, as soon as a tenth of a second of audio is there. Such servers give no phoneme
times, so the face follows the audio, and word times are estimated. I/O runs on the event loop and decoding in a
``Worker``. Memory is bounded: the response is read only as fast as it is played. Closing the iterator drops the
connection; ``close`` ends the worker and all connections.

The server is not trusted: every wait has a limit, a failure before the first audio is retried once, and after several
failures in a row the server is left alone for a while.

API: https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

import aiohttp

from engine.concurrency.attempts import AttemptFailed, Neighbour, attempts, retry_after_s
from engine.concurrency.breaker import CircuitBreaker
from engine.concurrency.names import NameResolver
from engine.concurrency.worker import Worker
from engine.contracts import Voice
from engine.errors import SynthesisFailed
from engine.items import Clause, Speech
from engine.speaking.audio_stream import AudioStream, BadAudio
from engine.speaking.pace import Pace
from engine.speaking.shaping import Leveller, Shaper

PREFIX = "speech:"
PCM_RATE = 24_000
"""Sample rate of raw PCM in OpenAI's API, Hz."""

_PIECE_BYTES = 4_800
"""Minimum number of bytes to decode at once, except at the end of the response: 100 ms of PCM."""

_MAX_READ_BYTES = 65_536
_MAX_LETTER_S, _MAX_BASE_S = 0.5, 10.0
"""The longest audio accepted for a clause: this many seconds per letter, plus this many. A judgement."""


@dataclass(frozen=True, slots=True)
class SpeechTimeouts:
    """How long each step may take, seconds."""

    connect_s: float = 3.0
    first_audio_s: float = 8.0
    """From the request to the first audio, including a retry."""
    gap_s: float = 5.0
    """Between two pieces of audio."""
    retry_pause_s: float = 0.15
    """Between a failed request and its retry."""
    longest_retry_after_s: float = 2.0
    """The longest ``Retry-After`` that is waited for."""


@dataclass(frozen=True, slots=True)
class SpeechServer:
    """A speech server and what is requested from it."""

    base_url: str
    """The URL without ``/audio/speech``."""
    model: str
    key: str | None = None
    """Sent as a bearer token."""
    response_format: Literal["pcm", "wav", "mp3"] = "pcm"


class _Failed(AttemptFailed, SynthesisFailed):
    """One request to the speech server failed."""


class SpeechEndpoint:
    """The voices of one speech server.

    Args:
        server: the server.
        voices: the name and language (ISO 639-1, or ``*`` for any) of each voice.
        timeouts: how long each step may take.
    """

    def __init__(
        self, server: SpeechServer, voices: Sequence[tuple[str, str]], timeouts: SpeechTimeouts | None = None
    ) -> None:
        self._server = server
        self._timeouts = timeouts or SpeechTimeouts()
        self._names = {f"{PREFIX}{name}": name for name, _ in voices}
        self._voices = [
            Voice(
                f"{PREFIX}{name}",
                "en" if language == "*" else language,
                name,
                timed=False,
                languages=("*",) if language == "*" else (),
            )
            for name, language in voices
        ]
        self._levellers = {voice: Leveller() for voice in self._names}
        self._paces = {voice: Pace() for voice in self._names}
        self._worker = Worker("speech-decode", 1)
        self._session: aiohttp.ClientSession | None = None
        self._resolver: NameResolver | None = None
        self._closing: asyncio.Task[None] | None = None
        self.breaker = CircuitBreaker()

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    def close(self) -> None:
        """Ends the worker. The connections are closed by a task that runs after this call."""
        session, self._session = self._session, None
        if session is not None:
            self._closing = asyncio.get_running_loop().create_task(session.close(), name="close speech server")
        if self._resolver is not None:
            self._resolver.stop()
        self._worker.close()

    async def speak(self, clause: Clause, voice: Voice) -> AsyncGenerator[Speech, None]:
        """See ``Synthesizer.speak``."""
        if voice.id not in self._names:
            raise SynthesisFailed(f"the speech server has no voice {voice.id}")
        timeouts = self._timeouts
        deadline = asyncio.get_running_loop().time() + timeouts.first_audio_s
        neighbour = Neighbour(
            "the speech server", SynthesisFailed, timeouts.retry_pause_s, timeouts.longest_retry_after_s
        )
        async with aclosing(
            attempts(neighbour, self.breaker, lambda: self._attempt(clause, voice, deadline))
        ) as pieces:
            async for speech in pieces:
                yield speech

    async def _attempt(self, clause: Clause, voice: Voice, deadline: float) -> AsyncGenerator[Speech, None]:
        """Makes one request. Every failure is raised as ``_Failed``."""
        body = {
            "model": self._server.model,
            "input": clause.spoken,
            "voice": self._names[voice.id],
            "response_format": self._server.response_format,
        }
        headers = {"Accept-Encoding": "identity"}
        if self._server.key:
            headers["Authorization"] = f"Bearer {self._server.key}"
        url = f"{self._server.base_url.rstrip('/')}/audio/speech"
        audio_came = False
        try:
            async with asyncio.timeout_at(deadline):
                # A redirect would send the text to a server nobody configured.
                response = await self._opened().post(url, json=body, headers=headers, allow_redirects=False)
            async with response:
                _check(response)
                playing = _Playing(clause, self._levellers[voice.id], self._paces[voice.id])
                ended = False
                while not ended:
                    wait = self._timeouts.gap_s if audio_came else deadline - asyncio.get_running_loop().time()
                    async with asyncio.timeout(max(0.0, wait)):
                        data, ended = await _read(response.content)
                    speech = await self._worker.run(playing.push, data, ended)
                    if speech is not None:
                        audio_came = True
                        yield speech
        except TimeoutError:
            raise _Failed("the speech server is too slow") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Failed(f"the speech server failed ({type(error).__name__})") from None
        except BadAudio as error:
            raise _Failed(f"the speech server sent no usable audio: {error}") from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect_s)
            self._resolver = NameResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._resolver),
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


class _Playing:
    """Turns the bytes of one response into ``Speech``; runs in the worker."""

    def __init__(self, clause: Clause, leveller: Leveller, pace: Pace) -> None:
        self._clause = clause
        self._leveller = leveller
        self._pace = pace
        self._stream = AudioStream(PCM_RATE)
        self._shaper: Shaper | None = None
        self._seconds = 0.0

    def push(self, data: bytes, ended: bool) -> Speech | None:
        """Decodes some bytes. Returns None if they give nothing to play yet.

        Args:
            data: the next bytes of the response.
            ended: whether they are the last.

        Raises:
            BadAudio: the bytes are not audio, or the audio is empty or too long.
        """
        pcm = self._stream.push(data)
        if self._shaper is None and self._stream.rate is not None:
            timeline = self._pace.timeline(self._clause.text)
            self._shaper = Shaper(self._clause, self._stream.rate, self._leveller, timeline)
        self._seconds += len(pcm) / (self._stream.rate or PCM_RATE)
        limit_s = _MAX_BASE_S + _MAX_LETTER_S * len(self._clause.spoken)
        if self._seconds > limit_s:
            raise BadAudio(f"more than {limit_s:.0f} s of audio for one clause")
        if not ended:
            return self._shaper.push(pcm) if self._shaper else None
        if self._shaper is None or self._seconds < 0.02:
            raise BadAudio("an empty response")
        self._pace.learn(self._clause.text, self._seconds)
        return self._shaper.finish(pcm)


async def _read(content: aiohttp.StreamReader) -> tuple[bytes, bool]:
    """The next bytes, enough to be worth decoding, and whether they are the last."""
    data = await content.read(_MAX_READ_BYTES)
    while data and len(data) < _PIECE_BYTES and not content.at_eof():
        more = await content.read(_MAX_READ_BYTES)
        if not more:
            break
        data += more
    return data, content.at_eof()


def _check(response: aiohttp.ClientResponse) -> None:
    kind = response.content_type
    if response.status == 429:
        wait_s = retry_after_s(response.headers.get("Retry-After"))
        raise _Failed("the speech server's rate limit has been reached", retry_after_s=wait_s)
    if response.status != 200:
        server_error = response.status >= 500
        raise _Failed(
            f"the speech server answered with status {response.status}", again=server_error, refused=not server_error
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _Failed("the speech server sent a compressed response, which was not requested")
    if kind.startswith("text/") or kind in ("application/json", "application/xml"):
        raise _Failed(f"the speech server sent {kind} instead of audio")
