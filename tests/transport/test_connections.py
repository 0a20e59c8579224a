"""Connections: how many there may be, and which give way."""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

import pytest
import structlog

from engine.transport.connections import Connections, connection_limit, raise_file_limit
from engine.transport.port import calm_accept_errors


class Line:
    """A connection that is idle or not."""

    def __init__(self, *, idle: bool) -> None:
        self.idle = idle
        self.was_cut = False

    def cut(self) -> None:
        self.was_cut = True


async def test_the_oldest_idle_connection_of_an_address_gives_way_to_a_new_one() -> None:
    connections = Connections(100, per_address=3)
    busy, first, second, new = Line(idle=False), Line(idle=True), Line(idle=True), Line(idle=True)
    for each in (busy, first, second):
        assert connections.admit(each, "10.0.0.1")
    other = Line(idle=True)
    assert connections.admit(other, "10.0.0.2") and not other.was_cut
    assert connections.admit(new, "10.0.0.1")
    assert [busy.was_cut, first.was_cut, second.was_cut] == [False, True, False]
    connections.forget(first, "10.0.0.1")
    assert len(connections) == 4


async def test_connections_with_requests_never_give_way() -> None:
    connections = Connections(100, per_address=2)
    busy = [Line(idle=False), Line(idle=False)]
    assert all(connections.admit(each, "10.0.0.1") for each in busy)
    assert not connections.admit(Line(idle=True), "10.0.0.1")
    connections.forget(busy[0], "10.0.0.1")
    assert connections.admit(Line(idle=True), "10.0.0.1") and len(connections) == 2


async def test_when_all_places_are_taken_the_address_with_the_most_gives_way() -> None:
    connections = Connections(5, per_address=100)
    crowd = [Line(idle=True) for _ in range(4)]
    for each in crowd:
        assert connections.admit(each, "10.0.0.1")
    assert connections.admit(Line(idle=True), "10.0.0.2")
    assert connections.admit(Line(idle=True), "10.0.0.3")
    assert [each.was_cut for each in crowd] == [True, False, False, False] and len(connections) == 5


async def test_a_full_house_of_busy_connections_refuses_and_keeps_no_books_on_who_was_refused() -> None:
    connections = Connections(1, per_address=1)
    assert connections.admit(Line(idle=False), "10.0.0.1")
    for number in range(100):
        assert not connections.admit(Line(idle=True), f"10.0.1.{number}")
    assert len(connections._by_address) == 1


async def test_a_proxy_may_have_any_number_and_a_network_of_ipv6_counts_as_one() -> None:
    connections = Connections(100, per_address=1, exempt=frozenset({"10.0.0.9"}))
    for _ in range(20):
        assert connections.admit(Line(idle=False), "10.0.0.9")
    assert connections.admit(Line(idle=False), "2001:db8::1")
    assert not connections.admit(Line(idle=False), "2001:db8::2")
    assert connections.admit(Line(idle=False), "2001:db8:0:1::1")


async def test_refusals_are_logged_once_in_a_while() -> None:
    connections = Connections(100, per_address=1)
    connections.admit(Line(idle=False), "10.0.0.1")
    with structlog.testing.capture_logs() as lines:
        for _ in range(1000):
            connections.admit(Line(idle=True), "10.0.0.1")
    assert len(lines) == 1


def test_the_file_limit_is_raised_as_far_as_it_goes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        limit = raise_file_limit()
        assert limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(65_536, hard) > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert connection_limit(1024) == 512 and connection_limit(65_536) == 8192 and connection_limit(100) == 64


async def test_accept_errors_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    calm_accept_errors(loop)
    context: dict[str, Any] = {"message": "socket.accept() out of system resource", "exception": OSError(24, "files")}
    try:
        with structlog.testing.capture_logs() as lines, caplog.at_level(logging.ERROR):
            for _ in range(1000):
                loop.call_exception_handler(context)
            assert len(lines) == 1 and not caplog.records
            loop.call_exception_handler({"message": "another fault"})
            assert len(caplog.records) == 1
    finally:
        loop.set_exception_handler(None)
