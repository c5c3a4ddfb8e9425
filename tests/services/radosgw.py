"""Ceph's S3 server on loopback, by http and https, on a cluster of :mod:`tests.services.ceph`."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.services import process
from tests.services.ceph import Ceph

ACCESS = "imagestoretests"
SECRET = "not-a-secret-on-loopback"
SUBJECT = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
ONE_SHARD = (
    "--rgw-override-bucket-index-max-shards=1",
    "--rgw-gc-max-objs=1",
    "--rgw-lc-max-objs=1",
    "--rgw-usage-max-shards=1",
    "--rgw-num-control-oids=1",
)
"""What a gateway spreads over many objects is one here: it starts in a second then."""
COLLECTION = ("--rgw-gc-obj-min-wait=5", "--rgw-gc-processor-period=5")
"""Seconds until the room of a deleted object is free, which by default are two hours."""


@dataclass(frozen=True, slots=True)
class RadosGW:
    """A running gateway. ``conf`` is the cluster's; ``authority`` signed its certificate."""

    url: str
    secure_url: str
    pid: int
    conf: str
    authority: str

    def make_user(self, access: str, secret: str, *, quota: int | None = None) -> None:
        """Make a user, who may have at most ``quota`` bytes in all buckets together."""
        _admin(
            self.conf,
            "user",
            "create",
            f"--display-name={access}",
            uid=access,
            access_key=access,
            secret=secret,
        )
        if quota is not None:
            for action in ("set", "enable"):
                _admin(
                    self.conf,
                    "quota",
                    action,
                    uid=access,
                    quota_scope="user",
                    max_size=str(quota),
                )

    def stop(self) -> None:
        """End it; the cluster stays."""
        process.stop(self.pid)


def available() -> bool:
    """Whether the gateway is installed (Debian: radosgw)."""
    return all(shutil.which(name) for name in ("radosgw", "radosgw-admin", "openssl"))


def start(directory: Path, cluster: Ceph, *, user: bool = True) -> RadosGW:
    """Serve the cluster's objects on two free ports, all files below ``directory``.

    The user with :data:`ACCESS` and :data:`SECRET` may do everything with its buckets.
    A cluster has users only once: ``user`` is False for a second gateway. Raises
    :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    log, port, secure_port = directory / "log", process.free_port(), process.free_port()
    certificate, key = _certificate(directory)
    frontend = (
        f"beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{secure_port} "
        f"ssl_certificate={certificate} ssl_private_key={key}"
    )
    started = process.spawn(
        [
            *("radosgw", "-f", "-n", "client.rgw", "-c", cluster.conf),
            *(f"--rgw-frontends={frontend}", f"--rgw-data={directory}"),
            *(f"--log-file={directory}/radosgw.log", "--rgw-thread-pool-size=64"),
            *("--rgw-enable-quota-threads=false", "--rgw-enable-lc-threads=false"),
            *("--rgw-run-sync-thread=false", *ONE_SHARD, *COLLECTION),
        ],
        log,
    )
    gateway = RadosGW(
        f"http://127.0.0.1:{port}",
        f"https://127.0.0.1:{secure_port}",
        started.pid,
        str(cluster.conf),
        str(certificate),
    )
    process.wait_until(lambda: process.answers(gateway.url), started, log)
    if user:
        gateway.make_user(ACCESS, SECRET)
    (directory / "gateway.json").write_text(json.dumps(asdict(gateway)))
    return gateway


def at(directory: Path) -> RadosGW:
    """The running gateway of a ``directory``, which another process may have started."""
    return RadosGW(**json.loads((directory / "gateway.json").read_text()))


def _certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "tls.crt", directory / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "30", *SUBJECT, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def _admin(conf: str, *words: str, **options: str) -> None:
    named = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = ["radosgw-admin", "-n", "client.admin", "-c", conf, *words, *named, *ONE_SHARD]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise process.StartError(f"{' '.join(command)}: {done.stderr[-2000:]}")
