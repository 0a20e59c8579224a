"""``[usage]``: where it is written down what sessions used, how long that is kept, and who is told."""

from __future__ import annotations

from pydantic import Field, SecretStr, model_validator

from engine.settings.groups import Folder, Group, check_signed


class UsageSettings(Group):
    """``[usage]``; see docs/operations.md."""

    dir: Folder | None = Field(
        default=None,
        description="What ended sessions used is written here; unset: kept in memory until the engine ends.",
    )
    keep_days: int = Field(
        default=400, ge=0, le=36_500, description="Files of usage are deleted after so many days; 0: never."
    )
    webhook_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="Is told what a session used when it ends."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs the webhook (HMAC-SHA256); needed with webhook_url."
    )

    @model_validator(mode="after")
    def _signed_webhook(self) -> UsageSettings:
        check_signed("usage", self.webhook_url, self.webhook_secret)
        return self
