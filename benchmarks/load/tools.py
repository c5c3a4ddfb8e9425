"""One stream by the store's own tool or SDK, as fast as it goes with its own defaults.

A job is ``store`` (``rbd``, ``s3`` or ``swift``), ``options`` (where the store is), ``action``
(``put``, ``get`` or ``delete``), ``name`` (of the object) and for a put ``body`` (a file). What
is got is thrown away.
Reports ``bytes`` and ``elapsed``.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.load.generator import Job, Result, serve

Work = Callable[[], int]
"""Moves one object and returns its size in bytes; 0 where it is only deleted."""


def rbd(options: dict[str, str], job: Job) -> Work:
    """The ``rbd`` program: import and export."""
    command = ["rbd", "--conf", options["conf"], "--id", options["user"], "--pool", options["pool"]]
    command.append("--no-progress")
    if job["action"] == "put":
        size = os.path.getsize(job["body"])
        line = [*command, "import", "--object-size", "8M", job["body"], job["name"]]
        return lambda: _run(line, size)
    if job["action"] == "delete":
        return lambda: _run([*command, "remove", job["name"]], 0)
    line = [*command, "export", job["name"], "-"]
    return lambda: _drain(line)


def s3(options: dict[str, str], job: Job) -> Work:
    """boto3's managed transfers, which put and get parts in ten threads."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=options["endpoint"],
        aws_access_key_id=options["access_key"],
        aws_secret_access_key=options["secret_key"],
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    place = {"Bucket": options["bucket"], "Key": job["name"]}

    def put() -> int:
        client.upload_file(job["body"], **place)
        return os.path.getsize(job["body"])

    def get() -> int:
        with Path(os.devnull).open("wb") as target:
            client.download_fileobj(**place, Fileobj=target)
        size: int = client.head_object(**place)["ContentLength"]
        return size

    def delete() -> int:
        client.delete_object(**place)
        return 0

    return {"put": put, "get": get, "delete": delete}[job["action"]]


def swift(options: dict[str, str], job: Job) -> Work:
    """SwiftService of python-swiftclient, with segments as large as the services cut them."""
    from swiftclient.service import SwiftService, SwiftUploadObject

    service = SwiftService(
        options={
            "auth_version": "3",
            "os_auth_url": options["auth"],
            "os_username": options["user"],
            "os_password": options["key"],
            "os_project_name": options["project"],
            "os_user_domain_id": "default",
            "os_project_domain_id": "default",
        }
    )
    container, name = options["container"], job["name"]

    def put() -> int:
        made = service.upload(
            container,
            [SwiftUploadObject(job["body"], object_name=name)],
            {"segment_size": options["segment"], "checksum": False, "use_slo": False},
        )
        _check(made)
        return os.path.getsize(job["body"])

    def get() -> int:
        found = list(service.download(container, [name], {"no_download": True, "checksum": False}))
        _check(found)
        return sum(each["read_length"] for each in found)

    def delete() -> int:
        _check(service.delete(container, [name]))
        return 0

    return {"put": put, "get": get, "delete": delete}[job["action"]]


def _check(results: Any) -> None:
    for each in results:
        if not each["success"]:
            raise RuntimeError(f"{each['action']} failed: {each.get('error')}")


def _run(line: list[str], size: int) -> int:
    subprocess.run(line, check=True, capture_output=True)
    return size


def _drain(line: list[str]) -> int:
    """Throw away what ``line`` prints without copying it here; its length."""
    count = 0
    with (
        subprocess.Popen(line, stdout=subprocess.PIPE) as running,
        Path("/dev/null").open("wb") as sink,
    ):
        assert running.stdout is not None
        while moved := os.splice(running.stdout.fileno(), sink.fileno(), 1 << 20):
            count += moved
    if running.returncode:
        raise RuntimeError(f"{line} ended with {running.returncode}")
    return count


TOOLS: dict[str, Callable[[dict[str, str], Job], Work]] = {"rbd": rbd, "s3": s3, "swift": swift}


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``; the SDK is loaded here and so costs no time."""
    work = TOOLS[job["store"]](job["options"], job)

    def run() -> Result:
        begun = time.perf_counter()
        moved = work()
        return {"bytes": moved, "elapsed": time.perf_counter() - begun}

    return run


if __name__ == "__main__":
    serve(prepare)
