"""Which content is accepted for which format: every sample under every declaration.

The table is what Glance 33 answers to an upload of the same bytes, but where noted.
"""

from __future__ import annotations

import dataclasses
import random
import struct
from pathlib import Path

import pytest

from imagestore.config.settings import Images
from imagestore.model.errors import Unsupported
from imagestore.transfer.inspection import Inspection

from . import samples
from .samples import DISK

FORMATS = ("raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "ploop")
REFUSED: dict[str, int | None] = {}
WHOLE = -1
"""The virtual size is that of the whole stream."""

RAW_OR_UNKNOWN: dict[str, int | None] = {"raw": WHOLE, "ploop": None}
ACCEPTED: dict[str, dict[str, int | None]] = {
    "qcow2-v3": {"raw": WHOLE, "qcow2": DISK},
    "qcow2-v2": {"raw": WHOLE, "qcow2": DISK},
    "qcow2-zstd": {"raw": WHOLE, "qcow2": DISK},
    "qcow2-backing": REFUSED,
    "qcow2-data-file": REFUSED,
    "qcow": REFUSED,
    "qed": REFUSED,
    "vmdk-sparse": {"raw": WHOLE, "vmdk": DISK},
    "vmdk-stream": {"raw": WHOLE, "vmdk": DISK},
    "vmdk-flat": REFUSED,
    "vmdk-2gb": REFUSED,
    "vmdk-descriptor": REFUSED,
    "vmdk-descriptor-padded": REFUSED,  # Glance sees none in it, and takes it as raw
    "vhd-dynamic": {"raw": WHOLE, "vhd": DISK},
    "vhd-fixed": RAW_OR_UNKNOWN,  # its mark is at the end
    "vhdx": {"raw": WHOLE, "vhdx": DISK},
    "vdi": {"raw": WHOLE, "vdi": DISK},
    "parallels": RAW_OR_UNKNOWN,
    "luks": {"raw": WHOLE},
    # Bootable CDs carry a partition table too. Glance takes them as iso, but as raw only
    # those without one.
    "iso-grub": {"raw": WHOLE, "iso": 5_081_088},
    "iso-memtest": {"raw": WHOLE, "iso": 1_691_648},
    "iso-ipxe": {"raw": WHOLE, "iso": 1_730_560},
    "floppy-grub": {"raw": WHOLE, "iso": 1_296_384},
    "kernel-memtest": REFUSED,
    "kernel-ipxe": {"raw": WHOLE},
    "empty": {"raw": None, "ploop": None},
    "one": RAW_OR_UNKNOWN,
    "random": RAW_OR_UNKNOWN,
    "zeros": RAW_OR_UNKNOWN,
    "text": RAW_OR_UNKNOWN,
    "text-utf8": RAW_OR_UNKNOWN,  # Glance accepts it as anything
    "mbr": {"raw": WHOLE},
    "gpt": {"raw": WHOLE},
    "mbr-bad-flag": REFUSED,
    "mbr-no-partition": REFUSED,
    "gpt-hybrid": REFUSED,
    "qcow2-huge": {"raw": WHOLE},  # Glance fails with 500 for qcow2
    "qcow2-and-iso": REFUSED,
    "qcow2-cut": RAW_OR_UNKNOWN,
    "gzip": RAW_OR_UNKNOWN,
}
UNSAFE_ANYWHERE = {
    "qcow2-backing",
    "qcow2-data-file",
    "qcow",
    "qed",
    "vmdk-flat",
    "vmdk-2gb",
    "vmdk-descriptor",
    "vmdk-descriptor-padded",
}
"""Refused in every container, where Glance looks at nothing."""


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


def inspect(
    data: bytes,
    disk_format: str,
    container_format: str = "bare",
    *,
    step: int = 1 << 20,
    **settings: object,
) -> int | None:
    """The virtual size; raises what the inspection raises."""
    inspection = Inspection(
        disk_format, container_format, dataclasses.replace(Images(), **settings)
    )
    for start in range(0, len(data), step):
        if inspection.hungry:
            inspection.feed([data[start : start + step]])
    return inspection.finish(len(data))


def test_every_sample_is_in_the_table() -> None:
    assert ACCEPTED.keys() == {
        *samples.MADE,
        *samples.CONVERTED,
        *samples.PACKAGED,
        *samples.WRITTEN,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ACCEPTED)
def test_bare(directory: Path, name: str) -> None:
    data = samples.make(directory, name).read_bytes()
    for disk_format in FORMATS:
        if disk_format in ACCEPTED[name]:
            expected = ACCEPTED[name][disk_format]
            assert inspect(data, disk_format) == (len(data) if expected == WHOLE else expected)
        else:
            with pytest.raises(Unsupported):
                inspect(data, disk_format)


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 511, 65_536, 3 << 20])
def test_it_does_not_matter_how_the_stream_is_cut(directory: Path, name: str, step: int) -> None:
    data = samples.make(directory, name).read_bytes()
    if step == 1:
        data = data[:5000]
    for disk_format in ("raw", name.split("-")[0]):
        try:
            expected: object = inspect(data, disk_format)
        except Unsupported as error:
            expected = error.message
        try:
            result: object = inspect(data, disk_format, step=step)
        except Unsupported as error:
            result = error.message
        assert result == expected


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize(
    ("container", "disk_format"),
    [("ovf", "vmdk"), ("ova", "vmdk"), ("docker", "raw"), ("compressed", "raw"), ("aki", "aki")],
)
def test_other_containers(directory: Path, name: str, container: str, disk_format: str) -> None:
    data = samples.make(directory, name).read_bytes()
    if name in UNSAFE_ANYWHERE:
        with pytest.raises(Unsupported, match="not safe"):
            inspect(data, disk_format, container)
        assert inspect(data, disk_format, container, reject_unsafe_raw=False) is None
    else:
        assert inspect(data, disk_format, container) is None


