"""One engine whose language model and voice are servers that misbehave when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest_asyncio

from engine.app import Engine
from engine.settings import Settings
from tests.llm.misbehaving_llm import MisbehavingServer, says
from tests.speaking.speech_server import SpeechServer, speech_server
from tests.system.conftest import Caller, Socket

WELL = "All is well."


@dataclass
class Neighbourhood:
    """The engine, what it depends on, and a student in a session."""

    engine: Engine
    llm: MisbehavingServer
    speech: SpeechServer
    socket: Socket


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def neighbourhood() -> AsyncIterator[Neighbourhood]:
    async with AsyncExitStack() as stack:
        llm = await stack.enter_async_context(MisbehavingServer(says(WELL)))
        speech = await stack.enter_async_context(speech_server())
        settings = Settings(
            port=0,
            voice="speech:tutor",
            sessions={"admission": "fixed"},
            asr={"model": "whisper-tiny.en"},
            video={"size": 128},
            llm={
                "base_url": (await llm.endpoint()).base_url,
                "connect_timeout_s": 1,
                "first_token_timeout_s": 1,
                "token_timeout_s": 0.6,
            },
            speech={
                "base_url": speech.url,
                "voices": ["tutor=en"],
                "connect_timeout_s": 1,
                "first_sound_timeout_s": 0.8,
                "gap_timeout_s": 0.5,
            },
        )
        engine = await stack.enter_async_context(Engine(settings))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        caller = Caller(http, engine.port)
        socket = await caller.connect(await caller.create())
        yield Neighbourhood(engine, llm, speech, socket)
        await socket.ws.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def no_leaked_threads_or_sockets(neighbourhood: Neighbourhood) -> None:
    """The engine outlives a test and its pools grow when first used."""
