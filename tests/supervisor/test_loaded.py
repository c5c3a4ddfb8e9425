"""What processes have imported: what is configured, before workers are forked, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagestore.config import settings
from imagestore.database.engine import Database
from tests.services import process

pytestmark = pytest.mark.slow

_WORKER = """
import json, os, sys
from imagestore.config.load import load
settings = load(sys.argv[1:])
found = {"configured": [*sys.modules]}
from imagestore.serving import server
create = server.factory("imagestore.app:create", settings)
found |= {"loaded": [*sys.modules], "threads": len(os.listdir("/proc/self/task"))}
"""
"""As ``imagestore worker`` does, until it forks."""
_START = """
import asyncio
from aiohttp import web
async def start():
    runner = web.AppRunner(create(settings))
    await runner.setup()
    found["started"] = [*sys.modules]
    await runner.cleanup()
asyncio.run(start())
"""
_TELL = "print(json.dumps(found))"

OF_NO_USE = {
    "aiobotocore", "asyncmy", "aiosqlite", "asyncpg", "botocore", "castellan", "keystoneauth1",
    "openstack", "opentelemetry", "oslo_messaging", "pygments", "requests", "rich", "swiftclient",
    "typer",
    "urllib3", "sqlalchemy.ext.asyncio", "imagestore.backends.s3.store",
    "imagestore.backends.swift.store",
}  # fmt: skip
"""To a service with its own database and files, whose caller is whoever comes."""


def told(code: str, *args: str | Path) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-P", "-c", code, *args],
        capture_output=True,
        text=True,
        timeout=process.PATIENCE,
    )
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout.splitlines()[-1]))


async def test_a_service_of_its_own(tmp_path: Path) -> None:
    database = Database(settings.Database(f"sqlite:///{tmp_path / 'imagestore.sqlite'}"))
    await database.connect()
    await database.upgrade()
    await database.close()
    found = told(_WORKER + _START + _TELL, "--data-dir", tmp_path)
    # The parent of the workers reads the configuration, and that is all.
    assert {"aiohttp", "asyncio", "ssl", "sqlalchemy"} & {*found["configured"]} == set()
    assert OF_NO_USE & {*found["loaded"]} == set()
    assert found["threads"] == 1
    # Nor is anything left to each worker.
    later = {name for name in {*found["started"]} - {*found["loaded"]} if "." in name}
    assert later == set()
    assert "alembic" not in found["started"], "the tables are what they have to be"


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (
            "[paste_deploy]\nflavor = keystone\n[database]\nconnection = mysql://u:p@h/d\n"
            "[keystone_authtoken]\nauth_type = admin_token\nendpoint = http://h\ntoken = t\n",
            {"imagestore.identity.keystone.source", "asyncmy", "sqlalchemy.ext.asyncio"},
        ),
        (
            "[DEFAULT]\nenabled_backends = a:s3\n[glance_store]\ndefault_backend = a\n"
            "[a]\ns3_store_host = http://h\ns3_store_bucket = c\n",
            {"imagestore.backends.s3.store", "aiobotocore.session"},
        ),
    ],
    ids=["keystone, mariadb", "s3"],
)
def test_what_is_configured_is_loaded_before_workers_are_forked(
    tmp_path: Path, options: str, needed: set[str]
) -> None:
    config = tmp_path / "my.conf"
    config.write_text(f"{options}[imagestore]\ndata_dir = {tmp_path}\n")
    found = told(_WORKER + _TELL, "--config-file", config)
    assert needed <= {*found["loaded"]}
    assert found["threads"] == 1
