"""The parent and its workers, as real processes on real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.services import process as processes
from tests.supervisor.supervised_app import PIECE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PATIENCE = processes.PATIENCE


@dataclass
class Service:
    process: subprocess.Popen[bytes]
    directory: Path
    port: int = 0
    _log: Path = field(init=False)

    def __post_init__(self) -> None:
        self._log = self.directory / "log"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.02)
        raise AssertionError(f"waited in vain for {what}:\n{self.log}")

    def wait_for_log(self, pattern: str, count: int = 1) -> str:
        found = self.wait_for(
            lambda: len(re.findall(pattern, self.log)) >= count and re.search(pattern, self.log),
            pattern,
        )
        return str(found[0])

    def workers(self) -> list[int]:
        """Process ids of all that were started, and live."""
        pids = map(int, (self.directory / "starts").read_text().split())
        return [pid for pid in pids if alive(pid)]

    def children(self) -> set[int]:
        """All processes that the supervisor has."""
        pid = self.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def wait_until_begun(self) -> None:
        """Until the handler of a request that takes long has it."""
        self.wait_for((self.directory / "begun").exists, "a request to begin")

    def refuses(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return True
        return False

    def get(self, path: str = "/") -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def service(
    directory: Path, *args: str, config: str = "", ready: bool = True, **environ: str
) -> Iterator[Service]:
    (directory / "imagestore.conf").write_text(config)
    command = [
        sys.executable, "-m", "imagestore", "serve",
        "--config-file", str(directory / "imagestore.conf"), "--data-dir", str(directory),
        "--port", "0", "--app", "tests.supervisor.supervised_app:create", *args,
    ]  # fmt: skip
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        )
    found = Service(process, directory)
    try:
        if ready:
            found.port = int(found.wait_for_log(r"serving \S+:\d+").rpartition(":")[2])
        yield found
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class Load:
    """Clients that send requests without a pause; every answer must be whole and 200."""

    def __init__(self, port: int) -> None:
        self.answers = 0
        self.pids: set[int] = set()
        self.errors: list[str] = []
        self._port = port
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=[keep_alive])
            for keep_alive in (True, True, False, False)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keep_alive: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        headers = {} if keep_alive else {"Connection": "close"}
        while not self._end.is_set():
            try:
                connection.request("GET", "/", headers=headers)
                response = connection.getresponse()
                body = json.loads(response.read())
                assert response.status == 200
                self.pids.add(body["pid"])
                self.answers += 1
            except Exception as error:
                self.errors.append(repr(error))
                connection.close()
        connection.close()


def test_a_rolling_restart_under_load_loses_nothing(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2") as served, Load(served.port) as load:
        before = set(served.workers())
        served.wait_for(lambda: before <= load.pids, "answers of both workers")
        for turn in (1, 2):
            served.signal(signal.SIGHUP)
            served.wait_for_log("reloaded", turn)
        served.wait_for(lambda: len(served.workers()) == 2, "the old workers to go")
        after = set(served.workers())
        served.wait_for(lambda: after <= load.pids, "answers of their successors")
        served.wait_for(lambda: served.children() == after, "whoever forked them to end")
    assert load.errors == []
    assert not before & after
    # Also of those in between there was one that served.
    assert len(load.pids) >= 5


def test_signals_in_quick_succession_end_in_new_workers(tmp_path: Path) -> None:
    with service(tmp_path, config="[DEFAULT]\nlimit_param_default = 11\n") as served:
        before = served.workers()
        served.signal(signal.SIGHUP)
        served.wait_for_log("every worker is replaced")
        (tmp_path / "imagestore.conf").write_text("[DEFAULT]\nlimit_param_default = 12\n")
        for _ in range(5):
            served.signal(signal.SIGHUP)
            time.sleep(0.05)
        served.wait_for_log("reloaded", 2)
        served.wait_for(lambda: served.get()["page"] == 12, "an answer of those with the new one")
        assert served.log.count("every worker is replaced") == 2
        served.wait_for(lambda: not {*before} & {*served.workers()}, "the old worker to go")


def test_a_reload_brings_the_new_configuration(tmp_path: Path) -> None:
    with service(tmp_path, config="[DEFAULT]\nlimit_param_default = 11\n") as served:
        assert served.get()["page"] == 11
        (tmp_path / "imagestore.conf").write_text("[DEFAULT]\nlimit_param_default = 12\n")
        served.signal(signal.SIGHUP)
        served.wait_for_log("reloaded")
        served.wait_for(lambda: served.get()["page"] == 12, "an answer of those with the new one")


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
def test_a_reload_may_change_the_number_of_workers(tmp_path: Path, before: int, after: int) -> None:
    with (
        service(tmp_path, config=f"[DEFAULT]\nworkers = {before}\n") as served,
        Load(served.port) as load,
    ):
        assert len(served.workers()) == before
        (tmp_path / "imagestore.conf").write_text(f"[DEFAULT]\nworkers = {after}\n")
        served.signal(signal.SIGHUP)
        served.wait_for_log("reloaded")
        served.wait_for(lambda: len(served.workers()) == after, "the new number")
        load.pids.clear()
        served.wait_for(lambda: load.pids, "an answer of them")
    assert load.errors == []


@pytest.mark.parametrize("fault", ["file", "worker"])
def test_a_reload_that_fails_changes_nothing(tmp_path: Path, fault: str) -> None:
    with service(tmp_path, "--workers", "2") as served:
        before = served.workers()
        if fault == "file":
            (tmp_path / "imagestore.conf").write_text("[DEFAULT]\nbacklog = x\n")
        else:
            (tmp_path / "fail").write_text("The database is away.")
        served.signal(signal.SIGHUP)
        served.wait_for_log("backlog" if fault == "file" else "The database is away")
        assert "the reload is given up" in served.log
        assert served.workers() == before
        assert served.get()["pid"] in before

        (tmp_path / "imagestore.conf").write_text("")
        (tmp_path / "fail").unlink(missing_ok=True)
        served.signal(signal.SIGHUP)
        served.wait_for_log("reloaded")
        # The former workers answer until they have heard that they may go.
        served.wait_for(lambda: served.get()["pid"] not in before, "an answer of the others")


def test_a_killed_worker_is_replaced_and_loses_no_waiting_connection(tmp_path: Path) -> None:
    with service(tmp_path) as served:
        (pid,) = served.workers()
        os.kill(pid, signal.SIGSTOP)
        waiting = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(5)]
        for connection in waiting:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        os.kill(pid, signal.SIGKILL)
        for connection in waiting:
            connection.settimeout(PATIENCE)
            assert connection.recv(100).startswith(b"HTTP/1.0 200")
            connection.close()
        assert served.get()["pid"] != pid
        assert f"worker {pid} has ended (SIGKILL)" in served.log


def test_workers_that_die_again_and_again_are_restarted_with_pauses(tmp_path: Path) -> None:
    with service(tmp_path) as served:
        for count in (1, 2, 3):
            pid = served.wait_for(served.workers, "a worker")[0]
            served.wait_for_log(f"worker {pid} is ready")
            os.kill(pid, signal.SIGKILL)
            served.wait_for_log("has ended", count)
        delays = re.findall(r"another starts in (\S+) s", served.log)
        assert delays == ["0.0", "0.5", "1.0"]


def test_sigterm_lets_transfers_end(tmp_path: Path) -> None:
    with service(tmp_path) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        connection.request("GET", "/slow?pieces=30")
        response = connection.getresponse()
        assert response.read(10)

        upload = socket.create_connection(("127.0.0.1", served.port))
        upload.sendall(b"PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
        upload.sendall(PIECE)
        served.wait_until_begun()
        served.signal(signal.SIGTERM)
        served.wait_for(served.refuses, "the socket to close")
        upload.sendall(PIECE)
        assert b'"bytes": 2000' in upload.makefile("rb").read()

        assert len(response.read()) == 30 * len(PIECE) - 10
        assert served.process.wait(PATIENCE) == 0


def test_what_does_not_end_in_time_is_cut(tmp_path: Path) -> None:
    config = "[DEFAULT]\ngraceful_shutdown_timeout = 0.5\n"
    with service(tmp_path, config=config) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        connection.request("GET", "/block")
        served.wait_until_begun()
        start = time.monotonic()
        served.signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0
        assert time.monotonic() - start >= 0.5


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    config = "[DEFAULT]\ngraceful_shutdown_timeout = 3600\n"
    with service(tmp_path, config=config) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        connection.request("GET", "/block")
        served.wait_until_begun()
        served.signal(signal.SIGINT)
        served.wait_for_log("stopping")
        served.signal(signal.SIGINT)
        served.process.wait(PATIENCE)
        assert served.workers() == []


def test_workers_end_with_a_killed_parent_and_nothing_hinders_the_next(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2") as served:
        port = served.port
        served.signal(signal.SIGKILL)
        served.process.wait()
        served.wait_for(lambda: not served.workers(), "the workers to end")
    with service(tmp_path, "--port", str(port)) as served:
        assert served.port == port
        assert served.get()


def test_the_port_of_another_service_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        service(tmp_path / "a") as first,
        service(tmp_path / "b", "--port", str(first.port), ready=False) as second,
    ):
        assert second.process.wait(PATIENCE) == 78
        assert second.log == (
            f"imagestore: Cannot listen on 127.0.0.1 port {first.port}: "
            "another process listens there.\n"
        )


def test_a_worker_that_cannot_start_ends_the_service_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "fail").write_text("The database is away.")
    with service(tmp_path, "--workers", "3", ready=False) as served:
        assert served.process.wait(PATIENCE) == 69
        assert served.log == "imagestore: The database is away.\n"


def test_everyone_an_administrator_is_not_for_the_network(tmp_path: Path) -> None:
    with service(tmp_path, "--host", "0.0.0.0", ready=False) as served:
        assert served.process.wait(PATIENCE) == 78
        assert "allow_unauthenticated_remote" in served.log
        assert served.log.count("\n") == 1
    config = "[imagestore]\nallow_unauthenticated_remote = true\n"
    with service(tmp_path, "--host", "0.0.0.0", config=config) as served:
        assert served.get()


def test_sockets_of_systemd_are_used_and_it_is_told(tmp_path: Path) -> None:
    channel = tmp_path / "notify"
    with socket.socket() as listener, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(channel))
        told.settimeout(PATIENCE)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        # As systemd does: the socket is descriptor 3, and the process knows its own id.
        launcher = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
            "os.execv(sys.executable, [sys.executable, '-m', 'imagestore', *sys.argv[2:]])"
        )
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-c", launcher, str(listener.fileno()), "serve",
                    "--data-dir", str(tmp_path), "--app", "tests.supervisor.supervised_app:create",
                    "--workers", "2",
                ],
                pass_fds=[listener.fileno()],
                env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(channel)},
                stderr=log,
            )  # fmt: skip
        try:
            served = Service(process, tmp_path, listener.getsockname()[1])
            assert told.recv(100) == b"READY=1"
            assert served.get()["pid"] in served.workers()
            served.signal(signal.SIGHUP)
            assert told.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert told.recv(100) == b"READY=1"
            served.signal(signal.SIGTERM)
            assert told.recv(100) == b"STOPPING=1"
            assert process.wait(PATIENCE) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_tls(tmp_path: Path) -> None:
    import ssl
    import urllib.request

    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    config = f"[DEFAULT]\ncert_file = {cert}\nkey_file = {key}\n"
    with service(tmp_path, config=config) as served:
        assert "https://" in served.log
        context = ssl.create_default_context(cafile=cert)
        url = f"https://127.0.0.1:{served.port}/"
        with urllib.request.urlopen(url, context=context) as answer:
            assert json.load(answer)["pid"]

    cert.write_text("nonsense")
    with service(tmp_path, config=config, ready=False) as served:
        assert served.process.wait(PATIENCE) == 78
        assert "cert_file" in served.log


def scrape(port: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    lines = response.read().decode().splitlines()
    connection.close()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def test_metrics_of_all_workers_are_added_up_while_they_come_and_go(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    requests = 'imagestore_requests_total{method="GET",route="/",status="200"}'
    transfers = 'imagestore_transfers{direction="download"}'
    config = f"[imagestore]\nmetrics_bind = 127.0.0.1:{port}\n"
    with service(tmp_path, "--workers", "2", config=config) as served:
        answered = {served.get()["pid"] for _ in range(20)}
        assert len(answered) == 2
        assert scrape(port)[requests] == 20

        blocked = socket.create_connection(("127.0.0.1", served.port))
        blocked.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        served.wait_for(lambda: scrape(port).get(transfers) == 1, "the transfer")
        for pid in answered:
            os.kill(pid, signal.SIGKILL)
        served.wait_for_log(r"worker \d+ is ready", 4)
        served.get()
        assert scrape(port)[requests] == 21
        assert scrape(port).get(transfers, 0) == 0

        served.signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0
    assert not (tmp_path / f"run/metrics-{served.process.pid}").exists()


def test_a_worker_may_have_as_many_connections_as_the_system_lets_it(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with service(tmp_path) as served:
            (worker,) = served.workers()
            assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
