"""Sites behind a real Keystone: by clouds.yaml on the command line, by options as a job."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import Served, serve
from tests.services.keystone import Keystone
from tests.sites.conftest import Api, content, outcome, replicate

VALIDATING = """
[keystone_authtoken]
auth_type = password
auth_url = {url}
username = glance
password = glancepw
user_domain_id = default
project_name = service
project_domain_id = default
"""
SITE = """
[site:north]
auth_type = password
auth_url = {url}
username = admin
password = adminpw
user_domain_id = default
project_name = admin
project_domain_id = default
region_name = {region}
interface = internal
interval = 1
"""


@pytest.fixture
def north(tmp_path: Path, keystone: Keystone) -> Iterator[Served]:
    options = VALIDATING.format(url=keystone.url)
    with serve(tmp_path / "north", flavor="keystone", options=options) as served:
        yield served


def cloud(keystone: Keystone, region: str, password: str) -> dict[str, object]:
    account = {
        "auth_url": keystone.url,
        "username": "admin",
        "password": password,
        "user_domain_id": "default",
        "project_name": "admin",
        "project_domain_id": "default",
    }
    return {"auth_type": "password", "auth": account, "region_name": region}


def test_credentials(
    keystone: Keystone,
    north: Served,
    ours: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    region = keystone.region(f"{north.url}/v2")
    clouds = {
        "north": cloud(keystone, region, "adminpw"),
        "wrong": cloud(keystone, region, "wrong"),
    }
    # JSON is YAML.
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": clouds}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    data = content(100_000, 3)
    image = Api(ours.url).add(data, name="carried")
    assert outcome("livecopy", ours.url, "north")["counts"] == {"create": 1}
    assert outcome("livecopy", "--from", "north", "--to", ours.url)["counts"] == {"same": 1}
    assert "gives no token" in replicate("size", "wrong", code=69)
    assert "401" in replicate("size", north.url, code=1)
    there = Api(north.url, {"X-Auth-Token": keystone.token()})
    assert there.data(image) == data

    options = SITE.format(url=keystone.url, region=region)
    with serve(tmp_path / "south", flavor="", options=options) as south:
        here = Api(south.url)
        end = time.monotonic() + 60
        while here.ids() != {image} or here.show(image)["status"] != "active":
            assert time.monotonic() < end, south.log
            time.sleep(0.1)
        assert here.data(image) == data
        assert here.show(image)["owner"] == there.show(image)["owner"]
        assert "adminpw" not in south.log
