"""The command line: one option a setting, ``--help`` for the common ones and ``--help-all`` for every one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from engine.settings.names import FORMER_NAMES, Setting, put, settings_of

COMMON = frozenset(
    {
        "role",
        "host",
        "port",
        "public_url",
        "api_key",
        "allow_anonymous",
        "allowed_origins",
        "log_level",
        "device",
        "models_dir",
        "cache_dir",
        "patience",
        "barge_in",
        "voice",
        "renderer",
        "avatar",
        "avatars_dir",
        "tutors_dir",
        "sessions.max",
        "asr.model",
        "asr.language",
        "llm.base_url",
        "llm.api_key",
        "llm.model",
        "llm.max_tokens",
        "video.size",
        "webrtc.ports",
        "webrtc.public_address",
        "knowledge.dir",
    }
)
"""What the first screen of ``--help`` shows."""

EPILOG = (
    "An option --a-b-c is ENGINE_A_B_C in the environment and [a.b] c (or [a] b_c) in the TOML file that "
    "ENGINE_CONFIG names (engine.toml if there is one). The command line counts before the environment, that before "
    "the file. --help-all shows every setting. Tools: talking-tutor (or python -m engine) models, voices, avatars, "
    "keys, knowledge, each with its own --help."
)


def parse(argv: Sequence[str], model: type[Any], program: str) -> tuple[dict[str, Any], list[str]]:
    """What the command line sets, as nested groups, and the former names it used.

    Exits as argparse does: 0 after a help text, 2 for an option that does not exist.
    """
    given = vars(_parser(model, program, everything=False).parse_args(argv))
    tree: dict[str, Any] = {}
    former = [name for name in given if name in FORMER_NAMES]
    for name in former:
        put(tree, tuple(FORMER_NAMES[name].split(".")), given[name])
    for name in given.keys() - set(former):
        put(tree, tuple(name.split(".")), given[name])
    return tree, former


def _parser(model: type[Any], program: str, *, everything: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} [--OPTION VALUE ...]",
        description="Run the talking tutor engine.",
        epilog=EPILOG,
        add_help=False,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("-h", "--help", action="help", help="Show the common settings and exit.")
    parser.add_argument("--help-all", action=_HelpAll, nargs=0, model=model, help="Show every setting and exit.")
    groups: dict[str, Any] = {"": parser.add_argument_group("settings")}
    for setting in settings_of(model):
        shown = everything or setting.dotted in COMMON
        name = ".".join(setting.path[:-1])
        if shown and everything and name not in groups:
            groups[name] = parser.add_argument_group(f"[{name}]")
        group = groups.get(name, groups[""]) if shown else parser
        group.add_argument(setting.option, dest=setting.dotted, help=_help(setting) if shown else argparse.SUPPRESS,
                           **_form(setting))  # fmt: skip
    for former in FORMER_NAMES:
        parser.add_argument(f"--{former.replace('_', '-')}", dest=former, help=argparse.SUPPRESS)
    return parser


class _HelpAll(argparse.Action):
    def __init__(self, *args: Any, model: type[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._model = model

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        _parser(self._model, parser.prog, everything=True).print_help()
        parser.exit()


def _form(setting: Setting) -> dict[str, Any]:
    if setting.field.annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    kind = setting.field.annotation
    choices = [str(value) for value in get_args(kind)] if get_origin(kind) is Literal else None
    return {"metavar": "{" + ",".join(choices) + "}" if choices else setting.path[-1].upper()}


def _help(setting: Setting) -> str:
    text = str(setting.field.description).replace("%", "%%")
    default = setting.field.default
    if default is PydanticUndefined or default is None or isinstance(default, SecretStr):
        return text
    shown = ",".join(default) if isinstance(default, list) else default
    return text if shown == "" else f"{text} (default: {shown})"
