"""A real Keystone from PyPI in an environment of its own, on loopback: SQLite, Fernet tokens.

Users are in :data:`USERS`; the password of each is its name followed by ``pw``. What takes
long, the tables, is made once and kept below ``.services``. Keystone writes a line for every
request that it answers, so that a test can count what a token has cost.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from tests.services import process, venvs
from tests.services import shared as sharing

REQUIREMENTS: Final = ("keystone==30.*", "gunicorn>=27")
USERS: Final = (
    ("member", "demo", ("member",)),
    ("manager", "demo", ("manager",)),
    ("reader", "demo", ("reader",)),
    ("other", "other", ("member",)),
    ("glance", "service", ("admin", "service")),
    ("nova", "service", ("service",)),
    ("domain", "", ("admin",)),
)
"""User, project and roles, beside ``admin`` of the project ``admin`` and of the system.

Keystone adds the roles that others imply. An empty project stands for the domain.
"""
PROJECTS: Final = {project: uuid.uuid5(uuid.NAMESPACE_DNS, project).hex for _, project, _ in USERS}
"""Ids of the projects; ``admin`` has one that nobody knows before."""
PLACEHOLDER: Final = "http://identity.invalid/v3"

CONFIGURATION = """\
[DEFAULT]
log_file = {directory}/keystone.log
default_log_levels = keystone=WARNING,sqlalchemy=WARNING,oslo=WARNING
public_endpoint = {root}
[database]
connection = sqlite:///{directory}/keystone.db
[token]
provider = fernet
expiration = {token_life}
allow_expired_window = 3600
[fernet_tokens]
key_repository = {directory}/fernet
[fernet_receipts]
key_repository = {directory}/receipts
[credential]
key_repository = {directory}/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
"""
APPLICATION = """\
import os, sys

sys.argv = ["keystone"]  # it is read on import, and must not hold the server's own options
from keystone.wsgi.api import application as keystone

