"""What tempest uploads and imports: a small image of every format, and a web server with two."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.images import GRUB_ISO
from tests.services import process

MIB = 1 << 20
CONVERTED = {
    "qcow2": ("qcow2", ()),
    "qcow2-v2": ("qcow2", ("-o", "compat=0.10")),
    "vmdk-sparse": ("vmdk", ("-o", "subformat=monolithicSparse")),
    "vmdk-stream": ("vmdk", ("-o", "subformat=streamOptimized")),
    "vdi": ("vdi", ()),
    "vhd": ("vpc", ()),
    "vhdx": ("vhdx", ()),
}
"""Name → qemu-img's name of the format, and options."""
_API = {"vpc": "vhd"}


def manifest(directory: Path) -> Path:
    """Make the images; the manifest that tempest reads. Two of them no service should take."""
    directory.mkdir(parents=True, exist_ok=True)
    raw = directory / "plain.raw"
    raw.write_bytes(bytes(MIB))
    entries = [("raw", "raw", raw.name, True)]
    for name, (kind, options) in CONVERTED.items():
        file = directory / f"{name}.{kind}"
        _qemu_img("convert", "-O", kind, *options, str(raw), str(file))
        entries.append((name, _API.get(kind, kind), file.name, True))
    shutil.copy(GRUB_ISO, directory / "disk.iso")
    entries.append(("iso", "iso", "disk.iso", True))
    backed = directory / "backing.qcow2"
    _qemu_img("create", "-q", "-f", "qcow2", "-b", "/etc/hostname", "-F", "raw", str(backed), "1M")
    outside = directory / "outside.qcow2"
    data = f"data_file={directory}/outside.raw,data_file_raw=on"
    _qemu_img("create", "-q", "-f", "qcow2", "-o", data, str(outside), "1M")
    entries += [
        ("qcow2-backing", "qcow2", backed.name, False),
        ("qcow2-datafile", "qcow2", outside.name, False),
    ]
    lines = ["images:"]
    for name, kind, file_name, usable in entries:
        lines += [f"- name: {name}", f"  format: {kind}", f"  filename: {file_name}"]
        lines.append(f"  usable: {str(usable).lower()}")
    path = directory / "manifest.yml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _qemu_img(*arguments: str) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def web(directory: Path) -> Iterator[tuple[str, int]]:
    """A web server with ``image.raw`` and ``image.qcow2``; its URL and its port."""
    directory.mkdir(parents=True, exist_ok=True)
    raw = directory / "image.raw"
    raw.write_bytes(random.Random(20).randbytes(MIB))
    _qemu_img("convert", "-O", "qcow2", str(raw), str(directory / "image.qcow2"))
    port = process.free_port()
    url, log = f"http://127.0.0.1:{port}", directory.parent / "web.log"
    command = [
        *(sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
        *("--directory", str(directory)),
    ]
    server = process.spawn(command, log)
    process.wait_until(lambda: process.answers(url), server, log)
    try:
        yield url, port
    finally:
        process.stop(server.pid)
