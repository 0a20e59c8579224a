"""Which models listening loads, as the settings say."""

from __future__ import annotations

import pytest

from engine import wiring
from engine.settings import Settings


@pytest.mark.parametrize(("turn_model", "loaded"), [("none", False), ("smart-turn", True)])
def test_a_turn_model_is_loaded_only_when_the_settings_ask_for_one(turn_model: str, loaded: bool) -> None:
    settings = Settings(listening={"turn_model": turn_model}, asr={"model": "whisper-tiny.en"}, device="cpu")
    detector, recognizer, end_of_turn = wiring._load_listening(settings)
    try:
        assert (end_of_turn is not None) is loaded
    finally:
        for part in (detector, recognizer, end_of_turn):
            if part is not None:
                part.close()
