"""The command ``run_engine.py``: reads the settings and serves in the role that they name."""

from __future__ import annotations

import asyncio
import os
import sys

import structlog

from engine.errors import EngineError, SettingsError
from engine.settings import Settings, former_names, load_settings, unknown_variables
from engine.telemetry import configure_logging

log = structlog.get_logger(__name__)


async def _serve(settings: Settings) -> None:
    """Each role is imported when it is needed: a door has no use for the models' libraries, nor an engine for NATS."""
    if settings.role == "door":
        try:
            from engine.door import serve as door
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"role is door, and {error.name} is not installed: pip install -r requirements/lock-cluster.txt"
            ) from None
        await door.serve(settings)
    else:
        from engine import app

        await app.serve(settings)


def main() -> int:
    """Load the settings and serve. Exit status 2 for a wrong setting, 1 for a failed start."""
    try:
        settings = load_settings()
        former = former_names(sys.argv[1:], os.environ)
    except EngineError as error:
        print(f"run_engine.py: {error.message}", file=sys.stderr)
        return 2
    configure_logging(settings)
    os.umask(0o077)  # tutors, avatars and knowledge are nobody else's
    for name, now in former.items():
        log.warning("setting_renamed", former=name, now=now)
    for name, meant in unknown_variables(os.environ).items():
        log.warning("setting_unknown", variable=name, did_you_mean=meant)
    try:
        asyncio.run(_serve(settings))
    except EngineError as error:
        print(f"run_engine.py: {error.message}", file=sys.stderr)
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        log.warning("ended_at_once")
    return 0
