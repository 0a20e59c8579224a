"""The circuit breaker in virtual time."""

from __future__ import annotations

from engine.concurrency.breaker import CircuitBreaker


def opened(threshold: int = 2) -> CircuitBreaker:
    breaker = CircuitBreaker(threshold=threshold, pause_s=1, longest_pause_s=3)
    for _ in range(threshold):
        assert breaker.allow(0)
        breaker.failed(0)
    return breaker


def test_opens_after_failures_in_a_row_only() -> None:
    breaker = CircuitBreaker(threshold=2)
    breaker.failed(0)
    breaker.succeeded()
    breaker.failed(1)
    assert breaker.allow(1) and not breaker.open
    breaker.failed(2)
    assert not breaker.allow(2)


def test_one_probe_after_the_pause() -> None:
    breaker = opened()
    assert not breaker.allow(0.9) and breaker.retry_after_s(0.25) == 0.75
    assert breaker.allow(1.0)
    assert not breaker.allow(1.0), "a second call must wait for the probe"
    breaker.succeeded()
    assert breaker.allow(1.1) and breaker.allow(1.1)


def test_failed_probes_lengthen_the_pause_up_to_a_limit() -> None:
    breaker, now = opened(), 1.0
    for pause in (2, 3, 3):
        assert breaker.allow(now)
        breaker.failed(now)
        assert breaker.retry_after_s(now) == pause
        now += pause


def test_an_abandoned_probe_lets_the_next_one_go() -> None:
    breaker = opened()
    assert breaker.allow(1.0)
    breaker.abandoned()
    assert breaker.allow(1.0)
