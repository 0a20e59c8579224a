"""The other groups of settings, one class each."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)


def _split_commas(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Names = Annotated[list[str], BeforeValidator(_split_commas)]
"""A list; on the command line and in the environment separated by commas."""

Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class Group(BaseModel):
    """A group: read-only, and it refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


def check_signed(section: str, url: str | None, secret: SecretStr | None) -> None:
    """Raises ValueError for a webhook of ``[section]`` that would go out unsigned."""
    if url is not None and secret is None:
        raise ValueError(
            f"{section}.webhook_url is set: set {section}.webhook_secret too, which signs what is sent there"
        )


class SessionSettings(Group):
    """``[sessions]``"""

    max: int = Field(default=64, ge=1, le=10000, description="Live sessions at once; one more gets 503.")
    admission: Literal["measured", "fixed"] = Field(
        default="measured",
        description="measured: 503 also when the renderer has no time for one more; fixed: sessions.max only.",
    )
    idle_s: float = Field(
        default=900, ge=1, le=86400, description="A session without activity ends after this, seconds."
    )
    detached_s: float = Field(
        default=60, ge=1, le=86400, description="A session whose student is disconnected ends after this, seconds."
    )
    token_ttl_s: int = Field(
        default=14_400,
        ge=10,
        le=86400,
        description="Lifetime of a session token, seconds; connections end with it unless it is renewed.",
    )
    drain_s: float = Field(
        default=20, ge=0, le=600, description="Time running replies get to finish after SIGTERM, seconds."
    )
    slow_client_s: float = Field(
        default=20, gt=0, le=600, description="A client that accepts no data for this long is disconnected, seconds."
    )


class LimitSettings(Group):
    """``[limits]``"""

    message_bytes: int = Field(default=16_000_000, ge=10_000, le=512_000_000, description="Largest WebSocket message.")
    text_chars: int = Field(default=4000, ge=1, le=100_000, description="Longest text message, characters.")
    audio_s: float = Field(default=120, ge=1, le=3600, description="Longest recording in one message, seconds.")
    decode_s: float = Field(
        default=20, gt=0, le=600, description="Longest time spent on decoding one recording, seconds."
    )
    avatar_upload_bytes: int = Field(
        default=12_000_000, ge=10_000, le=256_000_000, description="Largest portrait or video sent to POST /v1/avatars."
    )


class SafetySettings(Group):
    """``[safety]``: help lines, and who is told when something is held back. A profile says how strict its tutor is."""

    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country of the school (ISO 3166-1: GB); unset names the help lines of the language's countries.",
    )
    help_lines: Names = Field(
        default=["US=988", "GB=Childline 0800 1111", "CN=12356"],
        description="Help lines for children by country, COUNTRY=WORDS (comma separated).",
    )
    webhook_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="Is told of everything that is held back; docs/safety.md."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs the webhook (HMAC-SHA256); needed with webhook_url."
    )
    webhook_words: bool = Field(default=False, description="Send the student's words to the webhook too.")
    moderation_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="OpenAI-compatible endpoint that judges questions too, e.g. https://api.openai.com/v1.",
    )
    moderation_key: SecretStr | None = Field(default=None, description="Key for the endpoint.")
    moderation_model: str = Field(default="omni-moderation-latest", description="Model name at the endpoint.")
    moderation_timeout_s: float = Field(
        default=1.0, gt=0, le=30, description="Longest wait for the endpoint, seconds; then the engine's guard decides."
    )

    @field_validator("help_lines")
    @classmethod
    def _lines_by_country(cls, value: list[str]) -> list[str]:
        for line in value:
            if re.fullmatch(r"[A-Z]{2}=[^{}]{1,60}", line) is None:
                raise ValueError("COUNTRY=WORDS, for example GB=Childline 0800 1111, separated by commas")
        return value

    @field_validator("moderation_url")
    @classmethod
    def _no_slash(cls, value: str | None) -> str | None:
        return value if value is None else value.rstrip("/")

    @model_validator(mode="after")
    def _signed_webhook(self) -> SafetySettings:
        check_signed("safety", self.webhook_url, self.webhook_secret)
        return self


