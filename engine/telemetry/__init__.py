"""Structured logs, Prometheus metrics, OpenTelemetry traces and the timeline of a reply.

Nothing here contains a token, or a word that a student or tutor said. ``timeline`` is imported by its own name: it
needs numpy, which the door of a cluster does without.
"""

from engine.telemetry import tracing
from engine.telemetry.logs import configure_logging, log_fault
from engine.telemetry.metrics import Metrics

__all__ = ["Metrics", "configure_logging", "log_fault", "tracing"]
