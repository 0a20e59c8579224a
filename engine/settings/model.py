"""The settings, and the order in which their sources count."""

from __future__ import annotations

import ipaddress
import os
import secrets
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.errors import SettingsError
from engine.settings.cluster import ClusterSettings
from engine.settings.groups import (
    AsrSettings,
    Folder,
    KnowledgeSettings,
    LimitSettings,
    LlmSettings,
    MusetalkSettings,
    Names,
    SafetySettings,
    SessionSettings,
    SpeechSettings,
    TtsSettings,
    VideoSettings,
    WebrtcSettings,
)
from engine.settings.lessons import LessonSettings
from engine.settings.listening import ListeningOptions, Patience
from engine.settings.names import FORMER_NAMES, PREFIX, nested, put, settings_of
from engine.settings.tracing import TracingSettings
from engine.settings.usage import UsageSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """All settings of the engine: the common ones, then the groups.

    ``Settings()`` reads the environment and the TOML file. Former flat names are taken as well (``names``).

    Raises:
        pydantic.ValidationError: a value is refused; ``load_settings`` turns it into a ``SettingsError``.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", validate_default=True)

    role: Literal["engine", "door"] = Field(
        "engine", description="engine: talks to students; door: places sessions on the engines of a cluster, no models."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(9000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="URL clients reach the engine at, e.g. https://gpu1.example.org.")
    trusted_proxies: Names = Field(
        [],
        description="Addresses or networks whose X-Forwarded-* headers are believed, as 10.0.0.0/8 (comma separated).",
    )
    api_key: SecretStr | None = Field(None, description="Bearer key of the management API; unset: loopback only.")
    api_keys_file: Folder | None = Field(
        None, description="Further API keys, with scopes and limits (talking-tutor keys); read again when it changes."
    )
    allow_anonymous: bool = Field(False, description="Listen beyond loopback without an API key.")
    secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
        description="Signs session tokens (HS256, 32 bytes or more); random at each start when unset.",
    )
    previous_secret: SecretStr | None = Field(
        None, description="Tokens signed with this secret are still accepted, while a new one takes over."
    )
    allowed_origins: Names = Field(
        ["*"],
        description="Origins pages may call from (comma separated; * allows any, but none without an API key).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where torch and the recognizer run.")
    models_dir: Folder | None = Field(None, description="Folder with your own models, tried before the embedded ones.")
    cache_dir: Folder = Field(
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "talking-tutor",
        description="Prepared models are kept here.",
    )
    patience: Patience = Field(
        "normal",
        description="How long the tutor waits before it takes a pause for the end; tutors and sessions may override.",
    )
    barge_in: bool = Field(True, description="The student may interrupt the tutor by voice.")
    voice: str | None = Field(
        None, description="Voice of tutors that name none (hibari:alto); unset takes one that fits the face."
    )
    renderer: Literal["puppet", "musetalk"] = Field("puppet", description="What draws the face.")
    avatar: str = Field("avatar_tutor_13", description="Avatar when neither client nor tutor names one.")
    avatars_dir: Folder | None = Field(None, description="Your own avatars, beside the built-in ones.")
    tutors_dir: Folder | None = Field(None, description="TOML profiles of your own tutors, beside the built-in ones.")

    sessions: SessionSettings = Field(default_factory=SessionSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    listening: ListeningOptions = Field(default_factory=ListeningOptions)
    asr: AsrSettings = Field(default_factory=AsrSettings)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    tts: TtsSettings = Field(default_factory=TtsSettings)
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    video: VideoSettings = Field(default_factory=VideoSettings)
    musetalk: MusetalkSettings = Field(default_factory=MusetalkSettings)
    webrtc: WebrtcSettings = Field(default_factory=WebrtcSettings)
    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    safety: SafetySettings = Field(default_factory=SafetySettings)
    lessons: LessonSettings = Field(default_factory=LessonSettings)
    cluster: ClusterSettings = Field(default_factory=ClusterSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    usage: UsageSettings = Field(default_factory=UsageSettings)

    @field_validator("models_dir")
    @classmethod
    def _existing_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("there is no such folder")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError:
                raise ValueError(f"{each!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return value

    @field_validator("secret", "previous_secret")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise ValueError("at least 32 bytes are needed")
        return value

    @model_validator(mode="after")
    def _refuse_open_doors(self) -> Settings:
        if self.host not in LOOPBACK and not self.keyed and not self.allow_anonymous:
            raise ValueError(
                f"host {self.host} is reachable from outside: set api_key or api_keys_file, "
                "or allow_anonymous=1 if that is meant"
            )
        return self

    @model_validator(mode="after")
    def _one_secret_for_all(self) -> Settings:
        if self.cluster.servers and "secret" not in self.model_fields_set:
            raise ValueError("cluster.servers is set: set secret too, the same on every engine and door")
        if self.role == "door" and not self.cluster.servers:
            raise ValueError("role is door: set cluster.servers, where a door hears of the engines")
        return self

    @property
    def keyed(self) -> bool:
        """Whether the management API asks for a key."""
        return self.api_key is not None or self.api_keys_file is not None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, config_file())
        return (
            _Nested(settings_cls, init_settings),
            _Environment(settings_cls),
            _Nested(settings_cls, file),
        )


class _Nested(PydanticBaseSettingsSource):
    """Another source, with its flat names moved to their groups."""

    def __init__(self, settings_cls: type[BaseSettings], source: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._source = source

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        return nested(self._source(), self.settings_cls)


class _Environment(PydanticBaseSettingsSource):
    """``ENGINE_*`` variables, in any case, each of them a plain string."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        variables = {name.upper(): value for name, value in os.environ.items()}
        tree: dict[str, Any] = {}
        for old, new in FORMER_NAMES.items():
            if (value := variables.get(PREFIX + old.upper())) is not None:
                put(tree, tuple(new.split(".")), value)
        for setting in settings_of(self.settings_cls):
            if (value := variables.get(setting.variable)) is not None:
                put(tree, setting.path, value)
        return tree


def config_file() -> Path:
    """The TOML file. One that was asked for must exist; ``engine.toml`` need not.

    Raises:
        SettingsError: ``ENGINE_CONFIG`` names a file that does not exist.
    """
    asked = os.environ.get("ENGINE_CONFIG")
    if asked and not Path(asked).is_file():
        raise SettingsError(f"ENGINE_CONFIG is {asked!r}: there is no such file")
    return Path(asked or "engine.toml")
