"""A whole conversation without models or threads: scripted parts, virtual time, a sink that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from engine.contracts import FrameRequest, Message, Voice
from engine.conversation.conversation import Conversation
from engine.items import FRAME_MS, Clause, MediaFrame, Picture, Speech
from engine.rendering.audio_features import NoFeatures
from engine.safety.service import Safety
from engine.settings import Settings
from engine.telemetry import Metrics
from engine.turn_taking.listener import Listener
from engine.tutors.profile import TutorProfile
from tests.fakes import FakeDetector, FakeEndOfTurn, FakeLanguageModel, FakeRecognizer, FakeSynthesizer
from tests.virtual_time import run_virtual

PICTURE = Picture(np.zeros((3, 2), np.uint8), 2, 2)
AVATAR = SimpleNamespace(id="fake", name="Fake", size=(2, 2), presents="")
Drive = Callable[["Stage"], Awaitable[None]]


class MemorySink:
    """A client that plays in real time and remembers all it was sent, with the time."""

    live = True
    picture_every = 1

    def __init__(self, ahead_s: float = 3.0) -> None:
        self.log: list[tuple[float, dict[str, Any]]] = []
        self.stuck: asyncio.Event | None = None
        """Set this and nothing is taken until the event is."""
        self._ahead_s = ahead_s
        self.dropped = 0
        self._reply = 0
        self._sent_ms = 0.0
        self._began = 0.0

    def _note(self, message: dict[str, Any]) -> None:
        turn = message.get("turn", 0)
        assert message["type"] == "interrupted" or not 0 < turn <= self.dropped, f"stale: {message}"
        self.log.append((asyncio.get_running_loop().time(), message))

    async def event(self, event: Any) -> None:
        if self.stuck is not None:
            await self.stuck.wait()
        self._note(event.to_wire())

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        now = asyncio.get_running_loop().time()
        if frames[0].reply != self._reply:
            self._reply, self._sent_ms, self._began = frames[0].reply, 0.0, now
        await asyncio.sleep(max(0.0, self._sent_ms / 1000 - (now - self._began) - self._ahead_s))
        if self.stuck is not None:
            await self.stuck.wait()
        self._sent_ms += len(frames) * FRAME_MS
        self._note({"type": "media", "turn": frames[0].reply, "frames": len(frames), "index": frames[0].index})

    async def finish(self, turn: int) -> None:
        self._note({"type": "finished", "turn": turn})

    def drop(self, turn: int) -> None:
        self.dropped = turn

    def kinds(self, *only: str) -> list[str]:
        return [m["type"] for _, m in self.log if not only or m["type"] in only]

    def last(self, kind: str) -> dict[str, Any]:
        return next(m for _, m in reversed(self.log) if m["type"] == kind)

    def at(self, kind: str) -> float:
        return next(at for at, m in self.log if m["type"] == kind)


class FakeModel(FakeLanguageModel):
    async def prefill(self, messages: Sequence[Message], *, dialogue: str = "") -> None:
        return None


class FakeVoices:
    """A voice book of one voice, and another one when that fails."""

    def __init__(self, synthesizer: FakeSynthesizer, spare: FakeSynthesizer | None) -> None:
        self.synthesizer = synthesizer
        self.spare = spare

    def speak(self, clause: Clause, preferred: str | None = None) -> AsyncIterator[Speech]:
        speaks = self.spare if preferred == "spare:en" and self.spare is not None else self.synthesizer
        return speaks.speak(clause, speaks.voices[0])

    def choose(self, language: str, preferred: str | None = None) -> tuple[FakeSynthesizer, Voice]:
        found = [voice for voice in self.synthesizer.voices if voice.speaks(language)]
        return self.synthesizer, found[0] if found else self.synthesizer.voices[0]

    def fitting(self, presents: str, language: str) -> str:
        return self.synthesizer.voices[0].id

    def stand_in(self, language: str, failed: str) -> str | None:
        return None if self.spare is None else "spare:en"


class FakeScheduler:
    """Draws every picture in 3 ms."""

    def __init__(self) -> None:
        self.drawn = 0
        self.draws_every = 1
        self.renderer = SimpleNamespace(load=lambda _: AVATAR)

    async def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        await asyncio.sleep(0.003 * len(requests))
        self.drawn += len(requests)
        return [PICTURE] * len(requests)

    async def offer(self, requests: Sequence[FrameRequest], every: int = 1) -> list[Picture | None]:
        drawn = [request.frame.index % max(self.draws_every, every) == 0 for request in requests]
        await self.render([request for request, draws in zip(requests, drawn, strict=True) if draws])
        return [PICTURE if draws else None for draws in drawn]


class Inline:
    """A ``Worker`` that computes where it is called."""

    async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)


def scripted(**parts: Any) -> Any:
    """Stands in for ``Parts``: all that a conversation uses of them."""
    return SimpleNamespace(**parts)


class Stage:
    """One conversation and everything around it."""

    def __init__(self, **parts: Any) -> None:
        self.model = parts.pop("model", None) or FakeModel()
        self.synthesizer = parts.pop("synthesizer", None) or FakeSynthesizer(letter_ms=60)
        self.spare = parts.pop("spare", None)
        self.recognizer = parts.pop("recognizer", None) or FakeRecognizer()
        self.end_of_turn = parts.pop("end_of_turn", None) or FakeEndOfTurn()
        self.completion = parts.pop("completion", None)
        self.sink = parts.pop("sink", None) or MemorySink()
        profile = parts.pop("profile", TutorProfile()).model_copy(update={"voice": "fake:en"})
        assert not parts, parts
        self.scheduler = FakeScheduler()
        self.settings = Settings(llm={"base_url": "http://127.0.0.1:1/v1"})
        self.metrics = Metrics()
        detector = FakeDetector()
        self.parts = scripted(
            settings=self.settings,
            metrics=self.metrics,
            recognizer=self.recognizer,
            language_model=self.model,
            voices=FakeVoices(self.synthesizer, self.spare),
            scheduler=self.scheduler,
            decoder=Inline(),
            encoder=Inline(),
            text_worker=Inline(),
            safety=Safety(self.settings.safety, self.metrics),
            load_avatar=lambda _: AVATAR,
            make_feature_stage=NoFeatures,
            make_listener=lambda languages, patience, output: Listener(
                self.recognizer,
                detector,
                self.end_of_turn,
                self.settings,
                completion=self.completion,
                language=languages,
                patience=patience,
                output=output,
            ),
        )
        self.conversation = Conversation(self.parts, profile, "session")
        self.tasks_at_start = 0

    def play_all(self, drive: Drive, *, streaming: bool = True, longest_s: float = 600) -> Stage:
        """Run the conversation while ``drive`` lasts, in virtual time; checks that it leaves nothing."""

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self.conversation.run())
                await asyncio.sleep(0)
                self.conversation.attach(self.sink, streaming=streaming, avatar=AVATAR)
                await drive(self)
                self.conversation.close()
                await running
            assert self.model.open == 0, "a request to the model was left open"
            assert self.synthesizer.open == 0, "a synthesis was left open"

        run_virtual(main(), longest_s=longest_s)
        return self

    @property
    def history(self) -> list[tuple[str, str]]:
        """(role, content) of what is remembered."""
        return [(m["role"], m["content"]) for m in self.conversation.history.remembered]
