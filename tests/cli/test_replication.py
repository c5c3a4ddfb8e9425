"""``imagestore replication`` on the database of a service."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

from imagestore.database import images
from imagestore.model.image import ImageStatus, Location
from tests.cli.test_commands import run
from tests.database import samples
from tests.served import configure


def test_status_plan_and_run(tmp_path: Path) -> None:
    rule = "[replication:golden]\nmatch = tag=golden\nstores = file2\n"
    config, _ = configure(tmp_path, options=rule)
    where = ["--config-file", str(config), "--data-dir", str(tmp_path)]
    assert "db upgrade" in run("replication", "status", *where).stderr
    assert run("db", "upgrade", *where).returncode == 0
    asyncio.run(_insert(tmp_path / "imagestore.sqlite"))
    status = json.loads(run("replication", "status", "--json", *where).stdout)
    assert status["rules"] == {"golden": {"images": 1, "wanted": 1, "missing": 1, "short": 0}}
    assert "golden" in run("replication", "status", *where).stdout
    [step] = json.loads(run("replication", "plan", "--json", *where).stdout)
    assert (step["action"], step["store"], step["rule"]) == ("copy", "file2", "golden")
    assert step["image_id"] in run("replication", "plan", *where).stdout
    first = json.loads(run("replication", "run", "--json", *where).stdout)
    assert (first["kind"], first["state"]) == ("replication", "queued")
    again = run("replication", "run", *where)
    assert first["id"] in again.stdout
    assert again.stderr == ""
    # What is due and stays where it is: whoever queues more is told.
    with sqlite3.connect(tmp_path / "imagestore.sqlite") as database:
        database.execute("UPDATE imagestore_jobs SET not_before = '2020-01-01 00:00:00.000000'")
    queued = run("orphans", "search", "--json", *where)
    assert json.loads(queued.stdout)["kind"] == "orphans"
    assert "does any node run" in queued.stderr


async def _insert(path: Path) -> None:
    """An image that the rule is for, with one copy."""
    image = samples.image(
        status=ImageStatus.ACTIVE,
        size=4,
        checksum="00",
        os_hash_algo="sha512",
        os_hash_value="00",
        tags=("golden",),
        locations=(Location("file:///x", {"store": "file1"}),),
    )
    async with samples.opened(f"sqlite:///{path}") as database:
        await database.write(images.insert, image)
