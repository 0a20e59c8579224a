"""What proxies say is believed from those that were declared, and a proxy that was not is reported."""

from __future__ import annotations

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from engine.errors import SettingsError
from engine.settings import Settings, load_settings
from engine.transport.api.public_address import websocket_base
from engine.transport.proxies import Proxies, UntrustedProxyWarning

FORWARDED = {"X-Forwarded-Host": "tutor.example", "X-Forwarded-Proto": "https"}


def request_from(address: str, host: str = "inner:9000", **headers: str) -> web.Request:
    sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return make_mocked_request("POST", "/v1/sessions", headers=sent).clone(remote=address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "172.20.0.9", "fd00::5", "fe80::1%eth0"])
def test_addresses_and_networks_are_proxies(address: str) -> None:
    assert address in Proxies(["10.1.2.3", "172.16.0.0/12", "fd00::/8", "fe80::/10"])


@pytest.mark.parametrize("address", ["10.1.2.4", "172.32.0.1", "fe00::5", "", "unix:", None])
def test_others_are_not(address: str | None) -> None:
    assert address not in Proxies(["10.1.2.3", "172.16.0.0/12", "fd00::/8"])


@pytest.mark.parametrize("given", ["nginx", "10.0.0.0/33", "10.0.0"])
def test_a_proxy_that_is_no_address_is_refused_at_start(given: str) -> None:
    with pytest.raises(SettingsError, match=r"trusted_proxies.*neither an address nor a network"):
        load_settings(["--trusted-proxies", given])


@pytest.mark.parametrize(
    ("request_", "base"),
    [
        (request_from("10.9.9.9", **FORWARDED), "wss://tutor.example"),
        (request_from("192.0.2.1", **FORWARDED), "ws://inner:9000"),
        # A page over TLS that came through a proxy nobody declared.
        (request_from("192.0.2.1", "Tutor.example", Origin="https://tutor.example"), "wss://Tutor.example"),
        (request_from("192.0.2.1", "tutor.example", Origin="https://other.example"), "ws://tutor.example"),
        (request_from("192.0.2.1", "tutor.example", Origin="http://tutor.example"), "ws://tutor.example"),
    ],
)
def test_the_scheme_is_the_one_of_whoever_asks(request_: web.Request, base: str) -> None:
    assert websocket_base(request_, Settings(trusted_proxies=["10.0.0.0/8"])) == base


def test_an_untrusted_proxy_is_reported_once() -> None:
    warning = UntrustedProxyWarning(Settings(trusted_proxies=["10.0.0.0/8"]))
    with structlog.testing.capture_logs() as logged:
        warning.look(request_from("192.0.2.1"))
        warning.look(request_from("10.1.1.1", **FORWARDED))
        assert not logged
        for _ in range(3):
            warning.look(request_from("192.0.2.1", X_Forwarded_For="198.51.100.7"))
    assert [(entry["event"], entry["peer"]) for entry in logged] == [("proxy_not_trusted", "192.0.2.1")]
