"""``imagestore scrub``, ``image``, ``patrol``, and streams of events, as they are served."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.test_commands import run
from tests.served import Served, serve

CALLER = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "alice",
    "X-Project-Id": "red",
    "X-Roles": "member,reader",
}
DATA = os.urandom(300_000)
OPTIONS = "[DEFAULT]\ndelayed_delete = true\nscrub_time = 3600\nwakeup_time = 1\n"


def ask(service: Served, method: str, path: str, body: Any = None, kind: str = "json") -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    data = json.dumps(body).encode() if kind == "json" and body is not None else body
    connection.request(method, path, data, {**CALLER, "Content-Type": f"application/{kind}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def image_of(service: Served) -> str:
    draft = {"name": "mine", "disk_format": "raw", "container_format": "bare"}
    _, body = ask(service, "POST", "/v2/images", draft)
    image: str = json.loads(body)["id"]
    assert ask(service, "PUT", f"/v2/images/{image}/file", DATA, "octet-stream")[0] == 204
    return image


def imagestore(service: Served, *words: str) -> tuple[int, str, str]:
    given = ("--config-file", str(service.config), "--data-dir", str(service.directory))
    done = run(*words, *given)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_life_of_an_operator(tmp_path: Path) -> None:
    with serve(tmp_path, options=OPTIONS) as service:
        image = image_of(service)
        path = f"/v2/images/{image}"
        # Deleted by mistake.
        assert ask(service, "DELETE", path)[0] == 204
        code, out, _ = imagestore(service, "scrub", "list", "--json")
        [row] = json.loads(out)
        assert (code, row["image"], row["state"], row["size"]) == (0, image, "kept", len(DATA))
        assert imagestore(service, "scrub", "run")[:2] == (0, "Nothing is due.\n")
        assert imagestore(service, "image", "restore", image)[0] == 0
        assert ask(service, "GET", f"{path}/file") == (200, DATA)
        # Damaged.
        stored = service.stores["file1"] / image
        stored.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
        assert imagestore(service, "patrol", "run", "--rate", "1GB")[0] == 0
        until(lambda: b"os_glance_damaged_stores" in ask(service, "GET", path)[1])
        code, out, _ = imagestore(service, "patrol", "list", "--json")
        [damage] = json.loads(out)
        assert code == 1
        assert (damage["image_id"], damage["store"], damage["state"]) == (
            image, "file1", "damaged",
        )  # fmt: skip
        assert ask(service, "GET", f"{path}/file")[0] == 410
        assert json.loads(imagestore(service, "patrol", "status", "--json")[1])["started_at"]


def test_orphans(tmp_path: Path) -> None:
    with serve(tmp_path, options="[imagestore]\norphan_grace = 0\n") as service:
        image, left = image_of(service), str(uuid.uuid4())
        (service.stores["file2"] / left).write_bytes(b"left")
        for number in (1, 2):
            assert imagestore(service, "orphans", "search")[0] == 0
            until(lambda number=number: searched(service) == number)
        code, out, _ = imagestore(service, "orphans", "list", "--json")
        [row] = json.loads(out)
        assert (code, row["image_id"], row["state"], row["origin"], row["bytes"]) == (
            1, left, "orphan", "unknown", 4,
        )  # fmt: skip
        stores = json.loads(imagestore(service, "orphans", "status", "--json")[1])
        assert {one["store"]: one["unknown_percent"] for one in stores} == {
            "file1": 0.0, "file2": 100.0, "os_glance_staging_store": 0.0,
        }  # fmt: skip
        code, out, err = imagestore(service, "orphans", "delete")
        assert (code, out) == (1, "")
        assert "another service" in err
        code, out, _ = imagestore(service, "orphans", "delete", "--force")
        assert (code, out) == (0, f"file2 {left} removed\n")
        assert not (service.stores["file2"] / left).exists()
        assert ask(service, "GET", f"/v2/images/{image}/file") == (200, DATA)


def searched(service: Served) -> int:
    """How many searches have come to their end."""
    with contextlib.closing(sqlite3.connect(service.database)) as database:
        ended = "SELECT count(*) FROM imagestore_jobs WHERE kind = 'orphans' AND state = 'done'"
        count: int = database.execute(ended).fetchone()[0]
        return count


def test_a_stop_ends_the_streams(tmp_path: Path) -> None:
    with serve(tmp_path) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.request("GET", "/v2/events", headers=CALLER)
        stream = connection.getresponse()
        assert stream.status == 200
        assert stream.readline().startswith(b"retry:")
        image = image_of(service)
        while (line := stream.readline()) and image.encode() not in line:
            pass
        assert b"image" in line
        service.process.terminate()
        # To its end, which is a proper one, long before the time for transfers is up.
        assert stream.read().count(b"event:") >= 2
        assert service.process.wait(50) == 0
        assert "cut off" not in service.log
