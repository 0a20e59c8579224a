"""Reads the settings for a start, and says what is wrong or old about them."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from engine.errors import SettingsError
from engine.settings.command_line import parse
from engine.settings.model import Settings, config_file
from engine.settings.names import FORMER_NAMES, PREFIX, settings_of

PROGRAM = "run_engine.py"
NO_SUCH_SETTING = ("extra_forbidden", "unexpected_keyword_argument")


def load_settings(argv: Sequence[str] | None = None) -> Settings:
    """Settings from the command line ``argv``, the environment, the TOML file and the defaults, in that order.

    ``--help`` and ``--help-all`` print the settings and exit.

    Raises:
        SettingsError: one line per wrong setting: its name, its value, what is allowed.
    """
    given, _ = parse(sys.argv[1:] if argv is None else argv, Settings, PROGRAM)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item) for item in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config_file()} is not TOML: {error}") from None


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Names in ``environ`` that look like settings but are not, each with the setting that may be meant.

    They are no error: an orchestrator may set such names for reasons of its own.
    """
    names = {setting.variable for setting in settings_of(Settings)} | {f"{PREFIX}CONFIG"}
    former = {PREFIX + name.upper() for name in FORMER_NAMES}
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in names | former)
    return {name: next(iter(get_close_matches(name, names, n=1, cutoff=0.8)), None) for name in strange}


def former_names(argv: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Former names that are in use, as they were written, each with the name of today in the same place.

    Raises:
        SettingsError: the file that ``ENGINE_CONFIG`` names does not exist.
    """
    new = {setting.dotted: setting for setting in settings_of(Settings)}
    found = {}
    for old in parse(argv, Settings, PROGRAM)[1]:
        found[f"--{old.replace('_', '-')}"] = new[FORMER_NAMES[old]].option
    for old, path in FORMER_NAMES.items():
        if PREFIX + old.upper() in environ:
            found[PREFIX + old.upper()] = new[path].variable
    file = config_file()
    in_file = tomllib.loads(file.read_text()) if file.is_file() else {}
    flat = {setting.flat: setting.dotted for setting in new.values() if len(setting.path) > 1} | FORMER_NAMES
    for old in in_file.keys() & flat.keys():
        group, _, name = flat[old].rpartition(".")
        found[f"{file}: {old}"] = f"[{group}] {name}"
    return found


def _explain(item: Any) -> str:
    allowed = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    path = [str(part) for part in item["loc"]]
    if not path:  # several settings together; the message names them
        return str(allowed)
    name = ".".join(path)
    if item["type"] in NO_SUCH_SETTING:
        return f"{name}: there is no such setting; {PROGRAM} --help-all lists all"
    setting = next((each for each in settings_of(Settings) if list(each.path) == path[: len(each.path)]), None)
    if setting is None:  # a group whose settings contradict each other
        return f"{name}: {allowed}"
    shown = "(hidden)" if any(word in name for word in ("secret", "key", "password")) else repr(item.get("input"))
    return f"{setting.dotted} is {shown}: {allowed} ({setting.variable} or {setting.option})"
