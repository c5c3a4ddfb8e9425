"""haproxy and nginx in front of several nodes, with the sample files that operators are given."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import process

CONF = Path(__file__).parents[2] / "conf"
_NODE = re.compile(r"192\.0\.2\.1([123]):9292")


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def _sample(name: str, port: int, nodes: Sequence[int]) -> str:
    """The sample with ports of this machine in place of its addresses."""
    text = (CONF / name).read_text()
    text, count = _NODE.subn(lambda found: f"127.0.0.1:{nodes[int(found[1]) - 1]}", text)
    assert count == len(nodes)
    return text.replace("listen 9292", f"listen 127.0.0.1:{port}").replace(
        "bind :9292", f"bind 127.0.0.1:{port}"
    )


@dataclass
class HAProxy:
    """A running haproxy; nodes go out of service when they say that they are not ready."""

    url: str
    pid: int
    control: Path

    def stop(self) -> None:
        process.stop(self.pid)

    def drain(self, node: int) -> None:
        """Wait until no request goes to the node, which has said so."""
        self._until(node, "DOWN")

    def admit(self, node: int) -> None:
        self._until(node, "UP")

    def _until(self, node: int, word: str) -> None:
        end = time.monotonic() + 60
        while word not in (state := self._states()[f"node{node + 1}"]):
            assert time.monotonic() < end, state
            time.sleep(0.1)

    def _states(self) -> dict[str, str]:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.control))
            control.sendall(b"show stat\n")
            with control.makefile() as answer:
                rows = [line.split(",") for line in answer if line.startswith("nodes,")]
        return {row[1]: row[17] for row in rows}


def haproxy(directory: Path, nodes: Sequence[int]) -> HAProxy:
    """Raises :class:`tests.services.process.StartError`."""
    directory.mkdir(parents=True)
    port, log, control = process.free_port(), directory / "haproxy.log", directory / "admin.sock"
    text = _sample("haproxy-load-balancer.cfg.sample", port, nodes)
    configuration = directory / "haproxy.cfg"
    configuration.write_text(text.replace("/run/haproxy/admin.sock", str(control)))
    found = program("haproxy")
    if found is None:
        raise process.StartError("haproxy is not installed")
    started = process.spawn([found, "-db", "-f", configuration], log)
    url = f"http://127.0.0.1:{port}"
    process.wait_until(lambda: process.answers(f"{url}/healthcheck"), started, log)
    return HAProxy(url, started.pid, control)


@dataclass
class Nginx:
    """A running nginx; a node is taken out of service by its configuration."""

    url: str
    pid: int
    configuration: Path
    nodes: Sequence[int]
    _text: str = field(default="")

    def stop(self) -> None:
        process.stop(self.pid)

    def drain(self, node: int) -> None:
        server = f"server 127.0.0.1:{self.nodes[node]}"
        self._reload(re.sub(f"({server}) [^;]*;", r"\1 down;", self._text))

    def admit(self, node: int) -> None:
        self._reload(self._text)

    def _reload(self, text: str) -> None:
        before = _children(self.pid)
        self.configuration.write_text(text)
        os.kill(self.pid, signal.SIGHUP)
        end = time.monotonic() + 60
        while not _children(self.pid) - before:
            assert time.monotonic() < end
            time.sleep(0.05)
        # The former workers end when what they serve has ended; they take nothing new.
        time.sleep(0.5)


def nginx(directory: Path, nodes: Sequence[int]) -> Nginx:
    """Raises :class:`tests.services.process.StartError`."""
    directory.mkdir(parents=True)
    port, log = process.free_port(), directory / "nginx.log"
    configuration, main = directory / "imagestore.conf", directory / "nginx.conf"
    text = _sample("nginx-load-balancer.conf.sample", port, nodes)
    configuration.write_text(text)
    user = "user root;" if Path.home() == Path("/root") else ""
    temporary = "".join(
        f"{name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"{user} daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; {temporary} include {configuration}; }}\n"
    )
    found = program("nginx")
    if found is None:
        raise process.StartError("nginx is not installed")
    started = process.spawn([found, "-c", main, "-p", directory], log)
    url = f"http://127.0.0.1:{port}"
    process.wait_until(lambda: process.answers(f"{url}/healthcheck"), started, log)
    return Nginx(url, started.pid, configuration, nodes, text)


def _children(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
