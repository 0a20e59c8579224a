"""Signing and checking of session tokens: a JWT that opens one session for a while.

HS256 with the engine's secret; ``sub`` is the session, ``aud`` keeps tokens of other
services that share a secret out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import jwt

from engine.errors import Forbidden, Unauthorized

AUDIENCE = "talking-tutor-engine"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    session_id: str
    tutor_id: int
    student_id: int
    expires_at: int
    """Unix seconds."""


class TokenSigner:
    """Makes and checks tokens with one secret."""

    def __init__(self, secret: str, ttl_s: int) -> None:
        self._secret = secret
        self._ttl_s = ttl_s

    def sign(self, session_id: str, tutor_id: int, student_id: int) -> str:
        """A token that opens ``session_id`` for the configured time."""
        now = int(time.time())
        claims = {
            "sub": session_id,
            "tutor": tutor_id,
            "student": student_id,
            "iat": now,
            "exp": now + self._ttl_s,
            "aud": AUDIENCE,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def check(self, token: str, session_id: str) -> Claims:
        """The claims of a token that is good for ``session_id``.

        Raises:
            Unauthorized: missing, malformed, forged or expired.
            Forbidden: a good token of another session.
        """
        if not token:
            raise Unauthorized("a session token is needed: ?token=… or Authorization: Bearer …")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": ["sub", "exp", "iat", "aud", "tutor", "student"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the session token has expired") from None
        except (jwt.InvalidTokenError, ValueError):  # ValueError: characters no token has
            raise Unauthorized("the session token is not valid") from None
        if claims["sub"] != session_id:
            raise Forbidden("the session token is for another session")
        return Claims(claims["sub"], int(claims["tutor"]), int(claims["student"]), int(claims["exp"]))
