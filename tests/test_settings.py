"""Settings: where they come from, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import Settings, load_settings, unknown_variables


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, so that no ``engine.toml`` of the developer counts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(*args: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(list(args))
    return caught.value.message


def test_command_line_before_environment_before_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "engine.toml").write_text("port = 1001\nmax_sessions = 3\ndrain_s = 1\n")
    monkeypatch.setenv("ENGINE_PORT", "1002")
    monkeypatch.setenv("ENGINE_MAX_SESSIONS", "4")
    settings = load_settings(["--port", "1003"])
    assert (settings.port, settings.max_sessions, settings.drain_s) == (1003, 4, 1.0)


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (("--port", "99999"), ("port is '99999'", "65535", "ENGINE_PORT", "--port")),
        (("--port", "abc"), ("port is 'abc'", "integer")),
        (("--renderer", "nobody"), ("'puppet' or 'musetalk'", "--renderer")),
        (("--video-size", "500"), ("video_size", "multiple of 16")),
        (("--llm-temperature", "nan"), ("llm_temperature",)),
        (("--vad-stop", "0.9"), ("vad_stop (0.9) is above vad_start (0.5)",)),
        (("--host", "0.0.0.0"), ("reachable from outside", "api_key", "allow_anonymous")),
        (("--models-dir", "/nowhere/models"), ("models_dir", "/nowhere/models", "no such folder")),
        (("--webrtc-ports", "1-2"), ("webrtc_ports", "1024")),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(args: tuple[str, ...], parts: tuple[str]) -> None:
    message = refusal(*args)
    assert all(part in message for part in parts), message
    assert "SETTINGS" not in message and "\n" not in message


def test_a_secret_is_not_shown() -> None:
    message = refusal("--secret", "hunter2")
    assert "hunter2" not in message and "32 bytes" in message


def test_every_wrong_setting_is_told_at_once() -> None:
    assert len(refusal("--port", "x", "--max-sessions", "0").splitlines()) == 2


def test_files_that_are_wrong(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = elsewhere / "mine.toml"
    monkeypatch.setenv("ENGINE_CONFIG", str(file))
    assert "no such file" in refusal()
    file.write_text("port = \n")
    assert "mine.toml is not TOML" in refusal() and "line 1" in refusal()
    file.write_text("porrt = 1\n")
    assert "porrt: there is no such setting" in refusal()


def test_every_setting_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_settings(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in said and field.description, name


def test_a_mistyped_variable_is_noticed_and_the_right_one_named() -> None:
    environ = {"ENGINE_PORT": "1", "ENGINE_CONFIG": "x", "ENGINE_LLM_MODLE": "m", "ENGINE_SERVICE_XYZ": "y"}
    assert unknown_variables(environ) == {"ENGINE_LLM_MODLE": "ENGINE_LLM_MODEL", "ENGINE_SERVICE_XYZ": None}
