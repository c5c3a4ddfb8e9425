"""``glance`` of today, and ``glance`` and ``openstack`` of 2019, as scripts of 2014 call them."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.proxy import authenticating_proxy
from tests.served import serve
from tests.services import clients_of_2019, programs
from tests.services.programs import BIN

DATA = os.urandom(3_000_001)
FORMATS = ("--disk-format", "raw", "--container-format", "bare")
_ROW = re.compile(r"^\| (.+?) +\| (.*?) +\|$", re.MULTILINE)


@dataclass(frozen=True)
class Glance:
    command: tuple[str, ...]

    def run(self, *arguments: str, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
        """With a terminal as its standard input, or else a pipe from a file."""
        if stdin is not None:
            with subprocess.Popen(["cat", stdin], stdout=subprocess.PIPE) as cat:
                assert cat.stdout is not None
                return self._run(arguments, cat.stdout)
        ours, theirs = os.openpty()
        try:
            return self._run(arguments, theirs)
        finally:
            os.close(ours)
            os.close(theirs)

    def _run(
        self, arguments: tuple[str, ...], stdin: IO[bytes] | int
    ) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *arguments]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        if Path(command[0]).parent == BIN:
            done = programs.run(command, stdin=stdin, env=environment, timeout=300)
        else:  # of 2019, from an environment that has no others
            done = subprocess.run(
                command, stdin=stdin, capture_output=True, env=environment, timeout=300
            )
        texts = (done.stdout.decode(), done.stderr.decode())
        return subprocess.CompletedProcess(command, done.returncode, *texts)

    def __call__(self, *arguments: str, stdin: Path | None = None) -> str:
        """Run to success; what it printed."""
        result = self.run(*arguments, stdin=stdin)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def table(self, *arguments: str, stdin: Path | None = None) -> dict[str, str]:
        """What it printed as property and value."""
        return dict(_ROW.findall(self(*arguments, stdin=stdin)))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("web")
    (place / "disk 1.raw").write_bytes(DATA)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=place)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/disk%201.raw"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, web: str) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("v1")
    port = web.split(":")[2].partition("/")[0]
    options = (
        "[DEFAULT]\nenabled_backends = file1:file, web:http\n"
        f"[import_filtering_opts]\nallowed_hosts = 127.0.0.1\nallowed_ports = {port}\n"
    )
    with (
        serve(directory / "service", stores=("file1",), options=options) as served,
        authenticating_proxy(directory / "proxy", served.url) as address,
    ):
        yield address


@pytest.fixture
def glance_as(request: pytest.FixtureRequest, url: str) -> Callable[[str], Glance]:
    of_2019 = getattr(request, "param", "today") == "2019"
    program = clients_of_2019.program("glance") if of_2019 else BIN / "glance"

    def client(who: str) -> Glance:
        address = ("--os-image-url", url, "--os-auth-token", f"token-of-{who}")
        return Glance((str(program), "--os-image-api-version", "1", *address))

    return client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(DATA)
    return path


GlanceAs = Callable[[str], Glance]
WITH_BOTH = pytest.mark.parametrize("glance_as", ["today", "2019"], indirect=True)


@WITH_BOTH
def test_the_life_of_an_image(glance_as: GlanceAs, file: Path) -> None:
    root, alice = glance_as("root"), glance_as("alice")
    made = root.table(
        "image-create", "--name", "ein Bild", "--is-public", "True", *FORMATS, "--file", str(file),
        "--progress", "--property", "os_version=12", "--property", "note=a, b & 100%",
        "--min-ram", "64", "--is-protected", "True",
    )  # fmt: skip
    assert made.items() >= {
        "name": "ein Bild", "status": "active", "is_public": "True", "size": str(len(DATA)),
        "Property 'os_version'": "12", "Property 'note'": "a, b & 100%", "owner": "ops",
    }.items()  # fmt: skip
    assert made["id"] in alice("image-list", "--is-public", "True", "--status", "active")
    saved = file.with_name("saved")
    alice("image-download", "ein Bild", "--file", str(saved), "--progress")
    assert saved.read_bytes() == DATA
    assert alice.run("image-update", made["id"], "--name", "mine").returncode != 0
    assert alice.run("image-create", "--name", "no", "--is-public", "True").returncode != 0
    root("image-update", "ein Bild", "--is-protected", "False", "--is-public", "False")
    assert made["id"] not in alice("image-list")
    assert alice.run("image-show", made["id"]).returncode != 0
    assert made["id"] in root("image-list", "--all-tenants", "--owner", "ops")
    root("image-delete", made["id"])
    assert root.run("image-show", made["id"]).returncode != 0


def test_a_pipe_and_a_queued_image(glance_as: GlanceAs, file: Path) -> None:
    alice = glance_as("alice")
    piped = alice.table("image-create", "--name", "piped", *FORMATS, stdin=file)
    assert (piped["status"], piped["size"]) == ("active", str(len(DATA)))
    queued = alice.table("image-create", "--name", "queued", "--property", "kept=1")
    assert queued["status"] == "queued"
    filled = alice.table(
        "image-update", "queued", *FORMATS, "--file", str(file), "--property", "more=2"
    )
    assert filled.items() >= {
        "status": "active", "Property 'kept'": "1", "Property 'more'": "2",
    }.items()  # fmt: skip
    alice("image-update", "queued", "--min-disk", "3", "--property", "more=3")
    shown = alice.table("image-show", "queued")
    assert shown.items() >= {
        "min_disk": "3", "Property 'kept'": "1", "Property 'more'": "3",
    }.items()  # fmt: skip
    purged = alice.table("image-update", "queued", "--purge-props", "--property", "only=1")
    assert [name for name in purged if name.startswith("Property '")] == ["Property 'only'"]
    for options, names in (
        (("--name", "piped"), ["piped"]),
        (("--property-filter", "only=1"), ["queued"]),
        (("--size-min", "1", "--sort-key", "name", "--sort-dir", "desc"), ["queued", "piped"]),
        (("--page-size", "1", "--disk-format", "raw"), ["piped", "queued"]),
        (("--container-format", "ovf", "--human-readable"), []),
        (("--size-max", "1"), []),
    ):
        found = re.findall(r"piped|queued", alice("image-list", *options))
        assert found == names, options
    since = piped["created_at"] + "Z"
    alice("image-delete", "piped", "queued")
    assert "piped" not in alice("image-list")
    assert "deleted" in alice("image-list", "--changes-since", since)


@WITH_BOTH
def test_copies_and_locations(glance_as: GlanceAs, web: str, tmp_path: Path) -> None:
    alice = glance_as("alice")
    made = alice.table("image-create", "--name", "copied", *FORMATS, "--copy-from", web)
    assert made["status"] in ("saving", "active")
    end = time.monotonic() + 120
    while (shown := alice.table("image-show", made["id"]))["status"] == "saving":
        assert time.monotonic() < end
    assert (shown["status"], shown["size"]) == ("active", str(len(DATA)))
    located = alice.table(
        "image-create", "--name", "located", *FORMATS, "--location", web, "--size", str(len(DATA))
    )
    assert located["status"] == "active"
    for image in (made, located):
        saved = tmp_path / image["id"]
        alice("image-download", image["id"], "--file", str(saved))
        assert saved.read_bytes() == DATA
        alice("image-delete", image["id"])
    refused = alice.run("image-create", *FORMATS, "--copy-from", "http://127.0.0.1:1/x")
    assert (refused.returncode != 0, "400" in refused.stdout + refused.stderr) == (True, True)


def test_members(glance_as: GlanceAs, file: Path) -> None:
    alice, bob = glance_as("alice"), glance_as("bob")
    image = alice.table("image-create", "--name", "ours", *FORMATS, "--file", str(file))["id"]
    assert image not in bob("image-list")
    alice("member-create", image, "blue", "--can-share")
    assert image in bob("image-list")
    members = alice("member-list", "--image-id", image)
    assert re.search(rf"\| {image} \| blue +\| True +\|", members)
    assert image in bob("member-list", "--tenant-id", "blue")
    assert bob.run("image-delete", image).stdout.startswith("403") or image in alice("image-list")
    alice("member-delete", image, "blue")
    assert image not in bob("image-list")
    alice("image-delete", image)


def test_openstack(url: str, web: str, file: Path) -> None:
    program = str(clients_of_2019.program("openstack"))
    address = ("--os-auth-type", "token_endpoint", "--os-url", url, "--os-token", "token-of-root")
    openstack = Glance((program, "--os-image-api-version", "1", *address))
    copied = openstack.table("image", "create", "--public", "--copy-from", web, "kopiert")
    made = openstack.table(
        "image", "create", "--public", "--protected", "--property", "a=b c", "--file", str(file),
        "geladen",
    )  # fmt: skip
    assert (made["status"], made["size"]) == ("active", str(len(DATA)))
    openstack("image", "set", "--unprotected", "--min-disk", "2", "--property", "d=e", "geladen")
    shown = openstack.table("image", "show", "geladen")
    assert shown.items() >= {"min_disk": "2", "protected": "False"}.items()
    assert {"a='b c'", "d='e'"} == {*shown["properties"].split(", ")}
    saved = file.with_name("saved")
    openstack("image", "save", "--file", str(saved), "geladen")
    assert saved.read_bytes() == DATA
    listing = openstack("image", "list", "--public")
    assert copied["id"] in listing
    assert made["id"] in listing
    openstack("image", "delete", "kopiert", "geladen")
    assert made["id"] not in openstack("image", "list")
