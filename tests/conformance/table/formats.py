"""Content against the declared format: what is accepted, measured, refused."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance import samples
from tests.conformance.entry import Scene, each
from tests.conformance.requests import download, raw_image, show, upload

TEXT = b"nothing that any format begins with\n" * 64

ACCEPTED = {
    "qcow2": samples.qcow2(),
    "vdi": samples.vdi(),
    "vhd": samples.vhd(),
    "vmdk": samples.vmdk(),
    "vmdk-stream": samples.vmdk("streamOptimized"),
    "iso": samples.iso(),
    "raw-text": TEXT,
    "raw-mbr": samples.mbr(),
    "raw-gpt": samples.gpt(),
    "ami": TEXT,
    "aki": TEXT,
    "ari": TEXT,
    "ploop": TEXT,
    "qcow2-v2": samples.qcow2(version=2),
    "qcow2-empty-disk": samples.qcow2(virtual_size=0),
}
REFUSED = {
    "qcow2-text": TEXT,
    "qcow2-empty": b"",
    "qcow2-short": samples.qcow2()[:64],
    "qcow2-backing": samples.qcow2(backing=b"/etc/passwd"),
    "qcow2-v2-backing": samples.qcow2(version=2, backing=b"/etc/passwd"),
    "qcow2-data-file": samples.qcow2(features=4),
    "qcow2-unknown-feature": samples.qcow2(features=1 << 40),
    "qcow2-as-vmdk": samples.vmdk(),
    "vdi-as-qcow2": samples.qcow2(),
    "vmdk-as-qcow2": samples.qcow2(),
    "vmdk-flat": samples.vmdk("monolithicFlat"),
    "vmdk-extent-path": samples.vmdk(extent="/etc/passwd"),
    "vmdk-text": TEXT,
    "vhd-as-qcow2": samples.qcow2(),
    "vhdx-as-text": TEXT,
    "vhdx-as-head": samples.vhdx(),
    "iso-as-qcow2": samples.qcow2(),
    "iso-as-text": TEXT,
    "raw-as-qcow2": samples.qcow2(),
    "raw-as-vdi": samples.vdi(),
    "raw-as-vmdk": samples.vmdk(),
    "raw-as-iso": samples.iso(),
    "raw-as-luks": samples.luks(),
    "raw-as-backing": samples.qcow2(backing=b"/etc/passwd"),
    "ami-as-qcow2": samples.qcow2(),
    "aki-as-qcow2": samples.qcow2(),
}
UNINSPECTED = {"ovf": samples.vmdk(), "ova": TEXT, "docker": TEXT, "compressed": samples.qcow2()}


def _matching(disk_format: str) -> dict[str, str]:
    """The container of Amazon's formats bears the name of the disk."""
    return {"disk_format": disk_format, "container_format": "bare"}


def scenes() -> Iterator[Scene]:
    for name, data in (ACCEPTED | REFUSED).items():
        fields = _matching(name.partition("-")[0])
        if fields["disk_format"] in ("ami", "aki", "ari"):
            fields["container_format"] = fields["disk_format"]
        cases = {f"formats/{name}": [upload(data=data), show(), download()]}
        yield from each((raw_image(**fields),), cases)
    for container, data in UNINSPECTED.items():
        case = {f"formats/in-{container}": [upload(data=data), show()]}
        yield from each((raw_image(disk_format="qcow2", container_format=container),), case)
    again = [
        upload(data=TEXT),
        show(),
        download(),
        upload(data=samples.qcow2()),
        show(),
        download(),
    ]
    yield from each((raw_image(disk_format="qcow2"),), {"formats/refused-then-good": again})
    chunked = [upload(data=TEXT, chunked=True), show()]
    yield from each((raw_image(disk_format="qcow2"),), {"formats/refused-chunked": chunked})
    second = [upload(data=TEXT, headers={"X-Image-Meta-Store": "file2"}), show()]
    yield from each((raw_image(disk_format="qcow2"),), {"formats/refused-second-store": second})
