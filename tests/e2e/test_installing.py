"""docs/installing.md, done: every command of the page, on a real database and Keystone."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.images import converted
from tests.measuring import unmeasured
from tests.services import clients_of_2019, mariadb, postgresql, process
from tests.services.keystone import Keystone
from tests.services.programs import BIN

PAGE = process.CHECKOUT / "docs/installing.md"

SUBSTITUTES = {
    # Words: the machine, its ports, its passwords, and directories that are root's.
    "@controller/": "@127.0.0.1:{database}/",
    "http://controller:5000/v3": "{keystone}",
    "http://controller:9292": "http://127.0.0.1:{port}",
    "ADMIN_PASS": "adminpw",
    "http://mirror.example.org/": "http://127.0.0.1:{mirror}/",
    "mirror.example.org": "127.0.0.1",
    "allowed_ports = 80, 443": "allowed_ports = {mirror}",
    "/etc/": "{root}/etc/",
    "/var/lib/": "{root}/var/lib/",
    "/usr/lib/sysusers.d/": "{root}/usr/lib/sysusers.d/",
    "bind_host = 0.0.0.0": "bind_host = 127.0.0.1\nbind_port = {port}",
    # Beginnings of lines: there is no user of the service here, and nobody is asked to be one.
    "runuser -u imagestore -- ": "",
    "runuser -u postgres -- ": "",
    "chown root:imagestore ": ": ",
    "install -d -o imagestore -g imagestore ": "install -d ",
    # Tested elsewhere: packages in tests/packaging, the unit by systemd-analyze.
    "apt-get ": ": ",
    "python3 -m venv ": ": ",
    "/opt/imagestore/bin/pip ": ": ",
    "ln -sf ": ": ",
    "systemd-sysusers": ":",
    # What there is no network for.
    "curl --fail --location --output cirros.qcow2 ": "cp {image} cirros.qcow2 # ",
}
"""What is written on the page, and what is typed here; in this order."""


@dataclass(frozen=True)
class Installation:
    directory: Path
    words: dict[str, str]
    environment: dict[str, str]

    def program(self, name: str, command: str) -> None:
        """What is run by that name: ``command``, with all words that follow."""
        path = self.directory / "bin" / name
        path.write_text(f'#!/bin/sh\n{command} "$@"\n')
        path.chmod(0o755)

    def follow(self, *without: str) -> str:
        """Do what the page says, but for the sections of these titles; what was printed."""
        script, log = self.directory / "page.sh", self.log
        script.write_text(self.script(*without))
        done = subprocess.run(
            ["bash", script], capture_output=True, text=True, env=self.environment
        )
        served = log.read_text()[-3000:] if log.exists() else ""
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + served
        return done.stdout

    @property
    def log(self) -> Path:
        return self.directory / "serve.log"

    def typed(self, text: str) -> str:
        for written, here in SUBSTITUTES.items():
            text = text.replace(written, here.format(**self.words))
        return text

    def script(self, *without: str) -> str:
        """The page as a script, which writes its files and runs its commands."""
        page = PAGE.read_text()
        for title in without:
            page, left_out = re.subn(rf"(?ms)^##+ {title}$.*?(?=^##)", "", page)
            assert left_out == 1, title
        lines = ["set -eu", f"cd {process.CHECKOUT}"]
        blocks = re.finditer(r"(?:`([^`]+)`:\n\n)?^```(console|ini)\n(.*?)^```$", page, re.M | re.S)
        for path, kind, text in (block.groups() for block in blocks):
            if kind == "ini":
                lines.append(f"cat > {self.typed(path)} <<'END'\n{self.typed(text)}END")
                continue
            for line in text.splitlines():
                assert line.startswith(("$ ", "# ")), line
                command = line[2:]
                if "cirros.qcow2" in command:
                    lines.append(f"cd {self.directory}")
                lines += [f"echo {shlex.quote('+ ' + command)}", self.typed(command)]
        return "\n".join(lines) + "\n"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Where the page is followed: programs by the names that it uses, and a mirror of images."""
    image = converted(tmp_path, "qcow2")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/cirros.qcow2").hardlink_to(image)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, program in (
        ("imagestore", BIN / "imagestore"),
        ("openstack", BIN / "openstack"),
        ("glance", clients_of_2019.program("glance")),
    ):
        (programs / name).symlink_to(program)
    root, pid = tmp_path / "root", tmp_path / "pid"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "mirror")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as mirror:
        thread = threading.Thread(target=mirror.serve_forever)
        thread.start()
        words = {
            "database": "", "keystone": "http://127.0.0.1:1/v3", "root": str(root),
            "port": str(process.free_port()), "mirror": str(mirror.server_port),
            "image": str(image),
        }  # fmt: skip
        environment = {k: v for k, v in unmeasured().items() if not k.startswith("OS_")}
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        environment["IMAGESTORE_DATA_DIR"] = str(root / "var/lib/imagestore")
        made = Installation(tmp_path, words, environment)
        unit = f"{root}/etc/systemd/system/imagestore.service"
        # Starts what the unit that the page installed says, and returns when it is ready.
        module = f"{sys.executable} -m tests.e2e.test_installing"
        made.program("systemctl", f"exec {module} {unit} {root} {tmp_path}/serve.log {pid} #")
        yield made
        if pid.exists():
            process.stop(int(pid.read_text()))
        mirror.shutdown()
        thread.join()


