"""Every setting, once: command line, ``ENGINE_*`` environment, TOML file, default — in that order.

``Settings()`` raises ``pydantic.ValidationError``; ``load_settings`` turns that into a
``SettingsError`` that names the setting, its value and what is allowed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import sys
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.errors import SettingsError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """All settings of the engine. A field ``llm_model`` is ``ENGINE_LLM_MODEL`` and ``--llm-model``."""

    model_config = SettingsConfigDict(env_prefix="ENGINE_", extra="forbid", validate_default=True)

    # --- the server
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(9000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="URL clients reach the engine at, e.g. https://gpu1.example.org.")
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        [], description="Addresses whose X-Forwarded-* headers are believed (comma separated)."
    )
    api_key: SecretStr | None = Field(None, description="Bearer key of the management API; unset: loopback only.")
    allow_anonymous: bool = Field(False, description="Listen beyond loopback without an API key.")
    secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
        description="Signs session tokens (HS256, 32 bytes or more); random per start when unset.",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        ["*"], description="Origins browsers may call from (comma separated; * is any)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal.")

    # --- sessions
    token_ttl_s: int = Field(3600, ge=10, le=86400, description="Life of an engine token, seconds.")
    session_idle_s: float = Field(900, ge=1, le=86400, description="A session with no activity for this long ends.")
    max_sessions: int = Field(64, ge=1, le=10000, description="Live sessions at once; one more gets 503.")
    admission: Literal["measured", "fixed"] = Field(
        "measured",
        description="measured: 503 also when the renderer could not draw one more; fixed: max_sessions only.",
    )
    drain_s: float = Field(20, ge=0, le=600, description="How long running turns may finish after SIGTERM.")
    max_message_bytes: int = Field(32_000_000, ge=10_000, le=512_000_000, description="Largest WebSocket message.")
    max_text_chars: int = Field(4000, ge=1, le=100_000, description="Longest text message.")
    max_audio_s: float = Field(120, ge=1, le=3600, description="Longest recording in one message, seconds.")
    max_decode_s: float = Field(20, gt=0, le=600, description="Longest time spent decoding one recording, seconds.")
    slow_client_s: float = Field(20, gt=0, le=600, description="A client that takes nothing for this long is closed.")

    # --- models
    models_dir: Path | None = Field(None, description="Folder with your own models (tried before the embedded ones).")
    cache_dir: Path = Field(
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "talking-tutor",
        description="Prepared models are kept here.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where torch and ASR run.")

    # --- listening
    asr_model: str = Field("whisper-base", description="whisper-base, whisper-tiny.en, a folder or a hub name.")
    asr_language: str | None = Field(None, description="ISO 639-1 code; unset detects it per utterance.")
    asr_threads: int = Field(1, ge=1, le=32, description="Threads of one recognition; more than 1 rarely helps.")
    asr_workers: int = Field(1, ge=1, le=16, description="Recognitions at once.")

    # --- turn taking
    turn_model: Literal["smart-turn", "none"] = Field("smart-turn", description="Judges by sound if a turn is over.")
    vad_start: float = Field(0.5, gt=0, lt=1, description="P(speech) at which speech begins.")
    vad_stop: float = Field(0.35, gt=0, lt=1, description="P(speech) below which there is silence; under vad_start.")
    vad_min_speech_ms: float = Field(64, ge=0, le=1000, description="Shorter sounds are clicks.")
    vad_hangover_ms: float = Field(200, ge=32, le=2000, description="Silence after which speech has stopped.")
    preroll_ms: float = Field(300, ge=0, le=2000, description="Sound kept from before speech was noticed.")
    partial_every_ms: float = Field(450, ge=100, le=5000, description="New speech between partial transcripts.")
    turn_preview_ms: float = Field(64, ge=0, le=2000, description="Silence at which the final decode starts.")
    turn_floor_ms: float = Field(250, ge=0, le=5000, description="Shortest silence that ends a turn.")
    turn_ceiling_ms: float = Field(2500, ge=200, le=20_000, description="Longest silence within a turn.")
    turn_question_max_ms: float = Field(400, ge=0, le=10_000, description="Longest wait after a whole question.")
    turn_request_min_ms: float = Field(600, ge=0, le=10_000, description="Shortest wait after a whole request.")
    turn_request_max_ms: float = Field(900, ge=0, le=10_000, description="Longest wait after a whole request.")
    turn_complete_min_ms: float = Field(1100, ge=0, le=10_000, description="Shortest wait after a whole statement.")
    turn_complete_max_ms: float = Field(1200, ge=0, le=10_000, description="Longest wait after a whole statement.")
    turn_open_max_ms: float = Field(1500, ge=0, le=10_000, description="Longest wait when words tell nothing.")
    turn_late_ms: float = Field(800, ge=0, le=10_000, description="How long a silence waits for its last words.")
    turn_max_s: float = Field(120, ge=5, le=3600, description="Longest turn of a student, seconds.")
    speculations: int = Field(4, ge=0, le=20, description="Replies begun ahead in one turn at most; 0 begins none.")
    barge_in: bool = Field(True, description="The student may interrupt the tutor by voice.")
    barge_in_min_speech_ms: float = Field(200, ge=0, le=5000, description="Speech that interrupts, beside a word.")
    barge_in_wordless_ms: float = Field(1000, ge=100, le=10_000, description="Speech that needs no word to interrupt.")
    barge_in_noise_ms: float = Field(350, ge=50, le=5000, description="Silence after which doubtful words were noise.")
    barge_in_guard_ms: float = Field(500, ge=0, le=5000, description="Tutor's first moments, with doubled caution.")
    barge_in_echo_share: float = Field(0.7, gt=0, le=1, description="Share of the tutor's own words that is an echo.")

    # --- thinking
    llm_base_url: str | None = Field(
        None, description="OpenAI-compatible endpoint, e.g. http://localhost:11434/v1; unset starts the embedded model."
    )
    llm_api_key: SecretStr | None = Field(None, description="Key for llm_base_url.")
    llm_model: str = Field("smollm2-135m", description="Model at the endpoint; or what to embed: a name or GGUF file.")
    llm_context: int = Field(2048, ge=256, le=1_000_000, description="Context window in tokens.")
    llm_max_tokens: int = Field(160, ge=8, le=8192, description="Longest reply in tokens.")
    llm_temperature: float = Field(0.3, ge=0, le=2, description="Sampling temperature.")
    llm_threads: int = Field(
        0, ge=0, le=64, description="Threads of the embedded model; 0: all cores for prompts, one less for answers."
    )
    llm_slots: int = Field(2, ge=1, le=64, description="Replies the embedded model makes at once.")
    llm_connect_timeout_s: float = Field(5, gt=0, le=120, description="Time to reach the endpoint.")
    llm_first_token_timeout_s: float = Field(20, gt=0, le=600, description="Time to the first token.")
    llm_token_timeout_s: float = Field(10, gt=0, le=600, description="Longest gap between tokens.")

    # --- speaking
    voice: str = Field("piper:en_US-joe-medium", description="Default voice.")
    tts_threads: int = Field(1, ge=1, le=32, description="Threads of one synthesis.")
    tts_workers: int = Field(2, ge=1, le=16, description="Syntheses at once.")
    speech_base_url: str | None = Field(None, description="OpenAI-compatible speech endpoint for speech:* voices.")
    speech_api_key: SecretStr | None = Field(None, description="Key for speech_base_url.")
    speech_model: str = Field("tts-1", description="Model name at the speech endpoint.")
    speech_voices: Annotated[list[str], NoDecode] = Field(
        [], description="Its voices, NAME or NAME=LANGUAGE (comma separated); without a language it speaks any."
    )
    speech_format: Literal["pcm", "wav", "mp3"] = Field("pcm", description="Sound asked of the speech endpoint.")
    speech_connect_timeout_s: float = Field(3, gt=0, le=120, description="Time to reach the speech endpoint.")
    speech_first_sound_timeout_s: float = Field(8, gt=0, le=600, description="Time to its first sound.")
    speech_gap_timeout_s: float = Field(5, gt=0, le=600, description="Longest gap in its sound.")

    # --- the face
    renderer: Literal["puppet", "musetalk"] = Field("puppet", description="What draws the face.")
    musetalk_decoder: Literal["vae", "taesd"] = Field(
        "vae", description="What makes MuseTalk's pictures of latents; taesd is a sixth of the whole cost and softer."
    )
    musetalk_graphs: bool = Field(True, description="Run MuseTalk as CUDA graphs; off compares or avoids a driver.")
    avatars_dir: Path | None = Field(None, description="Your own avatars, beside the built-in ones.")
    avatar_upload_bytes: int = Field(
        12_000_000, ge=10_000, le=256_000_000, description="Largest portrait or video sent to POST /v1/avatars."
    )
    avatar: str = Field("avatar_tutor_13", description="Avatar when neither client nor tutor names one.")
    video_size: int = Field(512, ge=128, le=1024, multiple_of=16, description="Edge of the picture in pixels.")
    video_bitrate: int = Field(800_000, ge=50_000, le=20_000_000, description="H.264 bits per second.")
    audio_bitrate: int = Field(64_000, ge=16_000, le=256_000, description="AAC bits per second.")
    encode_workers: int = Field(2, ge=1, le=64, description="Threads that encode pictures.")
    stream_ahead_s: float = Field(3.0, ge=0.2, le=60, description="How far a streamed reply may run ahead of playback.")

    # --- WebRTC
    ice_servers: Annotated[list[str], NoDecode] = Field(
        [], description="stun: and turn: URLs for peers (comma separated), e.g. stun:stun.example.org:3478."
    )
    ice_turn_secret: SecretStr | None = Field(
        None, description="Shared secret of the TURN server (coturn use-auth-secret); peers get short-lived passwords."
    )
    ice_turn_ttl_s: int = Field(3600, ge=60, le=86400, description="Life of a TURN password, seconds.")
    webrtc_ports: str | None = Field(None, description="UDP ports of peers, e.g. 40000-40100; unset takes any.")
    webrtc_public_address: str | None = Field(
        None, description="Address peers reach this machine at, when it is behind one-to-one NAT."
    )
    webrtc_codec: Literal["h264", "vp8"] = Field("h264", description="Picture codec preferred; the other is the spare.")
    webrtc_voice_bitrate: int = Field(40_000, ge=8_000, le=256_000, description="Opus bits per second.")
    webrtc_idle_fps: Literal[5, 10, 12, 25] = Field(12, description="Most pictures a second while the tutor is silent.")

    # --- tutors
    tutors_dir: Path | None = Field(None, description="TOML profiles of your own tutors, beside the built-in ones.")

    # --- knowledge bases
    knowledge_dir: Path = Field(
        Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "talking-tutor" / "knowledge",
        description="Knowledge bases are kept here, a file each.",
    )
    knowledge_embeddings: str = Field("minilm-l6-v2", description="Embedding model: catalog name or folder (a BERT).")
    knowledge_found: int = Field(2, ge=1, le=20, description="Most passages given to the language model.")
    knowledge_tokens: int = Field(260, ge=50, le=100_000, description="Most tokens of passages in a prompt.")
    knowledge_document_bytes: int = Field(32_000_000, ge=1000, le=1_000_000_000, description="Largest document.")
    knowledge_documents: int = Field(2000, ge=1, le=1_000_000, description="Most documents of a knowledge base.")
    knowledge_passages: int = Field(100_000, ge=1, le=10_000_000, description="Most passages of a knowledge base.")

    @field_validator("trusted_proxies", "allowed_origins", "ice_servers", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("cache_dir", "models_dir", "avatars_dir", "tutors_dir", "knowledge_dir")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value is not None else None

    @field_validator("models_dir")
    @classmethod
    def _existing_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("there is no such folder")
        return value

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) < 32:
            raise ValueError("at least 32 bytes")
        return value

    @field_validator("ice_servers")
    @classmethod
    def _known_ice_schemes(cls, value: list[str]) -> list[str]:
        for url in value:
            if re.fullmatch(r"(stun|stuns|turn|turns):[^\s?]+(\?transport=(udp|tcp))?", url) is None:
                raise ValueError("URLs like stun:host:3478 or turn:host:3478?transport=udp")
        return value

    @field_validator("webrtc_ports")
    @classmethod
    def _two_ports(cls, value: str | None) -> str | None:
        if value is not None:
            first, _, last = value.partition("-")
            if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
                raise ValueError("two ports from 1024 to 65535, for example 40000-40100")
        return value

    @field_validator("webrtc_public_address")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        return value if value is None else str(ipaddress.ip_address(value))

    @model_validator(mode="after")
    def _order_of_thresholds(self) -> Settings:
        if self.vad_stop > self.vad_start:
            raise ValueError(f"vad_stop ({self.vad_stop}) is above vad_start ({self.vad_start})")
        if self.turn_floor_ms > self.turn_ceiling_ms:
            raise ValueError(f"turn_floor_ms ({self.turn_floor_ms}) is above turn_ceiling_ms ({self.turn_ceiling_ms})")
        return self

    @model_validator(mode="after")
    def _refuse_open_doors(self) -> Settings:
        if self.host not in LOOPBACK and self.api_key is None and not self.allow_anonymous:
            raise ValueError(
                f"host {self.host} is reachable from outside: set api_key, or allow_anonymous=1 if that is meant"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file())


def _config_file() -> Path:
    """The TOML file. One that was asked for must be there; ``engine.toml`` need not."""
    asked = os.environ.get("ENGINE_CONFIG")
    if asked and not Path(asked).is_file():
        raise SettingsError(f"ENGINE_CONFIG is {asked!r}: there is no such file")
    return Path(asked or "engine.toml")


def load_settings(argv: list[str] | None = None) -> Settings:
    """Settings from the command line ``argv``, the environment and the TOML file.

    ``--help`` prints every setting and exits.

    Raises:
        SettingsError: one line a wrong setting: its name, its value, what is allowed.
    """
    args = sys.argv[1:] if argv is None else argv
    cli: CliSettingsSource[Any] = CliSettingsSource(
        Settings,
        cli_parse_args=args,
        cli_prog_name="run_engine.py",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )
    try:
        return Settings(_cli_settings_source=cli)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item) for item in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{_config_file()} is not TOML: {error}") from None


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Names in ``environ`` that begin like settings and are none, each with the setting that may be meant.

    They are no error: an orchestrator may set such names for reasons of its own.
    """
    names = {f"ENGINE_{name.upper()}" for name in Settings.model_fields} | {"ENGINE_CONFIG"}
    strange = sorted(name for name in environ if name.startswith("ENGINE_") and name not in names)
    return {name: next(iter(get_close_matches(name, names, n=1, cutoff=0.8)), None) for name in strange}


def _explain(item: Any) -> str:
    allowed = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not item["loc"]:  # several settings together; the message names them
        return str(allowed)
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{name}: there is no such setting; run_engine.py --help lists all"
    shown = "(hidden)" if any(word in name for word in ("secret", "key")) else repr(item.get("input"))
    return f"{name} is {shown}: {allowed} (ENGINE_{name.upper()} or --{name.replace('_', '-')})"
