"""A service is killed (-9) in the middle of a pass: it goes on, and nothing is there twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.served import Served, serve
from tests.services.faultproxy import FaultProxy, Faults
from tests.sites.conftest import TOKEN, Api, content, described

MIB = 1 << 20
SITE = """
[site:north]
url = http://127.0.0.1:{port}
token = {token}
interval = 1
transfers = 1
match = tag=mirror
skip = owner
"""


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < end, "this does not come true"
        time.sleep(0.05)


def test_it_goes_on(glance: Api, tmp_path: Path) -> None:
    images = {glance.add(content(2 * MIB, n), tags=["mirror"], name=f"n{n}"): n for n in range(4)}

    def statuses(served: Served) -> list[str]:
        here = Api(served.url)
        return [here.show(image)["status"] for image in here.ids()]

    with FaultProxy(int(glance.url.rpartition(":")[2])) as proxy:
        proxy.faults = Faults(rate=2 * MIB)
        options = SITE.format(port=proxy.port, token=TOKEN)
        with serve(tmp_path / "ours", flavor="", options=options) as ours:
            until(lambda: {"active", "saving"} <= set(statuses(ours)))
            ours.kill()
        proxy.faults = Faults()
        moved = -1
        while moved != proxy.traffic.down:  # what was under way has come to nothing
            moved = proxy.traffic.down
            time.sleep(1)
        with serve(tmp_path / "ours", flavor="", options=options) as ours:
            until(lambda: statuses(ours) == ["active"] * len(images))
            here = Api(ours.url)
            for image, seed in images.items():
                there, shown = described(glance.show(image)), described(here.show(image))
                del there["owner"], shown["owner"]
                assert there == shown
                assert here.data(image) == content(2 * MIB, seed)
            # What had come was not moved again.
            assert proxy.traffic.down - moved < (len(images) - 1) * 2 * MIB + MIB
            assert len(list(ours.stores["file1"].iterdir())) == len(images)
