"""Images, their imports and their signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Images:
    """What images may be, and what is told of them."""

    disk_formats: tuple[str, ...] = (
        "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop",
    )  # fmt: skip
    container_formats: tuple[str, ...] = (
        "ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed",
    )  # fmt: skip
    vmdk_allowed_types: tuple[str, ...] = ("streamOptimized", "monolithicSparse")
    require_image_format_match: bool = True
    reject_unsafe_raw: bool = True
    """Refuse content with a safety fault although it is declared raw or not bare."""
    gpt_safety_checks_nonfatal: tuple[str, ...] = ()
    hashing_algorithm: str = "sha512"
    show_image_direct_url: bool = False
    show_multiple_locations: bool = False
    do_secure_hash: bool = True
    """Hash what is added as a location, and compare where a hash was given."""
    http_retries: int = 3
    """Attempts to read what is added as a location."""
    four_byte_characters: bool = False
    """Names, properties, tags and metadata definitions may have characters such as emoji."""
    property_protection_file: Path | None = None
    property_protection_rule_format: str = "roles"
    enabled_import_methods: tuple[str, ...] = ("glance-direct", "web-download", "copy-image")
    schema_file: Path | None = None
    """Declared custom properties (schema-image.json); None is the built-in set."""
    metadata_source_path: Path | None = None
    """The operator's files of metadata definitions; None is the set that is shipped."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What is done with images on their way in, when they are imported."""

    image_import_plugins: tuple[str, ...] = ("no_op",)
    """Of these are known: inject_image_metadata, image_decompression, image_conversion, no_op."""
    extra_properties: tuple[str, ...] = (
        "hw_", "trait:", "os_distro", "os_secure_boot", "os_type",
    )  # fmt: skip
    """How the names of the properties begin that an image takes over from its source."""
    inject: Mapping[str, str] = field(default_factory=dict)
    """Properties that imported images get."""
    ignore_user_roles: tuple[str, ...] = ("admin",)
    """Roles whose imports get none."""
    output_format: str = "raw"
    """To which qemu-img converts: raw, qcow2 or vmdk."""
    work_dir: Path | None = None
    """Where what is being converted lies meanwhile; None: in the data directory."""
    conversions: int = 1
    """At once, of all processes with the same ``work_dir``."""
    conversion_timeout: float = 3600.0
    """Seconds that one may take."""
    conversion_memory: int = 1 << 30
    """Bytes of address space that qemu-img may take."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """Where the certificates of signed images are (``[key_manager]``)."""

    backend: str = "barbican"
    """A driver of castellan, or a class by its dotted name."""
    config_files: tuple[Path, ...] = ()
    """What that driver reads its own options from."""