class AsrSettings(Group):
    """``[asr]``"""

    model: str = Field(default="whisper-base", description="whisper-base, whisper-tiny.en, a folder or a hub name.")
    language: str | None = Field(
        default=None,
        description="Languages the student may speak: codes such as en,zh with * at the end for any other; "
        "unset: the tutor's.",
    )
    threads: int = Field(default=1, ge=1, le=32, description="Threads of one recognition; more than 1 rarely helps.")
    workers: int = Field(default=1, ge=1, le=16, description="Recognitions at once.")

    @field_validator("language")
    @classmethod
    def _language_codes(cls, value: str | None) -> str | None:
        """The codes in lower case, without spaces; whether the model knows them is checked when it is loaded."""
        codes = [code.strip().lower() for code in value.split(",")] if value else []
        if not codes:
            return None
        known = codes[:-1] if codes[-1] == "*" else codes
        if not known or not all(re.fullmatch("[a-z]{2,3}", code) for code in known):
            raise ValueError("language codes of two or three letters, separated by commas; * may only be the last")
        return ",".join(dict.fromkeys(codes))


class LlmSettings(Group):
    """``[llm]``"""

    base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible endpoint, e.g. http://localhost:11434/v1; unset starts the embedded model.",
    )
    api_key: SecretStr | None = Field(default=None, description="Key for the endpoint.")
    model: str = Field(
        default="smollm2-135m", description="Model at the endpoint; without one, a catalog name or a GGUF file."
    )
    context: int = Field(default=2048, ge=256, le=1_000_000, description="Context window in tokens.")
    max_tokens: int = Field(default=160, ge=8, le=8192, description="Longest reply in tokens.")
    temperature: float = Field(default=0.3, ge=0, le=2, description="Sampling temperature.")
    threads: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Threads of the embedded model; 0: all cores for prompts, one less for answers.",
    )
    slots: int = Field(
        default=8, ge=1, le=64, description="Dialogues the embedded model keeps in memory and answers at once."
    )
    connect_timeout_s: float = Field(default=5, gt=0, le=120, description="Time to reach the endpoint, seconds.")
    first_token_timeout_s: float = Field(default=20, gt=0, le=600, description="Time to the first token, seconds.")
    token_timeout_s: float = Field(default=10, gt=0, le=600, description="Longest gap between tokens, seconds.")
    thinking: Literal["off", "on"] = Field(
        default="off", description="off asks a model that thinks before it answers not to; on allows it."
    )
    thinking_timeout_s: float = Field(
        default=60, gt=0, le=600, description="Time to the first word of a model that thinks, seconds."
    )


class TtsSettings(Group):
    """``[tts]``"""

    threads: int = Field(default=1, ge=1, le=32, description="Threads of one synthesis.")
    workers: int = Field(default=2, ge=1, le=16, description="Syntheses at once.")


class SpeechSettings(Group):
    """``[speech]``: an OpenAI-compatible speech endpoint."""

    base_url: str | None = Field(default=None, description="OpenAI-compatible speech endpoint for speech:* voices.")
    api_key: SecretStr | None = Field(default=None, description="Key for the endpoint.")
    model: str = Field(default="tts-1", description="Model name at the endpoint.")
    voices: Names = Field(
        default=[], description="Its voices, NAME or NAME=LANGUAGE (comma separated); without a language it speaks any."
    )
    format: Literal["pcm", "wav", "mp3"] = Field(default="pcm", description="Audio format asked of the endpoint.")
    connect_timeout_s: float = Field(default=3, gt=0, le=120, description="Time to reach the endpoint, seconds.")
    first_sound_timeout_s: float = Field(default=8, gt=0, le=600, description="Time to its first audio, seconds.")
    gap_timeout_s: float = Field(default=5, gt=0, le=600, description="Longest gap in its audio, seconds.")


