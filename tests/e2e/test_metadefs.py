"""Every metadef command of ``glance`` and ``openstack`` prints what it prints with Glance 33.

With ``IMAGESTORE_TEST_GLANCE=live``, as in ``make conformance``, that Glance is asked again: the
recording must be what it says.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e import metadefs
from tests.served import Served
from tests.services import glance

LIVE = os.environ.get("IMAGESTORE_TEST_GLANCE") == "live"


def compare(expected: dict[str, metadefs.Outcomes], found: dict[str, metadefs.Outcomes]) -> None:
    for client, script in (("glance", metadefs.GLANCE), ("openstack", metadefs.OPENSTACK)):
        for line, left, right in zip(script, expected[client], found[client], strict=True):
            assert left == right, line
        # Most succeed, or the script itself is wrong.
        assert sum(code == 0 for code, _ in found[client]) >= len(script) - 5


def test_every_command(open_service: Served, tmp_path: Path) -> None:
    recorded = metadefs.recorded()
    if LIVE:
        running = glance.start(tmp_path / "glance")
        try:
            compare(recorded, metadefs.played(running.url, tmp_path))
        finally:
            running.stop()
    compare(recorded, metadefs.played(open_service.url, tmp_path))
