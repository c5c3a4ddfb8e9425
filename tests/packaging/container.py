"""``make container``: the Containerfile built by Debian's buildah, and what it makes served.

The base comes from debootstrap's successor instead of a registry, and is kept. The root is
read-only, and the user not root, as ``podman run --read-only`` has it; networks are the machine's.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.services import process

RELEASE = "bookworm"
PLACE = process.KEPT / "container"
BUILDAH = ("buildah", "--storage-driver", "vfs", "--root", str(PLACE / "images"))
AS_HERE = [path for path in ("/etc/ssl/certs", "/etc/pip.conf") if Path(path).exists()]
"""By these the machine reaches PyPI."""


def buildah(*words: str | Path) -> str:
    """What it prints. Raises for an error, which it tells on standard error."""
    command = [*BUILDAH, "--runroot", str(PLACE / "run"), *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def base() -> str:
    """The image to start from: the smallest Debian that has apt."""
    name = f"localhost/debian:{RELEASE}"
    if not buildah("images", "--quiet", "--filter", f"reference={name}"):
        archive = PLACE / "base.tar"
        make = ["mmdebstrap", "--variant=minbase", "--dpkgopt=path-exclude=/usr/share/doc/*"]
        subprocess.run([*make, "--include=ca-certificates", RELEASE, archive], check=True)
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, archive, "/")
        buildah("commit", "--quiet", "--rm", container, name)
        archive.unlink()
    return name


def build() -> str:
    volumes = [word for path in AS_HERE for word in ("--volume", f"{path}:{path}:ro")]
    name = "localhost/imagestore"
    buildah(
        "build", "--isolation", "chroot", "--format", "docker", "--pull-never", *volumes,
        "--build-arg", f"BASE={base()}", "--tag", name, process.CHECKOUT,
    )  # fmt: skip
    return name


def serve(root: Path, config: dict[str, Any]) -> None:
    """Start what the image starts, ask it by the image's own health check, and end it."""
    port = process.free_port()
    user = config["User"]
    environ = [*config["Env"], "OS_IMAGESTORE__ALLOW_UNAUTHENTICATED_REMOTE=true"]
    inside = ["chroot", f"--userspec={user}", str(root), "env", "-i", *environ]
    service = [*inside, *config["Entrypoint"], *config["Cmd"], "--port", str(port)]
    health = [word.replace("9292", str(port)) for word in config["Healthcheck"]["Test"][1:]]
    with tempfile.TemporaryDirectory() as data:
        script = (
            f"mount --bind {root} {root} && mount --bind {data} {root}/var/lib/imagestore\n"
            f"chown {user} {data} && mount -t proc proc {root}/proc\n"
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp && mount --bind /dev {root}/dev\n"
            f"mount -o remount,ro,bind {root} && ! touch {root}/x 2>/dev/null || exit 3\n"
            f"{shlex.join(service)} & service=$!\n"
            f"well() {{ {shlex.join([*inside, *health])}; }}\n"
            "for _ in $(seq 300); do well 2>/dev/null && break; sleep 0.2; done\n"
            "well; well=$?\n"
            "kill $service; wait $service; ended=$?\n"
            "exit $((well ? 4 : ended))\n"
        )  # fmt: skip
        subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)
        assert (Path(data) / "imagestore.sqlite").stat().st_uid == int(user.partition(":")[0])


def main() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    process.watched()
    image = build()
    config = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    container = buildah("from", image)
    try:
        root = Path(buildah("mount", container))
        serve(root, config)
        used = subprocess.run(["du", "-sm", root], capture_output=True, text=True).stdout.split()[0]
    finally:
        buildah("rm", container)
    print(f"{image}: {used} MiB; served as {config['User']} on a read-only root, and is well.")


if __name__ == "__main__":
    main()
