"""Which Piper voices there are. Piper is an extra (``make piper``): it is imported only if one of them is to speak."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from engine.concurrency.worker import Worker
from engine.contracts import Synthesizer
from engine.errors import ModelMissing
from engine.models.catalog import ModelStore, voice_config
from engine.models.known import CATALOG
from engine.settings import Settings

PREFIX = "piper:"

_CATALOGUED = "en_US-joe-medium"


def open_piper(settings: Settings, worker: Worker) -> Synthesizer | None:
    """The Piper voices; None if there are none. Blocking (loads models).

    Args:
        settings: say where models are and which voice is wanted.
        worker: where the voices compute.

    Raises:
        ModelMissing: a voice is missing or damaged, or there are voices and Piper is not installed.
    """
    models = _wanted(settings)
    if not models:
        return None
    if importlib.util.find_spec("piper") is None:
        raise ModelMissing(f"the voice {PREFIX}{next(iter(models))} needs Piper, which is not installed: make piper")
    from engine.speaking.piper import PiperSynthesizer

    store = ModelStore(settings.models_dir, settings.cache_dir)
    return PiperSynthesizer([store.locate(model) for model in models.values()], worker, settings.tts.threads)


def _wanted(settings: Settings) -> dict[str, str]:
    """Voices by name, as ``locate`` takes them.

    They are those in the models folder, the one the setting ``voice`` names, and the catalogued one if it is installed.
    """
    own: list[Path] = sorted(settings.models_dir.glob("*.onnx")) if settings.models_dir else []
    wanted = {path.stem.removeprefix("piper-"): str(path) for path in own if voice_config(path).is_file()}
    store = ModelStore(settings.models_dir, settings.cache_dir)
    if store.find(CATALOG[f"piper-{_CATALOGUED}"]) is not None:
        wanted.setdefault(_CATALOGUED, f"piper-{_CATALOGUED}")
    if settings.voice and settings.voice.startswith(PREFIX):
        name = settings.voice.removeprefix(PREFIX)
        wanted.setdefault(name, f"piper-{name}")
    return wanted
