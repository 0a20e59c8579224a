"""Settings of the web tier, from the environment and ``.env`` beside the ``app`` folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

FOLDER = Path(__file__).parent.parent


class Settings(BaseSettings):
    """Field ``engine_url`` is the variable ``ENGINE_URL``."""

    model_config = SettingsConfigDict(env_file=FOLDER / ".env", extra="ignore")

    engine_url: str = Field("http://localhost:9000", description="Management API of the engine.")
    engine_api_key: SecretStr = Field(SecretStr(""), description="Its key, when it has one.")
    engine_webhook_secret: SecretStr = Field(
        SecretStr(""), description="The engine's lessons.webhook_secret and safety.webhook_secret."
    )
    engine_timeout_s: float = Field(10, gt=0, description="Longest wait for one of its answers.")
    database_url: str = Field(f"sqlite:///{FOLDER / 'school.db'}", description="Any URL SQLAlchemy knows.")
    app_secret: SecretStr = Field(SecretStr(""), validate_default=True, description="Signs logins (HS256).")
    app_token_hours: float = Field(8, gt=0, le=24 * 30, description="Life of a login.")
    app_origins: str = Field("http://localhost:3000", description="Origins of pages that may call (comma separated).")
    app_demo_students: bool = Field(True, description="Seed two students and their teacher into an empty database.")
    app_lesson_days: float = Field(
        180, gt=0, le=3650, description="Lessons are deleted this many days after they began."
    )

    @field_validator("app_secret")
    @classmethod
    def _long_or_random(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            return SecretStr(secrets.token_urlsafe(32))
        if len(value.get_secret_value()) < 32:
            raise ValueError("APP_SECRET needs 32 characters or more")
        return value
