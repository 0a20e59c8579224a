"""docs/configuration.md says what the settings say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from engine.settings import Settings
from engine.settings.names import settings_of

ROOT = Path(__file__).parents[1]


def test_the_reference_is_what_its_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("settings_reference", ROOT / "scripts/settings_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.FILE.read_text()
    assert page == module.page(), "run scripts/settings_reference.py"
    for setting in settings_of(Settings):
        assert f"| `{setting.path[-1]}` |" in page
