"""Whose object a location in one of the service's own stores is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from imagestore.backends.base import Capability, Store
from imagestore.catalog.dependencies import assemble
from imagestore.catalog.locations.rules import LocationRules, fetched, is_named_after
from imagestore.database.engine import Database
from imagestore.model.errors import Unsupported
from imagestore.model.image import Image
from tests.service.conftest import settings_in

OWN = "3f0c2d34-5a3e-4b0e-9d0e-000000000001"
OTHER = "3f0c2d34-5a3e-4b0e-9d0e-000000000002"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (f"rbd://fsid/pool/{OWN}/snap", True),
        (f"rbd://{OWN}", True),
        (f"swift+https://keystone/v3/container/{OWN}", True),
        (f"s3+https://host/bucket/{OWN}", True),
        (f"rbd://fsid/pool/{OTHER}/snap", False),
        (f"rbd://fsid/pool/{OTHER}/{OWN}", False),
        (f"rbd://fsid/{OWN}/{OTHER}/snap", False),
        (f"swift+https://keystone/v3/{OWN}/{OTHER}", False),
        (f"s3+https://host/bucket/{OTHER}/", False),
        (f"s3+https://host/bucket/{OWN}x", False),
    ],
)
def test_the_object_of_an_image_is_named_after_it(url: str, own: bool) -> None:
    assert is_named_after(OWN, url) is own


def test_a_fragment_is_not_asked_for() -> None:
    assert fetched("http://example.org/a?b#c") == "http://example.org/a?b"
    for url in ("http://example.org/a", "http://example.org#@127.0.0.1/", "http://a/#b#c", "x#y"):
        assert fetched(url) == url


@pytest.mark.parametrize(
    ("capabilities", "disk_format", "accepted"),
    [
        (Capability.WRITABLE | Capability.DIRECT_URL, "raw", True),
        (Capability.WRITABLE | Capability.DIRECT_URL, "qcow2", False),
        (Capability.EXTERNAL, "raw", False),
    ],
)
def test_a_guest_may_have_any_boot_sector_in_our_own_stores(
    tmp_path: Path, capabilities: Capability, disk_format: str, accepted: bool
) -> None:
    """Nova and Cinder put raw disks there, of which they have not seen the inside."""

    class Place:
        def __init__(self) -> None:
            self.capabilities = capabilities

    settings = settings_in(tmp_path)
    rules = LocationRules(assemble(settings, Database(settings.database)))
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    image = Image(OWN, moment, moment, disk_format=disk_format, container_format="bare")
    inspection = rules.inspection(image, cast(Store, Place()))
    odd = bytes(446) + b"\x55" * 64 + b"\x55\xaa" + bytes(1 << 20)
    try:
        inspection.feed([odd])
    except Unsupported:
        assert not accepted
    else:
        assert accepted