class MusetalkSettings(Group):
    """``[musetalk]``"""

    decoder: Literal["vae", "taesd"] = Field(
        default="vae",
        description="Decodes latents to pictures; taesd needs about a quarter of the computation and is softer.",
    )
    graphs: bool = Field(
        default=True, description="Run MuseTalk as CUDA graphs; off to compare, or around a driver fault."
    )


class VideoSettings(Group):
    """``[video]``: the picture, and how replies are encoded for WebSocket clients."""

    size: int = Field(default=512, ge=128, le=1024, multiple_of=16, description="Edge of the picture in pixels.")
    large_size: int | None = Field(
        default=None,
        ge=128,
        le=1024,
        multiple_of=16,
        description="Edge for clients that ask for larger pictures; unset: 768 where there are four cores, else none.",
    )
    bitrate: int = Field(
        default=800_000, ge=50_000, le=20_000_000, description="H.264 bits per second; more for larger pictures."
    )
    audio_bitrate: int = Field(default=64_000, ge=16_000, le=256_000, description="AAC bits per second.")
    encode_workers: int = Field(default=2, ge=1, le=64, description="Threads that encode pictures.")
    stream_ahead_s: float = Field(
        default=3.0, ge=0.2, le=60, description="How far a streamed reply may run ahead of playback, seconds."
    )


class WebrtcSettings(Group):
    """``[webrtc]``"""

    ice_servers: Names = Field(
        default=[], description="stun: and turn: URLs for peers (comma separated), e.g. stun:stun.example.org:3478."
    )
    turn_secret: SecretStr | None = Field(
        default=None,
        description="Shared secret of the TURN server (coturn use-auth-secret); peers get short-lived passwords.",
    )
    turn_ttl_s: int = Field(default=3600, ge=60, le=86400, description="Lifetime of a TURN password, seconds.")
    ports: str | None = Field(default=None, description="UDP ports of peers, e.g. 40000-40100; unset takes any.")
    public_address: str | None = Field(
        default=None, description="Address peers reach this machine at, when it is behind one-to-one NAT."
    )
    codec: Literal["h264", "vp8"] = Field(
        default="h264", description="Preferred video codec; the other is the fallback."
    )
    voice_bitrate: int = Field(default=40_000, ge=8_000, le=256_000, description="Opus bits per second.")
    idle_fps: Annotated[Literal[5, 10, 12, 25], BeforeValidator(_number)] = Field(
        default=12, description="Pictures a second, at most, while the tutor is silent."
    )

    @field_validator("ice_servers")
    @classmethod
    def _known_ice_schemes(cls, value: list[str]) -> list[str]:
        for url in value:
            if re.fullmatch(r"(stun|stuns|turn|turns):[^\s?]+(\?transport=(udp|tcp))?", url) is None:
                raise ValueError("URLs like stun:host:3478 or turn:host:3478?transport=udp")
        return value

    @field_validator("ports")
    @classmethod
    def _two_ports(cls, value: str | None) -> str | None:
        if value is not None:
            first, _, last = value.partition("-")
            if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
                raise ValueError("two ports from 1024 to 65535, for example 40000-40100")
        return value

    @field_validator("public_address")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        return value if value is None else str(ipaddress.ip_address(value))


class KnowledgeSettings(Group):
    """``[knowledge]``"""

    dir: Folder = Field(
        default=Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "talking-tutor" / "knowledge",
        description="Knowledge bases are kept here, one file each.",
    )
    embeddings: str = Field(default="minilm-l6-v2", description="Embedding model: catalog name or folder (a BERT).")
    starter: bool = Field(
        default=True, description="Have the starter course, from which the built-in tutors answer common questions."
    )
    found: int = Field(default=2, ge=1, le=20, description="Passages given to the language model, at most.")
    tokens: int = Field(default=260, ge=50, le=100_000, description="Tokens of passages in a prompt, at most.")
    document_bytes: int = Field(default=32_000_000, ge=1000, le=1_000_000_000, description="Largest document.")
    documents: int = Field(default=2000, ge=1, le=1_000_000, description="Documents of a knowledge base, at most.")
    passages: int = Field(default=100_000, ge=1, le=10_000_000, description="Passages of a knowledge base, at most.")
