"""``[lessons]``: what is recorded of a lesson, how long it is kept, and who is told of it."""

from __future__ import annotations

from pydantic import Field, SecretStr, model_validator

from engine.settings.groups import Group, check_signed


class LessonSettings(Group):
    """``[lessons]``; see docs/lessons.md."""

    record: bool = Field(
        default=True, description="Record what is said, for GET /v1/sessions/{id}/transcript and the webhook."
    )
    keep_s: float = Field(
        default=0,
        ge=0,
        le=30 * 86_400,
        description="How long a transcript is kept in memory after its session ended, seconds; 0: not at all.",
    )
    held_back_words: bool = Field(
        default=False, description="Keep in the transcript what the student said when the guard held it back."
    )
    webhook_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="Gets each lesson when its session ends; docs/lessons.md."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs the webhook (HMAC-SHA256); needed with webhook_url."
    )
    webhook_transcript: bool = Field(
        default=True, description="Send the webhook what was said too, not only times, usage and safety categories."
    )
    webhook_every_s: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="Send running lessons that changed to the webhook too, this often in seconds; 0: only at the end.",
    )

    @model_validator(mode="after")
    def _signed_webhook(self) -> LessonSettings:
        check_signed("lessons", self.webhook_url, self.webhook_secret)
        return self
