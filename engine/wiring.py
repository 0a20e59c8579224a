"""Loads the models and wires the parts together; closes them in reverse order.

Whatever is slow loads in threads, side by side. Each part is run once before the engine is ready, so
that the first reply of the first session finds it warm.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import structlog
import torch

from engine.avatars.portrait import PortraitFactory
from engine.calculation import quantities
from engine.concurrency.worker import Worker
from engine.contracts import AvatarFactory, LanguageModel, Renderer
from engine.conversation.parts import Parts
from engine.errors import EngineError, ModelMissing, SettingsError, UnknownAvatar
from engine.knowledge.service import Knowledge, prepare_built_in
from engine.llm.completion import EmbeddedCompletion
from engine.llm.embedded import EmbeddedServer
from engine.llm.factory import completion_scorer, language_model
from engine.models.catalog import locate
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from engine.rendering.puppet.renderer import PuppetRenderer
from engine.rendering.scheduler import FrameScheduler
from engine.rendering.torch_threads import use_one_thread
from engine.safety import guard
from engine.safety.service import Safety
from engine.settings import Settings
from engine.speaking.voices import VoiceBook, build_voicebook
from engine.telemetry import Metrics
from engine.text import language, numbers
from engine.turn_taking.smart_turn import SmartTurn

log = structlog.get_logger(__name__)
T = TypeVar("T")


@contextlib.asynccontextmanager
async def open_parts(
    settings: Settings, metrics: Metrics, knowledge: Knowledge, progress: Callable[[float], None] = lambda share: None
) -> AsyncIterator[Parts]:
    """All parts, warm. Leaving the context ends their threads and processes.

    Args:
        settings: which parts.
        metrics: for those that count.
        knowledge: prepared here.
        progress: told the share (0 to 1) of the parts that are loaded, after each one.
    """
    async with contextlib.AsyncExitStack() as stack:
        with _unwrapping_engine_errors():
            async with asyncio.TaskGroup() as group:
                language_model = group.create_task(_language_model(settings, metrics, stack))
                listening = group.create_task(_in_thread("listening", _load_listening, settings))
                voices = group.create_task(_in_thread("voices", build_voicebook, settings))
                renderer = group.create_task(_in_thread("renderer", _load_renderer, settings))
                words = group.create_task(_in_thread("words", _load_words, settings))
                course = group.create_task(_load_knowledge(settings, knowledge))
                tasks: tuple[asyncio.Task[Any], ...] = (language_model, listening, voices, renderer, words, course)
                for task in tasks:
                    task.add_done_callback(lambda _: progress(sum(each.done() for each in tasks) / len(tasks)))
        detector, recognizer, end_of_turn = listening.result()
        chat, completion = language_model.result()
        metrics.watch_recognizer(lambda: recognizer.waiting)
        drawing, avatar_factory, costs = renderer.result()
        await _warm_up_voices(voices.result(), drawing)
        for part in (detector, recognizer, end_of_turn, voices.result(), drawing):
            if part is not None:
                stack.callback(part.close)
        scheduler = FrameScheduler(drawing, metrics, costs)
        await stack.enter_async_context(scheduler.running())
        safety = Safety(settings.safety, metrics)
        await stack.enter_async_context(safety.running())
        decoder = Worker("decode", threads=2, backlog=8)
        encoder = Worker("encode", threads=settings.video.encode_workers, backlog=256)
        text_worker = Worker("speakable-text", threads=1, backlog=256)
        feature_worker = Worker("audio-features", threads=2)
        for worker in (decoder, encoder, text_worker, feature_worker):
            stack.callback(worker.close)
        yield Parts(
            settings=settings,
            metrics=metrics,
            recognizer=recognizer,
            language_model=chat,
            voices=voices.result(),
            scheduler=scheduler,
            avatar_factory=avatar_factory,
            detector=detector,
            end_of_turn=end_of_turn,
            completion=completion,
            knowledge=knowledge,
            safety=safety,
            decoder=decoder,
            encoder=encoder,
            text_worker=text_worker,
            feature_worker=feature_worker,
        )


@contextlib.contextmanager
def _unwrapping_engine_errors() -> Iterator[None]:
    """Raises the ``EngineError`` of a part that could not be loaded by itself, out of its exception group."""
    try:
        yield
    except ExceptionGroup as group:
        ours, others = group.split(EngineError)
        if ours is None or others is not None:
            raise
        raise ours.exceptions[0] from None


async def _in_thread(name: str, load: Callable[[Settings], T], settings: Settings) -> T:
    began = time.monotonic()
    part = await asyncio.to_thread(load, settings)
    log.info("loaded", part=name, seconds=round(time.monotonic() - began, 2))
    return part


async def _language_model(
    settings: Settings, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> tuple[LanguageModel, EmbeddedCompletion | None]:
    began = time.monotonic()
    path = None
    if settings.llm.base_url is None:
        path = await asyncio.to_thread(locate, settings.llm.model, settings.models_dir, settings.cache_dir)
    gpu_layers = 999 if torch_device(settings) == "cuda" else 0
    chat = await stack.enter_async_context(language_model(settings, path, gpu_layers=gpu_layers))
    chat.stumbled = lambda cause: metrics.llm_stumbles.labels(cause).inc()
    metrics.llm_prefills.set_function(lambda: chat.prefills.read)
    if isinstance(chat.source, EmbeddedServer):
        server = chat.source
        metrics.llm_restarts.set_function(lambda: server.restarts)
    scorer = None
    if settings.listening.word_model != "none":
        try:
            scorer = await stack.enter_async_context(completion_scorer(settings, chat))
        except ModelMissing as error:
            log.warning("word_model_missing", reason=error.message)
    log.info("loaded", part="language model", seconds=round(time.monotonic() - began, 2))
    return chat, scorer


def _load_listening(settings: Settings) -> tuple[SileroVad, WhisperRecognizer, SmartTurn | None]:
    find = functools.partial(locate, models_dir=settings.models_dir, cache_dir=settings.cache_dir)
    detector = SileroVad(find("silero-vad"))
    recognizer = WhisperRecognizer(
        find(settings.asr.model),
        detector,
        torch_device(settings),
        settings.asr.threads,
        settings.asr.workers,
        settings.asr.language,
        settings.listening.vad.start,
        settings.listening.vad.stop,
    )
    end_of_turn = SmartTurn(find("smart-turn")) if settings.listening.turn_model == "smart-turn" else None
    return detector, recognizer, end_of_turn


async def _warm_up_voices(voices: VoiceBook, renderer: Renderer) -> None:
    """The default voice and those of the faces speak once."""
    faces = sorted({avatar.presents for avatar in renderer.list_avatars()})
    await voices.warm_up([voices.fitting(presents, "en") for presents in faces])


async def _load_knowledge(settings: Settings, knowledge: Knowledge) -> None:
    """Prepare the starter course if that has not been done, and load the embedding model if there is any base.

    Without its embedding model the engine has no starter course, but runs.
    """
    try:
        await _in_thread("starter course", prepare_built_in, settings)
    except ModelMissing as error:
        log.warning("starter_course_missing", reason=error.message)
    if await knowledge.bases():
        await knowledge.warm_up()


def _load_words(_: Settings) -> None:
    """Warm up language detection, number spelling, units and the guard, which are slow the first time."""
    language.warm_up()
    numbers.warm_up()
    quantities.warm_up()
    guard.warm_up()


def _load_renderer(settings: Settings) -> tuple[Renderer, AvatarFactory, dict[int, float]]:
    """The renderer, what makes avatars for it, and the seconds its batches take by size."""
    # For the whole process: parallel loops inside one picture would slow down everything beside it.
    use_one_thread()
    renderer, factory = RENDERERS[settings.renderer](settings)
    return renderer, factory, renderer.warm_up()


def _load_puppet(settings: Settings) -> tuple[Renderer, AvatarFactory]:
    renderer = PuppetRenderer(_avatars_dirs(settings), settings.video.size, torch_device(settings))
    try:
        renderer.load(settings.avatar)
    except UnknownAvatar as error:
        known = ", ".join(avatar.id for avatar in renderer.list_avatars())
        raise SettingsError(f"avatar is {settings.avatar!r}: {error.message}; there are {known}") from error
    return renderer, PortraitFactory()


def _load_musetalk(settings: Settings) -> tuple[Renderer, AvatarFactory]:
    # Imported here: it belongs to an optional extra and takes seconds to import.
    from engine.rendering.musetalk.start import open_avatar_factory, open_renderer

    return open_renderer(settings, _avatars_dirs(settings)), open_avatar_factory(settings)


RENDERERS: dict[str, Callable[[Settings], tuple[Renderer, AvatarFactory]]] = {
    "puppet": _load_puppet,
    "musetalk": _load_musetalk,
}


def _avatars_dirs(settings: Settings) -> list[Path]:
    return [] if settings.avatars_dir is None else [settings.avatars_dir]


def torch_device(settings: Settings) -> str:
    """``cuda`` or ``cpu``: the setting, or what this machine has."""
    if settings.device != "auto":
        return settings.device
    return "cuda" if torch.cuda.is_available() else "cpu"