def start(unit: Path, root: str, log: Path, pid: Path) -> None:
    """What systemctl does: run ``ExecStart`` of the unit, and wait until it listens."""
    found = re.search(r"^ExecStart=/opt/imagestore/bin/(.*)$", unit.read_text(), re.M)
    assert found
    command = [word.replace("/etc/", f"{root}/etc/") for word in found[1].split()]
    started = process.spawn([BIN / command[0], *command[1:]], log)
    pid.write_text(str(started.pid))
    process.wait_until(lambda: "serving http" in log.read_text(), started, log)


def test_the_page(installation: Installation, own_keystone: Keystone) -> None:
    server = mariadb.start(installation.directory / "db", durable=False, buffer_pool="64M")
    try:
        client = f"/usr/bin/mariadb --no-defaults -u root -S {mariadb.socket_of(server.port)}"
        installation.program("mariadb", client)
        installation.words.update(database=str(server.port), keystone=own_keystone.url)
        told = installation.follow("PostgreSQL")
        # Each is there with data, whatever made it.
        assert re.search(r"\| cirros +\| active ", told)
        assert re.search(r"\| cirros-2014 +\| active ", told)
        assert not (installation.directory / "cirros.qcow2").exists()
        assert installed(installation) == {"cirros-copied": "active"}
        store = installation.directory / "root/var/lib/imagestore/images"
        assert len([path for path in store.rglob("*") if path.is_file()]) == 1
        assert "Traceback" not in installation.log.read_text()
    finally:
        server.stop()


def test_the_page_with_postgresql(installation: Installation) -> None:
    """As far as the tables; what follows does not differ."""
    server = postgresql.start(installation.directory / "db")
    try:
        address = postgresql.database_url(server.port, "postgresql", "postgres")
        installation.program("psql", f"/usr/bin/psql -v ON_ERROR_STOP=1 -d {address}")
        installation.words.update(database=str(server.port))
        told = installation.follow("MariaDB", "3. Keystone", "6. Start", "7. Verify")
        assert "The tables are up to date." in told
    finally:
        server.stop()


def installed(installation: Installation) -> dict[str, str]:
    """Names and states of all images, when none is on its way any more."""
    exports = "\n".join(
        line[2:] for line in PAGE.read_text().splitlines() if line.startswith("$ export ")
    )
    script = f"{installation.typed(exports)}\nopenstack image list -f json"
    end = time.monotonic() + process.PATIENCE
    while True:
        told = subprocess.run(
            ["bash", "-c", script], capture_output=True, check=True, env=installation.environment
        )
        states = {image["Name"]: image["Status"] for image in json.loads(told.stdout)}
        if set(states.values()) <= {"active", "killed"} or time.monotonic() > end:
            return states


if __name__ == "__main__":
    start(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
