"""What a setting is called, and what it was called.

One rule: ``[listening.endpoint] floor_ms`` in the file is ``ENGINE_LISTENING_ENDPOINT_FLOOR_MS`` in the environment,
``--listening-endpoint-floor-ms`` on the command line and ``settings.listening.endpoint.floor_ms`` in code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

PREFIX = "ENGINE_"

FORMER_NAMES = {
    # sessions and limits
    "max_sessions": "sessions.max",
    "admission": "sessions.admission",
    "session_idle_s": "sessions.idle_s",
    "token_ttl_s": "sessions.token_ttl_s",
    "drain_s": "sessions.drain_s",
    "slow_client_s": "sessions.slow_client_s",
    "max_message_bytes": "limits.message_bytes",
    "max_text_chars": "limits.text_chars",
    "max_audio_s": "limits.audio_s",
    "max_decode_s": "limits.decode_s",
    "avatar_upload_bytes": "limits.avatar_upload_bytes",
    # listening
    "turn_model": "listening.turn_model",
    "preroll_ms": "listening.preroll_ms",
    "partial_every_ms": "listening.partial_every_ms",
    "turn_preview_ms": "listening.preview_ms",
    "turn_late_ms": "listening.late_ms",
    "turn_max_s": "listening.max_turn_s",
    "speculations": "listening.preemptive_replies",
    "vad_start": "listening.vad.start",
    "vad_stop": "listening.vad.stop",
    "vad_min_speech_ms": "listening.vad.min_speech_ms",
    "vad_hangover_ms": "listening.vad.hangover_ms",
    "turn_floor_ms": "listening.endpoint.floor_ms",
    "turn_ceiling_ms": "listening.endpoint.ceiling_ms",
    "barge_in_min_speech_ms": "listening.barge_in.min_speech_ms",
    "barge_in_wordless_ms": "listening.barge_in.wordless_ms",
    "barge_in_noise_ms": "listening.barge_in.noise_silence_ms",
    "barge_in_guard_ms": "listening.barge_in.guard_ms",
    "barge_in_echo_share": "listening.barge_in.echo_share",
    # pictures and WebRTC
    "audio_bitrate": "video.audio_bitrate",
    "encode_workers": "video.encode_workers",
    "stream_ahead_s": "video.stream_ahead_s",
    "ice_servers": "webrtc.ice_servers",
    "ice_turn_secret": "webrtc.turn_secret",
    "ice_turn_ttl_s": "webrtc.turn_ttl_s",
}
"""Names from before the groups, and today's. They go on working; the engine logs each that is in use once."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: ``path`` is its place in the TOML file."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def dotted(self) -> str:
        return ".".join(self.path)

    @property
    def flat(self) -> str:
        return "_".join(self.path)

    @property
    def variable(self) -> str:
        return PREFIX + self.flat.upper()

    @property
    def option(self) -> str:
        return "--" + self.flat.replace("_", "-")


def settings_of(model: type[Any], above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every setting of ``model`` and of its groups, in the order of the file."""
    for name, field in model.__pydantic_fields__.items():
        group = group_of(field)
        if group is None:
            yield Setting((*above, name), field)
        else:
            yield from settings_of(group, (*above, name))


def group_of(field: FieldInfo) -> type[Any] | None:
    """The class of a field that is a group of settings; None for a setting."""
    kind = field.annotation
    return kind if isinstance(kind, type) and hasattr(kind, "__pydantic_fields__") else None


def nested(given: Mapping[str, Any], model: type[Any]) -> dict[str, Any]:
    """``given`` with every flat name, today's or a former one, moved to its place; unknown names stay for the check.

    Where one source gives a setting under two names, the name of today counts.
    """
    places = {setting.flat: setting.path for setting in settings_of(model) if len(setting.path) > 1}
    former = {old: tuple(new.split(".")) for old, new in FORMER_NAMES.items()}
    moved: dict[str, Any] = {}
    for table in (former, places):
        for name in given.keys() & table.keys():
            put(moved, table[name], given[name])
    rest = {name: value for name, value in given.items() if name not in former and name not in places}
    return _merged(moved, rest)


def put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set the value at ``path``, making the groups on the way."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, group by group; what ``over`` says counts."""
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, dict) and isinstance(value, Mapping)
        result[name] = _merged(below, value) if both and below is not None else value
    return result
