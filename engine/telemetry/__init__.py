"""Structured logs, Prometheus metrics, OpenTelemetry traces and the timeline of a reply.

Nothing here contains a token, or a word that a student or tutor said.
"""

from engine.telemetry import tracing
from engine.telemetry.logs import configure_logging, log_fault
from engine.telemetry.metrics import Metrics
from engine.telemetry.timeline import Timeline

__all__ = ["Metrics", "Timeline", "configure_logging", "log_fault", "tracing"]
