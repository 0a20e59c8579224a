"""Structured logs.

No log line contains a token, or a word that a student or tutor said.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from engine.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Set up structlog and the standard library's logging; once, at start."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        stream=sys.stderr, level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )


def log_fault(log: Any, error: Exception, **where: object) -> None:
    """Log an unexpected exception with its traceback but without its message, which may contain what was said."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    log.error("unexpected_failure", **where, kind=type(error).__name__,
              exc_info=(type(error), None, error.__traceback__))  # fmt: skip
