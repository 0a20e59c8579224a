"""The engine's management API, as far as a web tier needs it. Thread safe."""

from __future__ import annotations

import logging
from typing import Any

import httpx
from fastapi import HTTPException

from .settings import Settings
from .tracing import trace_headers

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5


class TutorEngine:
    """Calls the engine; what goes wrong becomes an answer for the student's page."""

    def __init__(self, settings: Settings) -> None:
        key = settings.engine_api_key.get_secret_value()
        self._http = httpx.Client(
            base_url=settings.engine_url,
            timeout=settings.engine_timeout_s,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def create_session(self, tutor_id: int, student_id: int) -> dict[str, Any]:
        """``session_id``, ``engine_url``, ``engine_token`` and ``status`` of a new session."""
        answer = self._call("POST", "/v1/sessions", {"tutor_id": tutor_id, "student_id": student_id})
        if answer.status_code != 200:
            raise _refused(answer)
        created: dict[str, Any] = answer.json()
        return created

    def find_session(self, session_id: str) -> dict[str, Any] | None:
        """What the engine knows of a session, or None when it has ended."""
        return self._find("GET", f"/v1/sessions/{session_id}")

    def renew_token(self, session_id: str) -> dict[str, Any] | None:
        """``engine_token`` and ``expires_at`` of a new token, or None when the session has ended."""
        return self._find("POST", f"/v1/sessions/{session_id}/token")

    def transcript(self, session_id: str) -> dict[str, Any] | None:
        """What was said in a session so far, or None when it has ended and is not kept there."""
        return self._find("GET", f"/v1/sessions/{session_id}/transcript")

    def delete_transcript(self, session_id: str) -> None:
        """Erase what was said in a session; one that is not kept is fine."""
        answer = self._call("DELETE", f"/v1/sessions/{session_id}/transcript")
        if answer.status_code not in (204, 404):
            raise _refused(answer)

    def delete_session(self, session_id: str) -> None:
        """End a session; one that has ended already is fine."""
        answer = self._call("DELETE", f"/v1/sessions/{session_id}")
        if answer.status_code not in (204, 404):
            raise _refused(answer)

    def picture(self, avatar_id: str) -> bytes:
        """A face as JPEG."""
        answer = self._call("GET", f"/v1/avatars/{avatar_id}/still.jpg")
        if answer.status_code != 200:
            raise _refused(answer)
        return answer.content

    def _find(self, method: str, path: str) -> dict[str, Any] | None:
        """The JSON that the engine answers with; None when it does not have what is asked for."""
        answer = self._call(method, path)
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise _refused(answer)
        found: dict[str, Any] = answer.json()
        return found

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body, headers=trace_headers.get())
        except httpx.TransportError as error:
            log.warning("the engine cannot be reached: %s", error)
            raise _unavailable("the tutors cannot be reached right now", RETRY_AFTER_S) from None


def _unavailable(message: str, retry_after: object) -> HTTPException:
    return HTTPException(503, message, headers={"Retry-After": str(retry_after)})


def _refused(answer: httpx.Response) -> HTTPException:
    log.warning("the engine answered %s: %s", answer.status_code, answer.text[:500])
    if answer.status_code in (429, 503):
        return _unavailable("all tutors are busy right now", answer.headers.get("Retry-After", RETRY_AFTER_S))
    # A wrong key or a wrong address is our fault, not the student's.
    return HTTPException(502, "the tutors cannot be used: the school's server is not set up right")
