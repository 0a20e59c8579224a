"""The engine's webhooks: lessons and safety events, signed, possibly more than once."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .records import Incident, Transcript, forget_old, store_incident, store_transcript
from .settings import Settings

TOLERANCE_S = 300
"""A signature that is older, or from further in the future, is refused: it may be a replay."""

PATH = "/api/engine/webhook"

router = APIRouter(tags=["engine"])


@router.post(PATH)
async def receive(request: Request) -> dict[str, bool]:
    """``lesson_progress``, ``lesson_ended`` or ``safety``; ``stored`` is false for what does not concern this school.

    Any answer below 300 tells the engine not to send it again, so what is unknown is accepted too.
    """
    settings: Settings = request.app.state.settings
    secret = settings.engine_webhook_secret.get_secret_value()
    if not secret:
        raise HTTPException(404, "no webhook is expected: ENGINE_WEBHOOK_SECRET is not set")
    body = await request.body()
    if not signed(secret, request.headers.get("X-Tutor-Signature", ""), body, time.time()):
        raise HTTPException(401, "the signature is wrong, or too old")
    return {"stored": await run_in_threadpool(_store, request.app.state.database, settings, body)}


def signed(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether ``header`` is the engine's signature of ``body``, made around ``now`` (Unix seconds)."""
    match = re.fullmatch(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", header)
    if match is None or abs(now - int(match[1])) > TOLERANCE_S:
        return False
    expected = hmac.new(secret.encode(), match[1].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, match[2])


def _store(database: Any, settings: Settings, body: bytes) -> bool:
    try:
        told = json.loads(body)
        event = told.get("event") if isinstance(told, dict) else None
        if event in ("lesson_progress", "lesson_ended"):
            what: Transcript | Incident = Transcript.model_validate(told)
        elif event == "safety":
            what = Incident.model_validate(told)
        else:
            return False
    except (ValueError, RecursionError, ValidationError):
        raise HTTPException(422, "the delivery is not understood") from None
    with Session(database) as db:
        try:
            stored = store_incident(db, what) if isinstance(what, Incident) else store_transcript(db, what)
        except IntegrityError:
            raise HTTPException(503, "the same is being stored", headers={"Retry-After": "1"}) from None
        forget_old(db, settings.app_lesson_days)
    return stored
