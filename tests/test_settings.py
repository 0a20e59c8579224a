"""Settings: where they come from, and how a wrong one is refused."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from engine.errors import SettingsError
from engine.settings import (
    EndpointOptions,
    ListeningOptions,
    Patience,
    Settings,
    former_names,
    load_settings,
    unknown_variables,
)
from engine.settings.command_line import COMMON
from engine.settings.names import FORMER_NAMES, settings_of


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
    assert (settings.port, settings.sessions.max, settings.sessions.drain_s) == (1003, 4, 1.0)


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (("--port", "99999"), ("port is '99999'", "65535", "ENGINE_PORT", "--port")),
        (("--port", "abc"), ("port is 'abc'", "integer")),
        (("--renderer", "nobody"), ("'puppet' or 'musetalk'", "--renderer")),
        (("--video-size", "500"), ("video.size", "multiple of 16")),
        (("--llm-temperature", "nan"), ("llm.temperature",)),
        (("--vad-stop", "0.9"), ("listening.vad: stop (0.9) is above start (0.5)",)),
        (("--host", "0.0.0.0"), ("reachable from outside", "api_key", "allow_anonymous")),
        (("--models-dir", "/nowhere/models"), ("models_dir", "/nowhere/models", "no such folder")),
        (("--webrtc-ports", "1-2"), ("webrtc.ports", "1024")),
        (("--asr-language", "English"), ("asr.language is 'English'", "separated by commas", "--asr-language")),
        (("--asr-language", "en;zh"), ("asr.language is 'en;zh'", "codes of two or three letters")),
        (("--asr-language", "en,,zh"), ("asr.language is 'en,,zh'", "codes of two or three letters")),
        (("--asr-language", "*"), ("asr.language is '*'", "* may only be the last")),
        (("--asr-language", "*,en"), ("asr.language is '*,en'", "* may only be the last")),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(args: tuple[str, ...], parts: tuple[str]) -> None:
    message = refusal(*args)
    assert all(part in message for part in parts), message
    assert "SETTINGS" not in message and "\n" not in message


@pytest.mark.parametrize(
    ("given", "meant"), [("en", "en"), ("EN, zh", "en,zh"), ("en,zh,*", "en,zh,*"), ("haw,*", "haw,*"), ("", None)]
)
def test_languages_of_the_student_are_a_list_of_codes(given: str, meant: str | None) -> None:
    assert load_settings(["--asr-language", given]).asr.language == meant


def test_a_secret_is_not_shown() -> None:
    message = refusal("--secret", "hunter2")
    assert "hunter2" not in message and "32 bytes" in message


def test_every_wrong_setting_is_told_at_once() -> None:
    assert len(refusal("--port", "x", "--sessions-max", "0").splitlines()) == 2


def test_files_that_are_wrong(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = elsewhere / "mine.toml"
    monkeypatch.setenv("ENGINE_CONFIG", str(file))
    assert "no such file" in refusal()
    file.write_text("port = \n")
    assert "mine.toml is not TOML" in refusal() and "line 1" in refusal()
    file.write_text("porrt = 1\n")
    assert "porrt: there is no such setting" in refusal()


def test_every_setting_has_one_name_in_each_place_and_says_what_it_is() -> None:
    settings = list(settings_of(Settings))
    assert len({setting.flat for setting in settings} | FORMER_NAMES.keys()) == len(settings) + len(FORMER_NAMES)
    assert all(setting.field.description for setting in settings)
    assert {setting.dotted for setting in settings} >= {*FORMER_NAMES.values(), *COMMON}


def help_text(option: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load_settings([option])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_help_shows_the_common_settings_and_help_all_every_one(capsys: pytest.CaptureFixture[str]) -> None:
    short, full = help_text("--help", capsys), help_text("--help-all", capsys)
    for setting in settings_of(Settings):
        assert setting.option in full, setting.option
        assert (f"{setting.option} " in short or f"{setting.option}," in short) == (setting.dotted in COMMON)
    assert "--patience {eager,normal,patient}" in short and "[listening.endpoint]" in full
    assert "--turn-floor-ms" not in full  # former names work, but nobody should learn them


def test_groups_in_the_file_meet_flat_names_elsewhere(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "engine.toml").write_text(
        "[listening.endpoint]\nfloor_ms = 111\nceiling_ms = 3333\n[listening.vad]\nstart = 0.6\n[llm]\nmodel = 'm'\n"
    )
    monkeypatch.setenv("ENGINE_LISTENING_ENDPOINT_FLOOR_MS", "222")
    monkeypatch.setenv("ENGINE_WEBRTC_IDLE_FPS", "10")
    settings = load_settings(["--llm-slots", "3", "--speech-voices", "a=en, b", "--no-barge-in"])
    endpoint = settings.listening.endpoint
    assert (endpoint.floor_ms, endpoint.ceiling_ms, settings.listening.vad.start) == (222, 3333, 0.6)
    assert (settings.llm.model, settings.llm.slots, settings.webrtc.idle_fps) == ("m", 3, 10)
    assert settings.speech.voices == ["a=en", "b"] and not settings.barge_in


def test_every_former_name_works_in_every_place_and_is_reported(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def values(settings: Settings) -> dict[str, Any]:
        return {former: value_of(settings, path) for former, path in FORMER_NAMES.items()}

    def option(name: str) -> str:
        return "--" + name.replace("_", "-").replace(".", "-")

    def variable(name: str) -> str:
        return "ENGINE_" + name.replace(".", "_").upper()

    given = {former: str(other_than_default(path)) for former, path in FORMER_NAMES.items()}
    expected, default = values(Settings.model_validate(given)), values(Settings())
    assert not [former for former in given if expected[former] == default[former]]
    options = [part for former, value in given.items() for part in (option(former), value)]
    assert values(load_settings(options)) == expected
    assert former_names(options, {}) == {option(former): option(path) for former, path in FORMER_NAMES.items()}
    with monkeypatch.context() as environment:
        for former, value in given.items():
            environment.setenv(variable(former), value)
        assert values(load_settings([])) == expected
        reported = former_names([], os.environ)
        assert reported == {variable(former): variable(path) for former, path in FORMER_NAMES.items()}
    (elsewhere / "engine.toml").write_text("".join(f"{former} = {value!r}\n" for former, value in given.items()))
    assert values(load_settings([])) == expected
    in_file = {former: path.rpartition(".") for former, path in FORMER_NAMES.items()}
    reported = former_names([], {})
    assert reported == {f"engine.toml: {former}": f"[{group}] {name}" for former, (group, _, name) in in_file.items()}


def test_todays_name_counts_before_a_former_one_in_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_MAX_SESSIONS", "4")
    monkeypatch.setenv("ENGINE_SESSIONS_MAX", "5")
    assert load_settings([]).sessions.max == 5
    assert load_settings(["--max-sessions", "6"]).sessions.max == 6
    assert load_settings(["--max-sessions", "6", "--sessions-max", "7"]).sessions.max == 7


def value_of(settings: Settings, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), settings)


def other_than_default(path: str) -> Any:
    special = {
        "sessions.admission": "fixed",
        "listening.turn_model": "none",
        "listening.word_model": "none",
        "webrtc.ice_servers": "stun:a.example.org:1",
        "webrtc.turn_secret": "s",
        "listening.vad.stop": 0.3,
        "listening.barge_in.echo_share": 0.6,
        "listening.vad.start": 0.6,
        "listening.preemptive_replies": 3,
    }
    default = value_of(Settings(), path)
    return special[path] if path in special else type(default)(default * 2 if default < 1e6 else default / 2)


def test_patience_by_name_changes_nothing_but_what_a_cut_off_is_worth() -> None:
    normal = ListeningOptions()
    assert normal.with_patience("normal") == normal
    worth = {patience: normal.with_patience(patience).endpoint.patience for patience in get_args(Patience)}
    assert worth["eager"] < worth["normal"] < worth["patient"]
    assert replace(normal.with_patience("patient"), endpoint=normal.endpoint) == normal
    hasty = replace(normal, endpoint=EndpointOptions(patience=1))
    assert hasty.with_patience("eager").endpoint.patience == 1


def test_a_mistyped_variable_is_noticed_and_the_right_one_named() -> None:
    environ = {"ENGINE_PORT": "1", "ENGINE_CONFIG": "x", "ENGINE_LLM_MODLE": "m", "ENGINE_SERVICE_XYZ": "y"}
    assert unknown_variables(environ) == {"ENGINE_LLM_MODLE": "ENGINE_LLM_MODEL", "ENGINE_SERVICE_XYZ": None}
