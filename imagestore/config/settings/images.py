"""Images, their imports and their signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oslo_config import types

from imagestore.config.option import option
from imagestore.config.value_types import HashName, Size, Words

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class Images:
    """What images may be, and what is told of them."""

    disk_formats: tuple[str, ...] = option(
        ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"),
        group="image_format", formerly=(("DEFAULT", "disk_formats"),), help=
        "Accepted values of disk_format.")
    container_formats: tuple[str, ...] = option(
        ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"),
        group="image_format", formerly=(("DEFAULT", "container_formats"),), help=
        "Accepted values of container_format.")
    vmdk_allowed_types: tuple[str, ...] = option(
        ("streamOptimized", "monolithicSparse"), group="image_format", help=
        "VMDK subformats (create-type) that may be uploaded; empty: none.")
    require_image_format_match: bool = option(True, group="image_format", help=
        "Refuse data whose content is not of the declared disk_format.")
    reject_unsafe_raw: bool = option(True, group="imagestore", help=
        "Refuse data that a safety check finds dangerous (a qcow2 with a backing file, say) also "
        "when it is declared raw, or packed in a container.")
    gpt_safety_checks_nonfatal: tuple[str, ...] = option((), group="image_format", help=
        "Safety checks of partition tables whose failure is only logged.")
    hashing_algorithm: str = option("sha512", kind=HashName(), help=
        "Digest for os_hash_value, by which clients verify what they download.")
    md5_checksum: bool = option(True, group="imagestore", help=
        "Record the MD5 of data as checksum, beside os_hash_value. Without it checksum is null, as "
        "the API allows, and data comes in with less work; an MD5 that a client says its data has "
        "is compared and recorded all the same.")
    show_image_direct_url: bool = option(False, help=
        "Show direct_url, the location in the store, to everyone who may see the image.")
    show_multiple_locations: bool = option(False, help=
        "Show all locations, and let those change them whom the policy allows to.")
    do_secure_hash: bool = option(True, help=
        "Hash what is added as a location, and compare it where a hash was given. Otherwise "
        "hashes that are given are shown, and not relied on.")
    http_retries: int = option(3, minimum=0, help="Attempts to read what is added as a location.")
    four_byte_characters: bool = option(False, group="imagestore", help=
        "Let names, properties, tags and metadata definitions have characters of four bytes in "
        "UTF-8, such as emoji. Glance refuses them. MariaDB and MySQL hold them in tables of the "
        "character set utf8mb4 only, which is looked at when the service starts.")
    property_protection_file: Path | None = option(None, help=
        "Who may create, read, update and delete which custom properties; a relative name is "
        "looked for beside the configuration files. It is read at start.")
    property_protection_rule_format: str = option("roles", choices=("roles", "policies"), help=
        "What that file names: roles, or one rule of the policy each.")
    enabled_import_methods: tuple[str, ...] = option(
        ("glance-direct", "web-download", "copy-image"), help=
        "Ways of importing that are offered.")
    schema_file: Path | None = None
    """Declared custom properties (schema-image.json); None is the built-in set."""
    metadata_source_path: Path | None = option(None, help=
        "Directory of metadata definitions that imagestore db load-metadefs reads and "
        "export-metadefs writes. Without it those that come with imagestore are loaded.")


@dataclass(frozen=True, slots=True)
class Imports:
    """What is done with images on their way in, when they are imported."""

    image_import_plugins: tuple[str, ...] = option(
        ("no_op",), group="image_import_opts", kind=Words(types.String(quotes=True)), help=
        "What is done with every import, as [first, second]. Known: inject_image_metadata; "
        "image_decompression, which unpacks gzip, and zip with one entry; image_conversion, which "
        "has qemu-img make output_format of it; no_op.")
    extra_properties: tuple[str, ...] = option(
        ("hw_", "trait:", "os_distro", "os_secure_boot", "os_type"),
        group="glance_download_properties", kind=Words(types.String(quotes=True)), help=
        "How the names of the properties begin that glance-download takes over from the image of "
        "the other region.")
    inject: Mapping[str, str] = option({}, group="inject_metadata_properties", help=
        "Properties that inject_image_metadata gives to imported images, as name:value pairs.")
    ignore_user_roles: tuple[str, ...] = option(
        ("admin",), group="inject_metadata_properties", help=
        "Roles whose imports are given none.")
    output_format: str = option(
        "raw", group="image_conversion", choices=("qcow2", "raw", "vmdk"), help=
        "The disk format that image_conversion makes of images.")
    work_dir: Path | None = option(None, group="task", help=
        "Directory for images that are being converted: it needs room for what came and for what "
        "is made of it. Default: conversion in the data directory.")
    conversions: int = option(1, minimum=1, help=
        "Conversions at once, of all processes that have the same work_dir; others wait.")
    conversion_timeout: float = option(3600.0, minimum=1, unit="seconds", help=
        "Seconds that a conversion may take.")
    conversion_memory: int = option(1 << 30, kind=Size(), help=
        "Bytes of address space that qemu-img may take.")


@dataclass(frozen=True, slots=True)
class Signatures:
    """Where the certificates of signed images are (``[key_manager]``)."""

    backend: str = option("barbican", formerly=(("key_manager", "api_class"),), help=
        "Where certificates of signed images are: barbican, vault, or another driver of "
        "castellan, whose own sections of options are read too.")
    config_files: tuple[Path, ...] = ()
    """What that driver reads its own options from."""
