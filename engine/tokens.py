"""Signing and checking of session tokens: a JWT that opens one session for a while.

HS256 with the engine's secret; ``sub`` is the session, ``aud`` keeps tokens of other
services that share a secret out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jwt

from engine.errors import Forbidden, Unauthorized
from engine.settings import Settings

AUDIENCE = "talking-tutor-engine"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    session_id: str
    tutor_id: int
    student_id: int
    expires_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A new token."""

    text: str
    expires_at: int
    """Unix seconds."""


MAX_CHARS = 4096
"""Longest token that is looked at; ours have some 300."""

MAX_ID = 2**53
"""Tutors and students are numbered below this, as in ``POST /v1/sessions``."""


class TokenSigner:
    """Makes tokens with one secret, and checks them with it or the one before.

    Args:
        secret: signs new tokens.
        ttl_s: their lifetime in seconds.
        previous: tokens signed with this secret are still good, until they expire.
    """

    def __init__(self, secret: str, ttl_s: int, previous: str | None = None) -> None:
        self._secret = secret
        self._accepted = [secret] if previous is None else [secret, previous]
        self._ttl_s = ttl_s

    @classmethod
    def of(cls, settings: Settings) -> TokenSigner:
        """The signer of an engine or a door with these settings."""
        previous = None if settings.previous_secret is None else settings.previous_secret.get_secret_value()
        return cls(settings.secret.get_secret_value(), settings.sessions.token_ttl_s, previous)

    def sign(self, session_id: str, tutor_id: int, student_id: int) -> str:
        """The text of a token that opens ``session_id`` for the configured time."""
        return self.issue(session_id, tutor_id, student_id).text

    def issue(self, session_id: str, tutor_id: int, student_id: int) -> SignedToken:
        """A token that opens ``session_id`` for the configured time, and when that is over."""
        now = int(time.time())
        claims = {
            "sub": session_id,
            "tutor": tutor_id,
            "student": student_id,
            "iat": now,
            "exp": now + self._ttl_s,
            "aud": AUDIENCE,
        }
        return SignedToken(jwt.encode(claims, self._secret, algorithm="HS256"), now + self._ttl_s)

    def check(self, token: str, session_id: str) -> Claims:
        """The claims of a token that is good for ``session_id``.

        Raises:
            Unauthorized: missing, malformed, forged or expired.
            Forbidden: a good token of another session.
        """
        if not token:
            raise Unauthorized("a session token is needed: ?token=… or Authorization: Bearer …")
        if len(token) > MAX_CHARS:
            raise Unauthorized("the session token is not valid")
        try:
            claims = self._decoded(token)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the session token has expired") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
            # Malformed in ways the library does not check: characters, types, infinite times, depth.
            raise Unauthorized("the session token is not valid") from None
        if not _well_formed(claims):
            raise Unauthorized("the session token is not valid")
        if claims["sub"] != session_id:
            raise Forbidden("the session token is for another session")
        return Claims(claims["sub"], claims["tutor"], claims["student"], claims["exp"])

    def _decoded(self, token: str) -> dict[str, Any]:
        """Raises what ``jwt.decode`` does, for the last secret."""
        for secret in self._accepted:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    secret,
                    algorithms=["HS256"],
                    audience=AUDIENCE,
                    options={"require": ["sub", "exp", "iat", "aud", "tutor", "student"]},
                )
                return claims
            except jwt.InvalidSignatureError:
                if secret is self._accepted[-1]:
                    raise
        raise jwt.InvalidTokenError


def _well_formed(claims: dict[str, Any]) -> bool:
    """Whether each claim has the type and range ``issue`` gives it: others share the secret, perhaps."""
    whole = [claims[name] for name in ("tutor", "student", "iat", "exp")]
    return isinstance(claims["sub"], str) and all(type(each) is int and 0 <= each < MAX_ID for each in whole)