def test_what_is_refused_is_refused_early(directory: Path) -> None:
    for name, disk_format in [("zeros", "qcow2"), ("qcow2-backing", "raw"), ("vhdx", "vdi")]:
        data = samples.make(directory, name).read_bytes()[: 1 << 20].ljust(1 << 20, b"\0")
        inspection = Inspection(disk_format, "bare", Images())
        with pytest.raises(Unsupported):
            inspection.feed([data])


@pytest.mark.parametrize("name", ["qcow2-v3", "random", "zeros", "iso-grub", "gpt", "luks"])
def test_most_formats_are_known_after_the_first_mebibyte(directory: Path, name: str) -> None:
    data = samples.make(directory, name).read_bytes().ljust(1 << 20, b"\0")
    inspection = Inspection("raw", "bare", Images())
    inspection.feed([data[: 1 << 20]])
    assert not inspection.hungry


def vmdk_with_footer(directory: Path) -> bytearray:
    """As VMware writes stream-optimised disks, and qemu-img does not: with the header once more."""
    data = bytearray(samples.make(directory, "vmdk-stream").read_bytes())
    header = bytes(data[:512])
    data[56:64] = b"\xff" * 8  # the grain directory is where the footer says
    marker = struct.pack("<QII", 1, 0, 3).ljust(512, b"\0")
    return data + marker + header + bytes(512)


def test_the_footer_of_a_vmdk_is_found(directory: Path) -> None:
    data = vmdk_with_footer(directory)
    version_in_footer = len(data) - 1024 + 4
    for step in (700, 65_536, 1 << 20, 1 << 24):
        assert inspect(bytes(data), "vmdk", step=step) == DISK
        data[version_in_footer] ^= 1
        with pytest.raises(Unsupported, match="footer"):
            inspect(bytes(data), "vmdk", step=step)
        data[version_in_footer] ^= 1


def test_without_required_match(directory: Path) -> None:
    for name, expected in {"random": None, "iso-grub": None, "qcow2-v3": DISK}.items():
        data = samples.make(directory, name).read_bytes()
        assert inspect(data, "qcow2", require_image_format_match=False) == expected
    for name in ("qcow2-huge", "qcow2-and-iso"):
        data = samples.make(directory, name).read_bytes()
        assert inspect(data, "qcow2", require_image_format_match=False) is None
    data = samples.make(directory, "qcow2-backing").read_bytes()
    for disk_format in ("qcow2", "vdi"):
        with pytest.raises(Unsupported, match="backing_file"):
            inspect(data, disk_format, require_image_format_match=False)


def test_raw_may_be_exempt_from_safety(directory: Path) -> None:
    data = samples.make(directory, "qcow2-backing").read_bytes()
    assert inspect(data, "raw", reject_unsafe_raw=False) == len(data)
    with pytest.raises(Unsupported):
        inspect(data, "qcow2", reject_unsafe_raw=False)


def test_partition_tables_may_be_tolerated(directory: Path) -> None:
    data = samples.make(directory, "gpt-hybrid").read_bytes()
    assert inspect(data, "raw", gpt_safety_checks_nonfatal=("mbr",)) == len(data)
    data = samples.make(directory, "qcow2-backing").read_bytes()
    with pytest.raises(Unsupported):
        inspect(data, "raw", gpt_safety_checks_nonfatal=("mbr", "backing_file"))


def test_kinds_of_vmdk_may_be_fewer(directory: Path) -> None:
    data = samples.make(directory, "vmdk-sparse").read_bytes()
    assert inspect(data, "vmdk", vmdk_allowed_types=("monolithicSparse",)) == DISK
    with pytest.raises(Unsupported, match="subformat"):
        inspect(data, "vmdk", vmdk_allowed_types=("streamOptimized",))


def test_luks_as_a_format_of_its_own(directory: Path) -> None:
    data = samples.make(directory, "luks").read_bytes()
    assert inspect(data, "luks") == DISK


def test_a_guests_disk_may_begin_with_luks_of_any_version(directory: Path) -> None:
    data = bytearray(samples.make(directory, "luks").read_bytes())
    data[6:8] = b"\0\2"  # which Cinder's encrypted volumes have, and oslo.utils does not know
    whole = bytes(data)
    inspection = Inspection("raw", "bare", Images(), of_a_guest=True)
    inspection.feed([whole])
    assert inspection.finish(len(whole)) == len(whole)
    for disk_format, of_a_guest in (("raw", False), ("luks", True)):
        inspection = Inspection(disk_format, "bare", Images(), of_a_guest=of_a_guest)
        with pytest.raises(Unsupported, match="version"):
            inspection.feed([whole])
            inspection.finish(len(whole))


def test_damaged_headers_never_end_in_anything_else(directory: Path) -> None:
    chance = random.Random(11)
    for name in ("qcow2-v3", "vmdk-sparse", "vmdk-stream", "vhdx", "vdi", "luks", "iso-ipxe"):
        whole = samples.make(directory, name).read_bytes()
        for _ in range(30):
            data = bytearray(whole[: chance.choice([600, 40_000, len(whole)])])
            for _ in range(chance.randint(1, 40)):
                data[chance.randrange(min(len(data), 70_000))] = chance.randrange(256)
            for disk_format in (name.split("-")[0], "raw"):
                try:
                    inspect(bytes(data), disk_format)
                except Unsupported as error:
                    assert error.message
