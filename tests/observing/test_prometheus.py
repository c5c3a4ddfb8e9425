"""A real Prometheus scrapes a real run: what the dashboard and the alerts ask for is answered."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.observing.test_alerts import ALERTS, queries, rules
from tests.served import Served, serve
from tests.service.conftest import DRAFT, OCTETS
from tests.services import process

pytestmark = pytest.mark.service

HEADERS = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "u",
    "X-Project-Id": "p",
    "X-Roles": "admin,member,reader",
}
RARE = {"Copies given up in downloads", "Longest wait", "Operations that fail"}
"""Panels of what does not happen in a run in which all is well."""
OPTIONS = """
[imagestore]
metrics_bind = 127.0.0.1:{port}
patrol_rate = 1GB
patrol_interval = 0
cache_local_stores = true
cache_sync_interval = 0.2
[DEFAULT]
image_cache_dir = {directory}/cache
user_storage_quota = 100000
[replication:both]
stores = file1, file2
"""


@contextmanager
def prometheus(directory: Path, metrics: int) -> Iterator[str]:
    directory.mkdir()
    port, config = process.free_port(), directory / "prometheus.yaml"
    scrape = {
        "job_name": "imagestore",
        "scrape_interval": "250ms",
        "scrape_timeout": "250ms",
        "static_configs": [{"targets": [f"127.0.0.1:{metrics}"]}],
    }
    told = {"global": {"evaluation_interval": "250ms"}, "rule_files": [str(ALERTS)]}
    config.write_text(json.dumps({**told, "scrape_configs": [scrape]}))
    log, url = directory / "log", f"http://127.0.0.1:{port}"
    running = process.spawn(
        [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log,
    )  # fmt: skip
    try:
        process.wait_until(lambda: process.answers(f"{url}/-/ready"), running, log)
        yield url
    finally:
        process.stop(running.pid)


async def use(served: Served) -> None:
    """Uploads, downloads, a refusal."""
    async with aiohttp.ClientSession(served.url, headers=HEADERS) as client:
        for size, status in ((50_000, 204), (60_000, 413)):
            image = str(uuid.uuid4())
            draft = {**DRAFT, "id": image}
            async with client.post("/v2/images", json=draft) as answer:
                assert answer.status == 201
            path = f"/v2/images/{image}/file"
            async with client.put(path, data=bytes(size), headers=OCTETS) as answer:
                assert answer.status == status
            for _ in range(2):
                async with client.get(path) as answer:
                    assert len(await answer.read()) == (size if status == 204 else 0)


def ask(url: str, query: str) -> list[Any]:
    asked = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{asked}", timeout=30) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


def test_the_dashboard_shows_a_run_and_no_alert_rings(tmp_path: Path) -> None:
    port = process.free_port()
    options = OPTIONS.format(port=port, directory=tmp_path)
    flavor = "trusted-headers+caching"
    with serve(tmp_path / "service", flavor=flavor, options=options) as served:
        asyncio.run(use(served))
        with prometheus(tmp_path / "prometheus", port) as url:
            check(url, served)


def check(url: str, served: Served) -> None:
    wanted = {title: query for title, query in queries() if title not in RARE}

    def all_there() -> bool:
        for title in [title for title, query in wanted.items() if ask(url, query)]:
            del wanted[title]
        return not wanted

    try:
        process.wait_until(all_there, served.process, served.directory / "serve.log", 60)
    except process.StartError:
        pytest.fail(f"these panels are empty: {wanted}")
    for query in [*(query for _, query in queries()), *(rule["expr"] for rule in rules())]:
        ask(url, query)  # 400 for what is no query
    assert not ask(url, 'ALERTS{alertstate="firing"}')
