"""``[tracing]``: OpenTelemetry traces of replies."""

from __future__ import annotations

from pydantic import Field

from engine.settings.groups import Group


class TracingSettings(Group):
    """``[tracing]``; see docs/operations.md."""

    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="OTLP over HTTP, e.g. http://localhost:4318; unset: no traces. Needs the extra otel.",
    )
    sample: float = Field(default=1.0, ge=0, le=1, description="Share of the replies that are traced.")
    service: str = Field(default="talking-tutor", min_length=1, description="Name of the service in traces.")
