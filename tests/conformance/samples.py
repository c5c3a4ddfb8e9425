"""Small disk images made by hand: just enough of each format to be recognised."""

from __future__ import annotations

import struct

SECTOR = 512


def padded(head: bytes, size: int = 128 * 1024) -> bytes:
    """``head`` followed by zeros up to ``size`` bytes."""
    return head.ljust(size, b"\0")


def qcow2(
    *, version: int = 3, virtual_size: int = 1 << 20, backing: bytes = b"", features: int = 0
) -> bytes:
    """A QCOW2 header; ``features`` are the incompatible ones (bit 2: external data file)."""
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb",
        version,
        112 if backing else 0,
        len(backing),
        16,  # cluster bits
        virtual_size,
        0,  # encryption
        1,  # L1 entries
        0x30000,
        0x10000,
        1,
        0,
        0,
        features,
        0,
        0,
        4,
        104,
    )
    return padded(header + bytes(8) + backing, 256 * 1024)


def vdi(virtual_size: int = 1 << 20) -> bytes:
    """A VirtualBox header."""
    head = bytearray(SECTOR)
    head[:39] = b"<<< Oracle VM VirtualBox Disk Image >>>"
    struct.pack_into("<I", head, 0x40, 0xBEDA107F)
    struct.pack_into("<Q", head, 0x170, virtual_size)
    return padded(bytes(head))


def vhd(virtual_size: int = 1 << 20) -> bytes:
    """A dynamic VHD: its footer is copied to the start."""
    head = bytearray(SECTOR)
    head[:8] = b"conectix"
    struct.pack_into(">Q", head, 40, virtual_size)
    struct.pack_into(">Q", head, 48, virtual_size)
    struct.pack_into(">I", head, 60, 3)
    return padded(bytes(head))


def vmdk(kind: str = "monolithicSparse", *, extent: str = "disk.vmdk") -> bytes:
    """A sparse VMDK with its descriptor in the second sector."""
    sectors = 2048
    header = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, sectors, 128, 1, 20, 512, 21, 26, 128)
    descriptor = (
        "# Disk DescriptorFile\nversion=1\nCID=7fa3c1e2\nparentCID=ffffffff\n"
        f'createType="{kind}"\n\n# Extent description\nRW {sectors} SPARSE "{extent}"\n\n'
        '# The Disk Data Base\n#DDB\nddb.virtualHWVersion = "4"\n'
    )
    return padded(padded(header, SECTOR) + padded(descriptor.encode(), 20 * SECTOR))


def iso(size: int = 64 * 1024) -> bytes:
    """An ISO 9660 volume: a primary volume descriptor in the sixteenth sector of 2 KiB."""
    data = bytearray(size)
    descriptor = bytearray(2048)
    descriptor[:7] = b"\x01CD001\x01"
    struct.pack_into("<I", descriptor, 80, size // 2048)
    struct.pack_into(">I", descriptor, 84, size // 2048)
    struct.pack_into("<H", descriptor, 128, 2048)
    struct.pack_into(">H", descriptor, 130, 2048)
    data[0x8000 : 0x8000 + 2048] = descriptor
    return bytes(data)


def mbr(*, partition: int = 0x83, sectors: int = 256) -> bytes:
    """A disk with a boot sector and one partition; 0xEE announces a GPT."""
    head = bytearray(SECTOR)
    struct.pack_into("<BBBBBBBBII", head, 446, 0x80, 0, 2, 0, partition, 0, 0, 0, 1, sectors - 1)
    head[510:] = b"\x55\xaa"
    return padded(bytes(head), sectors * SECTOR)


def gpt() -> bytes:
    """A disk with a protective boot sector and a GPT header."""
    data = bytearray(mbr(partition=0xEE))
    data[SECTOR : SECTOR + 8] = b"EFI PART"
    struct.pack_into("<I", data, SECTOR + 8, 0x10000)
    return bytes(data)


def luks(payload: int = 4096) -> bytes:
    """A LUKS1 header."""
    header = b"LUKS\xba\xbe" + struct.pack(
        ">H32s32s32sII", 1, b"aes", b"xts-plain64", b"sha256", payload // SECTOR, 64
    )
    return padded(header)


def vhdx() -> bytes:
    """The identifier of a VHDX file, with nothing behind it."""
    return padded(b"vhdxfile", 320 * 1024)
