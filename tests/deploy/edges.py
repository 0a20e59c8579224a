"""nginx and Caddy with their configurations of ``deploy/``, on free ports and with a certificate of the tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from string import Template

from tests.deploy.conftest import DEPLOY, Ports, opened, program, running

NGINX = """
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
events {}
http {
    client_body_temp_path ${folder}/body;
    proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi;
    scgi_temp_path ${folder}/scgi;
    include ${folder}/tutor.conf;
}
"""
"""What the distribution's nginx.conf has around the site."""


def _nginx(ports: Ports, tls: Path, folder: Path) -> list[str]:
    filled = Template((DEPLOY / "nginx" / "tutor.conf.template").read_text()).safe_substitute(
        DOMAIN="localhost", HTTP_PORT=ports.http, HTTPS_PORT=ports.https, TLS_DIR=tls,
        ENGINE=f"127.0.0.1:{ports.engine}", WEB=f"127.0.0.1:{ports.inside}", PAGE=f"127.0.0.1:{ports.inside}",
    )  # fmt: skip
    (folder / "tutor.conf").write_text(filled)
    (folder / "nginx.conf").write_text(Template(NGINX).safe_substitute(folder=folder))
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy() -> list[str]:
    return [program("caddy"), "run", "--config", str(DEPLOY / "caddy" / "Caddyfile"), "--adapter", "caddyfile"]


@contextlib.contextmanager
def edge(kind: str, ports: Ports, tls: Path, folder: Path) -> Iterator[str]:
    """``nginx`` or ``caddy``, running; gives the address of the school, without a slash at the end."""
    environment = {
        "DOMAIN": "localhost", "TLS": "files", "TLS_DIR": str(tls), "HTTP_PORT": str(ports.http),
        "HTTPS_PORT": str(ports.https), "ENGINE": f"127.0.0.1:{ports.engine}", "WEB": f"127.0.0.1:{ports.inside}",
        "PAGE": f"127.0.0.1:{ports.inside}", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
    }  # fmt: skip
    command = _nginx(ports, tls, folder) if kind == "nginx" else _caddy()
    with running(kind, command, lambda: opened(ports.https), **environment):
        yield f"https://localhost:{ports.https}"
