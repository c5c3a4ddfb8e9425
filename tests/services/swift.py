"""The real Swift 2.38, installed from PyPI into an environment of its own and served on loopback.

One replica; proxy, account, container and object server, and memcached for the tokens of tempauth.
The same port speaks S3 (s3api).
"""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from tests.services import process, venvs
from tests.services.keystone import Keystone

REQUIREMENTS = ("swift==2.38.*", "keystonemiddleware")
USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin:admin": ("adminpw", (".admin", ".reseller_admin")),
    "service:glance": ("glancepw", (".admin", ".reseller_admin")),
    "test:tester": ("testing", (".admin",)),
    "test:reader": ("reading", ()),
    "test2:tester2": ("testing2", (".admin",)),
    "small:user": ("smallpw", (".admin",)),
}
"""``account:user`` → its key and groups, for tempauth; the S3 access key and secret as well.

The account's name in URLs is ``AUTH_account``.
"""

SWIFT = """\
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = Policy-0
default = yes
[swift-constraints]
max_file_size = {max_file_size}
"""
DEFAULTS = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {directory}/etc
devices = {devices}
mount_check = false
disable_fallocate = true
workers = 0
log_level = WARNING
log_address = /dev/null
log_requests = false
conn_timeout = 10
node_timeout = {node_timeout}
"""
STORAGE = """\
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
conn_timeout = 10
node_timeout = {node_timeout}
[{kind}-replicator]
[{kind}-updater]
[{kind}-auditor]
"""
PROXY = """\
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl s3api {auth} \
copy container-quotas account-quotas slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
error_suppression_limit = {error_limit}
conn_timeout = 10
node_timeout = {node_timeout}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
dns_compliant_bucket_names = true
s3_acl = false
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
reseller_prefix = AUTH
token_life = {token_life}
{users}
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {keystone}
auth_url = {keystone}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = glance
password = glancepw
delay_auth_decision = True
cache = swift.cache
include_service_catalog = False
[filter:keystoneauth]
use = egg:swift#keystoneauth
reseller_prefix = KEY
operator_roles = admin, member
reseller_admin_role = service
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
allow_async_delete = {async_delete}
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
"""
PLAIN_FILTERS = {
    "catch_errors": "catch_errors",
    "gatekeeper": "gatekeeper",
    "healthcheck": "healthcheck",
    "listing_formats": "listing_formats",
    "bulk": "bulk",
    "tempurl": "tempurl",
    "container-quotas": "container_quotas",
    "account-quotas": "account_quotas",
    "dlo": "dlo",
    "symlink": "symlink",
}


@dataclass(frozen=True, slots=True)
class Swift:
    """A running Swift. ``pid`` is the parent of its servers; ``url`` is the S3 endpoint too."""

    url: str
    pid: int
    directory: Path

    @property
    def auth_url(self) -> str:
        """Where tempauth gives tokens (auth version 1)."""
        return auth_url(self.url)

    def server(self, kind: str) -> int:
        """The process id of the ``proxy``, ``account``, ``container`` or ``object`` server."""
        return int((self.directory / "run" / f"{kind}.pid").read_text())

    def stop(self) -> None:
        """End it with its servers, and wait for that."""
        process.stop(self.pid)


@dataclass(frozen=True, slots=True)
class Account:
    """An account with a token for it: to look at by hand, past every driver."""

    url: str
    token: str

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, data: bytes = b""
    ) -> HTTPResponse:
        """Answer of ``method account_url + path``; ``urllib.error.HTTPError`` from 400 on."""
        request = Request(
            f"{self.url}{path}",
            data or None,
            {"X-Auth-Token": self.token, **(headers or {})},
            method=method,
        )
        response: HTTPResponse = urlopen(request, timeout=60)
        return response

    def names(self, container: str = "", prefix: str = "") -> list[str]:
        """Objects of a container, or the containers; at most 10 000, none if it is missing."""
        path = f"/{quote(container)}" if container else ""
        try:
            with self.request("GET", f"{path}?{urlencode({'prefix': prefix})}") as response:
                return [str(name) for name in response.read().decode().splitlines()]
        except HTTPError as error:
            if error.code != 404:
                raise
            return []


def auth_url(url: str) -> str:
    """Where tempauth of the Swift at ``url`` gives tokens."""
    return f"{url}/auth/v1.0"


def account_of(url: str, user: str) -> Account:
    """The account of one of :data:`USERS` in the Swift at ``url``."""
    headers = {"X-Auth-User": user, "X-Auth-Key": USERS[user][0]}
    with urlopen(Request(auth_url(url), headers=headers), timeout=60) as response:
        return Account(response.headers["X-Storage-Url"], response.headers["X-Auth-Token"])


def publish(keystone: Keystone, url: str) -> None:
    """Name the Swift at ``url`` in Keystone's catalogue."""
    body = {"service": {"type": "object-store", "name": "swift"}}
    service = keystone.call("POST", "/services", body)["service"]["id"]
    for interface in ("public", "internal", "admin"):
        endpoint = {
            "service_id": service,
            "interface": interface,
            "url": f"{url}/v1/KEY_%(project_id)s",
            "region_id": "RegionOne",
        }
        keystone.call("POST", "/endpoints", {"endpoint": endpoint})


