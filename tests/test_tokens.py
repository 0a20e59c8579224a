"""Session tokens: good ones pass, all others are refused."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from engine.errors import Forbidden, Unauthorized
from engine.settings import Settings
from engine.tokens import AUDIENCE, TokenSigner

SECRET = "s" * 32
SIGNER = TokenSigner(SECRET, 60)


def test_round_trip() -> None:
    claims = SIGNER.check(SIGNER.sign("abc", 13, 7), "abc")
    assert (claims.session_id, claims.tutor_id, claims.student_id) == ("abc", 13, 7)
    assert claims.expires_at - time.time() == pytest.approx(60, abs=20)


def forged(secret: str = SECRET, algorithm: str | None = "HS256", **changes: Any) -> str:
    claims: dict[str, object] = {
        "sub": "abc",
        "tutor": 1,
        "student": 1,
        "iat": 1,
        "exp": int(time.time()) + 60,
        "aud": AUDIENCE,
    }
    claims.update(changes)
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)


NOT_CLAIMS: list[Any] = [[], {}, "1", 1.5, True, -1, 2**60, float("inf"), float("nan"), [1]]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        forged(secret="t" * 32),
        forged(exp=int(time.time()) - 5),
        forged(aud="other"),
        forged(exp=None),
        forged(secret="", algorithm="none"),
        "x" * 5000,
        *(
            forged(**{name: value})
            for name in ("tutor", "student", "exp", "iat", "sub")
            for value in NOT_CLAIMS
            if (name, value) != ("sub", "1")
        ),
    ],
)
def test_bad_tokens_are_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        SIGNER.check(token, "abc")


def test_a_foreign_token_opens_nothing_else() -> None:
    with pytest.raises(Forbidden):
        SIGNER.check(SIGNER.sign("other", 1, 1), "abc")


def test_an_issued_token_tells_when_it_expires() -> None:
    token = SIGNER.issue("abc", 13, 7)
    assert SIGNER.check(token.text, "abc").expires_at == token.expires_at


def test_while_a_secret_is_replaced_tokens_of_both_are_good() -> None:
    old, new = "o" * 32, "n" * 32
    both = TokenSigner(new, 60, previous=old)
    assert both.check(TokenSigner(old, 60).sign("session", 1, 2), "session").tutor_id == 1
    assert TokenSigner(new, 60).check(both.sign("session", 1, 2), "session").tutor_id == 1
    with pytest.raises(Unauthorized):
        both.check(TokenSigner("x" * 32, 60).sign("session", 1, 2), "session")
    with pytest.raises(Unauthorized, match="expired"):
        both.check(TokenSigner(old, -10).sign("session", 1, 2), "session")


def test_engines_and_doors_take_both_secrets_from_their_settings() -> None:
    signer = TokenSigner.of(Settings(secret="n" * 32, previous_secret="o" * 32))
    assert signer.check(TokenSigner("o" * 32, 60).sign("session", 1, 2), "session").student_id == 2
    assert TokenSigner("n" * 32, 60).check(signer.sign("session", 1, 2), "session").student_id == 2
