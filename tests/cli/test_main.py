"""The entry command hands its arguments to the tool named first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine import __version__
from engine.cli import main as entry


@pytest.mark.parametrize("tool", entry.TOOLS)
def test_the_entry_command_runs_the_tool_named_first(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["talking-tutor", tool, "--help"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 0
    assert f"usage: python -m engine {tool}" in capsys.readouterr().out


def test_a_wrong_option_of_a_tool_ends_with_2_and_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine", "models", "list", "--nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "--nonsense" in done.stderr


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["talking-tutor", "--version"])
    assert entry.main() == 0
    assert capsys.readouterr().out == f"talking-tutor {__version__}\n"


def test_serve_starts_the_engine_with_the_options_after_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["talking-tutor", "serve", "--port", "none"])
    assert entry.main() == 2
    assert "port" in capsys.readouterr().err