def available() -> bool:
    """Whether memcached is installed; the rest comes from PyPI."""
    return shutil.which("memcached") is not None


def venv() -> Path:
    """The virtual environment that holds Swift; made on first use, safe among processes."""
    path = process.KEPT / "swift-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        stamp = path / "requirements"
        if not stamp.exists() or stamp.read_text() != repr(REQUIREMENTS):
            venvs.make(path)
            venvs.install(path, *REQUIREMENTS)
            stamp.write_text(repr(REQUIREMENTS))
    return path


def start(
    directory: Path,
    *,
    devices: Path | None = None,
    keystone: str | None = None,
    max_file_size: int = 5 << 30,
    token_life: int = 86_400,
    node_timeout: float = 30,
    async_delete: bool = True,
    error_limit: int = 10,
) -> Swift:
    """Serve an empty Swift on free ports of 127.0.0.1 with all its files below ``directory``.

    ``devices`` is where the objects are (default ``directory/devices``; its file system must
    have extended attributes). ``keystone`` is the URL of a :mod:`tests.services.keystone`, whose
    projects have accounts ``KEY_id`` then, beside those of tempauth. ``max_file_size`` is the
    largest single object in bytes, ``token_life`` how long a token is good for, in seconds,
    ``node_timeout`` how long the proxy waits for another server. With ``async_delete``, Swift's
    default, the segments of an object that is deleted by s3api stay until an expirer runs, and
    none does here. After ``error_limit`` errors of another server, Swift's default, the proxy
    does without it for a minute. Raises :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    devices = (devices or directory / "devices").resolve()
    etc, log = directory / "etc", directory / "log" / "servers"
    for path in (etc, log.parent, directory / "run", devices / "d1"):
        path.mkdir(parents=True, exist_ok=True)
    python = venv() / "bin" / "python"
    kinds = ("account", "container", "object", "proxy")
    ports = {kind: process.free_port() for kind in kinds}
    memcached = process.free_port()
    values = {
        "directory": directory,
        "devices": devices,
        "memcached": memcached,
        "max_file_size": max_file_size,
        "token_life": token_life,
        "node_timeout": node_timeout,
        "async_delete": async_delete,
        "error_limit": error_limit,
        "user": getpass.getuser(),
        "users": _users(),
        "keystone": keystone,
        # Before tempauth, or keystoneauth refuses the accounts of that.
        "auth": "authtoken keystoneauth tempauth" if keystone else "tempauth",
    }
    (etc / "swift.conf").write_text(SWIFT.format(**values))
    for kind in kinds:
        template = PROXY + _plain_filters() if kind == "proxy" else STORAGE
        text = (DEFAULTS + template).format(kind=kind, port=ports[kind], **values)
        (etc / f"{kind}.conf").write_text(text)
    # -P: this directory has a swift.py of its own.
    program = Path(__file__).parent / "swift_servers.py"
    started = process.spawn(
        [python, "-P", program, directory, *map(str, (memcached, *ports.values()))], log
    )
    url = f"http://127.0.0.1:{ports['proxy']}"
    process.wait_until(lambda: _serves(url), started, log)
    return Swift(url, started.pid, directory)


def _users() -> str:
    return "\n".join(
        f"user_{user.replace(':', '_')} = {' '.join((key, *groups))}"
        for user, (key, groups) in USERS.items()
    )


def _plain_filters() -> str:
    return "".join(
        f"[filter:{name}]\nuse = egg:swift#{egg}\n" for name, egg in PLAIN_FILTERS.items()
    )


def _serves(url: str) -> bool:
    """Whether all servers answer: a token, and a listing of the account."""
    try:
        account = account_of(url, "admin:admin")
        with account.request("GET", "?limit=1"):
            return True
    except (URLError, OSError):
        return False
