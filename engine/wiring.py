"""Loads the models and joins the parts, in an order that starts fast; closes them in reverse.

Everything slow runs in threads side by side; each part is run once before the engine is
ready, so that a session's first turn finds it warm.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import structlog

from engine.models.catalog import locate
from engine.pipelines.animating.scheduler import FrameScheduler
from engine.pipelines.contracts import LanguageModel
from engine.pipelines.parts import Parts
from engine.pipelines.worker import Worker
from engine.settings import Settings
from engine.telemetry import Metrics

log = structlog.get_logger(__name__)
T = TypeVar("T")


@contextlib.asynccontextmanager
async def open_parts(settings: Settings, metrics: Metrics) -> AsyncIterator[Parts]:
    """All parts, warm. Leaving the context ends their threads and processes."""
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            language_model = group.create_task(_language_model(settings, metrics, stack))
            recognizer = group.create_task(_in_thread("recognizer", _load_recognizer, settings))
            voices = group.create_task(_in_thread("voices", _load_voices, settings))
            renderer = group.create_task(_in_thread("renderer", _load_renderer, settings))
            detector = group.create_task(_in_thread("voice detection", _load_detector, settings))
            end_of_turn = group.create_task(_in_thread("end of turn", _load_end_of_turn, settings))
        for part in (recognizer.result(), voices.result(), detector.result(), end_of_turn.result()):
            stack.callback(part.close)
        stack.callback(renderer.result().close)
        scheduler = FrameScheduler(renderer.result(), metrics)
        await stack.enter_async_context(scheduler.running())
        decoder = Worker("decode", threads=2, backlog=8)
        encoder = Worker("encode", threads=settings.encode_workers, backlog=256)
        stack.callback(decoder.close)
        stack.callback(encoder.close)
        yield Parts(
            settings=settings, metrics=metrics, recognizer=recognizer.result(),
            language_model=language_model.result(), voices=voices.result(), scheduler=scheduler,
            detector=detector.result(), end_of_turn=end_of_turn.result(), decoder=decoder, encoder=encoder,
        )


async def _in_thread(name: str, load: Callable[[Settings], T], settings: Settings) -> T:
    began = time.monotonic()
    part = await asyncio.to_thread(load, settings)
    log.info("loaded", part=name, seconds=round(time.monotonic() - began, 2))
    return part