log = os.open("{directory}/requests.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def application(environ, start_response):
    def start(status, headers, exc_info=None):
        # Here and not in the server's access log, which is written when the answer is out.
        token = environ.get("HTTP_X_SUBJECT_TOKEN", "-")
        facts = environ["REQUEST_METHOD"], environ["PATH_INFO"], status[:3], token
        os.write(log, (" ".join(facts) + "\\n").encode())
        return start_response(status, headers, exc_info)

    return keystone(environ, start)
"""


@dataclass(frozen=True, slots=True)
class Keystone:
    """A running Keystone; ``url`` is where version 3 is. ``pid`` leads its process group."""

    url: str
    pid: int
    directory: Path

    def session(self, user: str = "admin", **scope: Any) -> Session:
        """A session of one of the users; ``scope`` as for keystoneauth's v3 password plugin.

        Without one: the project of the user.
        """
        if not scope:
            project = next((project for name, project, _ in USERS if name == user), "admin")
            scope = {"project_name": project, "project_domain_id": "default"}
        password = v3.Password(
            self.url, username=user, password=f"{user}pw", user_domain_id="default", **scope
        )
        return Session(password)

    def token(self, user: str = "admin", **scope: Any) -> str:
        """A new token of a user, see :meth:`session`."""
        return str(self.session(user, **scope).get_token())

    def call(self, method: str, path: str, body: Any = None, user: str = "admin") -> Any:
        """Ask the API below ``/v3`` as a user; what it answers. Raises for an error."""
        answer = self.session(user).request(self.url + path, method, json=body)
        return answer.json() if answer.content else None

    def revoke(self, token: str) -> None:
        """Make a token invalid."""
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        requests.delete(f"{self.url}/auth/tokens", headers=headers, timeout=30).raise_for_status()

    def region(self, image_url: str) -> str:
        """The name of a new region whose image endpoint is ``image_url``; this is its Keystone."""
        region = f"region-{uuid.uuid4().hex[:8]}"
        self.call("PUT", f"/regions/{region}", {"region": {}})
        for kind, url in (("identity", self.url), ("image", image_url)):
            service = self._service(kind)
            for interface in ("public", "internal", "admin"):
                endpoint = {
                    "service_id": service, "interface": interface, "url": url, "region_id": region,
                }  # fmt: skip
                self.call("POST", "/endpoints", {"endpoint": endpoint})
        return region

    def validations(self, token: str | None = None) -> int:
        """How often Keystone was asked whether ``token`` (None: any) is valid, and answered."""
        return sum(
            (method, path) == ("GET", "/v3/auth/tokens") and token in (None, subject)
            for method, path, _, subject in self._answered()
        )

    def attempts(self, status: int) -> int:
        """How often somebody asked for a new token and was answered with ``status``."""
        asked = ["POST", "/v3/auth/tokens", str(status)]
        return sum(answered[:3] == asked for answered in self._answered())

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nobody, as when its database hangs."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it with its workers, and wait for that."""
        process.stop(self.pid)

    def _answered(self) -> list[list[str]]:
        """Method, path, status and the token in question of every request, in order."""
        lines = (self.directory / "requests.log").read_text().splitlines()
        return [line.split(" ", 3) for line in lines]  # a token that is none may hold spaces

    def _service(self, kind: str) -> str:
        found = self.call("GET", f"/services?type={kind}")["services"]
        if not found:
            body = {"service": {"type": kind, "name": kind}}
            return str(self.call("POST", "/services", body)["service"]["id"])
        return str(found[0]["id"])


def start(directory: Path, *, token_life: int = 3600, port: int | None = None) -> Keystone:
    """Serve a fresh Keystone on 127.0.0.1 with all its files below ``directory``.

    ``token_life`` is in seconds. A directory that was served before is served again as it is.
    Raises :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    port = port or process.free_port()
    root = f"http://127.0.0.1:{port}"
    if not (directory / "keystone.db").exists():
        shutil.copytree(_template(), directory, dirs_exist_ok=True)
    _configure(directory, root, token_life)
    with contextlib.closing(sqlite3.connect(directory / "keystone.db")) as database, database:
        database.execute("UPDATE endpoint SET url = ? WHERE url = ?", (f"{root}/v3", PLACEHOLDER))
    log = directory / "gunicorn.log"
    started = process.spawn(
        [
            _venv() / "bin" / "gunicorn",
            *("--bind", f"127.0.0.1:{port}", "--workers", "1"),
            # One thread: Keystone answers 500 where two writers meet in SQLite.
            *("--worker-class", "gthread", "--threads", "1"),
            *("--keep-alive", "30", "--no-control-socket", "--worker-tmp-dir", str(directory)),
            *("--pythonpath", str(directory), "application:application"),
        ],
        log,
        environment=_environment(directory),
    )
    process.wait_until(lambda: process.answers(f"{root}/v3"), started, log)
    return Keystone(f"{root}/v3", started.pid, directory)


@contextlib.contextmanager
def shared(place: Path) -> Iterator[Keystone]:
    """One Keystone for all processes of a test run that name the same ``place``."""
    with sharing.shared(place, start) as url:
        state = json.loads((place / "state.json").read_text())
        yield Keystone(url, state["pid"], place / "service")


@functools.cache
def _venv() -> Path:
    """The virtual environment that holds Keystone; made on first use, safe among processes."""
    path = process.KEPT / "keystone-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        if not all((path / "bin" / name).exists() for name in ("keystone-manage", "gunicorn")):
            if not (path / "bin" / "python").exists():
                venvs.make(path)
            venvs.install(path, *REQUIREMENTS)
    return path


@functools.cache
def _template() -> Path:
    """The state to start from; another one for other users or another Keystone."""
    script = Path(__file__).parent / "keystone_template" / "make.py"
    release = sorted(path.name for path in _venv().glob("lib/*/site-packages/keystone-*"))
    facts = json.dumps([script.read_text(), USERS, release])
    path = process.KEPT / f"keystone-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    with process.locked(process.KEPT / "keystone-template.lock"):
        if not path.exists():
            new = path.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            config = _configure(new, PLACEHOLDER.removesuffix("/v3"), 3600)
            made = subprocess.run(
                [_venv() / "bin" / "python", script, config, PLACEHOLDER, json.dumps(USERS)],
                capture_output=True,
                text=True,
            )
            if made.returncode:
                raise process.StartError(f"{script} failed: {made.stderr[-3000:]}")
            new.rename(path)
    return path


def _configure(directory: Path, root: str, token_life: int) -> Path:
    config = directory / "keystone.conf"
    config.write_text(CONFIGURATION.format(directory=directory, root=root, token_life=token_life))
    (directory / "application.py").write_text(APPLICATION.format(directory=directory))
    return config


def _environment(directory: Path) -> dict[str, str]:
    return {"OS_KEYSTONE_CONFIG_DIR": str(directory), "OS_KEYSTONE_CONFIG_FILES": "keystone.conf"}
