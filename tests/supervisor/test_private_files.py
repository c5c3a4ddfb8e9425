"""Nothing that a service makes on its machine can be read by others there, whatever the umask."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import private
from tests.served import Served, serve
from tests.transfer.test_conversion import image as disk_image

DATA = os.urandom(3 << 20)


def call(served: Served, method: str, path: str, data: bytes | None = None) -> Any:
    kind = {"Content-Type": "application/json"} if method != "PUT" else {}
    kind = kind or {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(served.url + path, data, kind, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def created(served: Served, disk_format: str = "raw") -> str:
    body = json.dumps({"disk_format": disk_format, "container_format": "bare"}).encode()
    return str(json.loads(call(served, "POST", "/v2/images", body))["id"])


def until_active(served: Served, image: str) -> None:
    deadline = time.monotonic() + 90
    while (shown := json.loads(call(served, "GET", f"/v2/images/{image}")))["status"] != "active":
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)


def for_others(directory: Path) -> list[str]:
    """Whatever is below the directory and lets others do anything."""
    found = []
    for path in directory.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if status.st_mode & stat.S_IRWXO and not stat.S_ISLNK(status.st_mode):
            found.append(f"{stat.filemode(status.st_mode)} {path.relative_to(directory)}")
    return found


@pytest.fixture(params=[0o022, 0o000], ids=["022", "000"])
def umask(request: pytest.FixtureRequest) -> Any:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# Which leaves open whatever any other one does.
@pytest.mark.parametrize("umask", [0o000], indirect=True)
def test_a_whole_run(tmp_path: Path, umask: int) -> None:
    """Uploads, staging, an import, a conversion, the cache's place, metrics, the log, a dump."""
    made = tmp_path / "made"
    for name in ("database", "logs", "dump"):  # the operator's own, and open to all
        (made / name).mkdir(parents=True, mode=0o755)
    options = (
        f"[database]\nconnection = sqlite:///{made}/database/images.sqlite\n"
        f"[DEFAULT]\nlog_file = {made}/logs/api.log\nimage_cache_dir = {made}/deep/cache\n"
        f"[task]\nwork_dir = {made}/work\n"
        "[image_import_opts]\nimage_import_plugins = image_conversion\n"
    )
    ours = [made / name for name in ("database", "logs", "dump")]
    with serve(tmp_path / "served", flavor="caching", options=options, workers=2) as served:
        uploaded, imported = created(served), created(served, "qcow2")
        call(served, "PUT", f"/v2/images/{uploaded}/file", DATA)
        call(served, "PUT", f"/v2/images/{imported}/stage", disk_image(tmp_path, "qcow2"))
        seen = for_others(tmp_path / "served")
        body = b'{"method": {"name": "glance-direct"}}'
        call(served, "POST", f"/v2/images/{imported}/import", body)
        until_active(served, imported)
        assert call(served, "GET", f"/v2/images/{uploaded}/file") == DATA
        seen += for_others(tmp_path / "served") + for_others(made)
        assert {path.name for path in (made / "database").iterdir()} >= {
            "images.sqlite", "images.sqlite-wal", "images.sqlite-shm",
        }  # fmt: skip
        replicate(served, made / "dump", umask)
        assert len([*(made / "dump").iterdir()]) == 4
    seen += for_others(made)
    given = {f"drwxr-xr-x {path.relative_to(made)}" for path in ours}
    left = {
        each for each in seen if each not in given and not each.endswith(("serve.log", ".conf"))
    }
    assert not left
    assert (made / "logs/api.log").stat().st_size


def replicate(served: Served, directory: Path, umask: int) -> None:
    """Write all images to files, as an operator does by hand."""
    command = [sys.executable, "-m", "imagestore", "replicate", "dump", served.url, str(directory)]
    ran = subprocess.run(command, capture_output=True, text=True, umask=umask, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_stricter_umask_stays(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        private.restrict_process()
        assert os.umask(0o077) == 0o077
        os.umask(0o022)
        private.restrict_process()
        assert os.umask(0o022) == 0o027
    finally:
        os.umask(before)


def test_directories_are_made_with_their_parents(tmp_path: Path, umask: int) -> None:
    private.make_directory(tmp_path / "a/b")
    private.make_directory(tmp_path / "a/b")
    assert not for_others(tmp_path)
    private.make_directory(tmp_path / "c/d", private.DIRECTORY | 0o001)
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) & 0o751 == 0o751
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        private.make_directory(tmp_path / "file")
    with pytest.raises(FileExistsError):
        private.make_directory(tmp_path / "file/a")


async def test_a_database_that_all_could_read_is_tightened(tmp_path: Path, umask: int) -> None:
    from imagestore.config import settings
    from imagestore.database.engine import Database

    path = tmp_path / "images.sqlite"
    with sqlite3.connect(path) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("CREATE TABLE x (y)")
        assert for_others(tmp_path)
        database = Database(settings.Database(connection=f"sqlite:///{path}"))
        await database.connect()
        assert not for_others(tmp_path)
        await database.close()
    conn.close()
