"""Writes ``docs/configuration.md``, the reference of every setting, from their declarations.

    python scripts/settings_reference.py

A test fails while the file is old.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from engine.settings import Settings
from engine.settings.names import FORMER_NAMES, Setting, settings_of

FILE = Path(__file__).parents[1] / "docs" / "configuration.md"

TOP = """# Configuration

Every setting of the engine. This page is written by `scripts/settings_reference.py` from the settings themselves.

One setting has three names. `[llm] base_url` in the TOML file is `ENGINE_LLM_BASE_URL` in the environment and
`--llm-base-url` on the command line. The command line counts before the environment, and that before the file, which
is `engine.toml` in the working folder, or what `ENGINE_CONFIG` names. Lists are separated by commas in the environment
and on the command line. A wrong name or value ends the start with one line that says what is allowed; a variable that
only looks like a setting is logged (`setting_unknown`).

Put secrets into the environment or into a file that only the engine's user may read, not on the command line, which
every user of the machine can see."""


def page() -> str:
    """The whole page."""
    groups: dict[str, list[Setting]] = {}
    for setting in settings_of(Settings):
        groups.setdefault(".".join(setting.path[:-1]), []).append(setting)
    parts = [TOP]
    for group, settings in groups.items():
        parts.append(f"\n## {f'[{group}]' if group else 'General'}\n")
        parts.append("| setting | default | values | what it does |\n|---|---|---|---|")
        parts += [_row(setting) for setting in settings]
    parts.append("\n## Former names\n\nThese go on working; the engine logs each that is in use.\n")
    parts.append("| former | today |\n|---|---|")
    parts += [f"| `{old}` | `{new}` |" for old, new in FORMER_NAMES.items()]
    return "\n".join(parts) + "\n"


def _row(setting: Setting) -> str:
    about = str(setting.field.description).replace("|", "\\|")
    return f"| `{setting.path[-1]}` | {_default(setting)} | {_values(setting)} | {about} |"


def _default(setting: Setting) -> str:
    default = setting.field.default
    if setting.path == ("secret",):
        return "random"
    if default is PydanticUndefined or default is None or isinstance(default, SecretStr):
        return ""
    if isinstance(default, Path):
        base = "~/.cache" if setting.path == ("cache_dir",) else "~/.local/share"
        return f"`{Path(base, *default.parts[default.parts.index('talking-tutor') :])}`"
    if isinstance(default, list):
        return f"`{','.join(default)}`" if default else ""
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{shown}`" if shown else ""


def _values(setting: Setting) -> str:
    kind: Any = setting.field.annotation
    literal = next((each for each in (kind, *get_args(kind)) if get_origin(each) is Literal), None)
    if literal is not None:
        return ", ".join(f"`{value}`" for value in get_args(literal))
    if kind is bool:
        return "`true`, `false`"
    if SecretStr in (kind, *get_args(kind)):
        return "secret"
    bounds = _bounds(setting)
    if bounds:
        return bounds
    return {int: "whole number", float: "number"}.get(kind, "list" if get_origin(kind) is list else "text")


def _bounds(setting: Setting) -> str:
    low = high = step = ""
    for each in setting.field.metadata:
        match each:
            case Ge(ge=value) | MinLen(min_length=value):
                low = f"{value}"
            case Gt(gt=value):
                low = f"above {value}"
            case Le(le=value) | MaxLen(max_length=value):
                high = f"{value}"
            case Lt(lt=value):
                high = f"below {value}"
            case MultipleOf(multiple_of=value):
                step = f", multiples of {value}"
            case _:
                pass
    if get_origin(setting.field.annotation) is None and setting.field.annotation is str:
        return ""
    return f"{low} to {high}{step}" if low and high else f"{low or high}{step}"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
