"""No header that names a caller gets through a proxy, nor stays out of the documentation."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from imagestore.config.settings import Identity
from imagestore.identity.policy import Policy
from imagestore.identity.sources import source
from tests.services import proxies

ROOT = Path(__file__).parents[2]
STATUS = "X-Identity-Status"


class Asked(dict[str, str]):
    """Headers of a confirmed caller without any other; it notes for which was looked."""

    def __init__(self) -> None:
        super().__init__({STATUS: "Confirmed"})
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@pytest.fixture
async def believed() -> set[str]:
    """The names of all headers that the flavor trusted-headers looks at."""
    identity, headers = Identity(flavor="trusted-headers"), Asked()
    await source(identity, Policy(identity)).identify(headers, "GET", "/")
    assert {STATUS, "X-Roles", "X-Role", "X-Service-Roles", "X-Tenant"} < headers.names
    return headers.names


def test_samples_strip_them_and_the_documentation_names_them(believed: set[str]) -> None:
    nginx = (ROOT / "conf/nginx-load-balancer.conf.sample").read_text()
    haproxy = (ROOT / "conf/haproxy-load-balancer.cfg.sample").read_text()
    assert believed <= set(re.findall(r'proxy_set_header (\S+) "";', nginx))
    assert believed <= set(re.findall(r"http-request del-header (\S+)", haproxy))
    assert believed <= set(re.findall(r"`([\w-]+)`", (ROOT / "docs/identity.md").read_text()))


class Node(http.server.BaseHTTPRequestHandler):
    """Answers with the headers that came."""

    def do_GET(self) -> None:
        body = json.dumps(self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def node() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("start", [proxies.haproxy, proxies.nginx])
def test_forged_ones_do_not_get_through(
    start: Callable[..., proxies.HAProxy | proxies.Nginx],
    believed: set[str],
    node: int,
    tmp_path: Path,
) -> None:
    proxy = start(tmp_path / "proxy", [node] * 3)
    try:
        for spelled in (str, str.lower, str.upper):
            forged: Mapping[str, str] = {spelled(name): "forged" for name in believed}
            answer = requests.get(f"{proxy.url}/v2/images", headers={**forged, "X-A": "b"})
            came = {name.lower(): value for name, value in answer.json()}
            assert came["x-a"] == "b"
            assert not {name.lower() for name in believed} & came.keys()
            assert "forged" not in came.values()
    finally:
        proxy.stop()
