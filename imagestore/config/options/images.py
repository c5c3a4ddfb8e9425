"""Images: their limits, what may be in them, and how they come in."""

from __future__ import annotations

from oslo_config import cfg, types

from imagestore.backends.http.rules import AddressRules
from imagestore.config.option import Option
from imagestore.config.option import fill as _fill
from imagestore.config.settings import Images, Imports, Limits
from imagestore.config.value_types import HashName, Pairs, Ports, Size, Words

_FILTER = "import_filtering_opts"
MAX_SIZE = (1 << 63) - 1
"""The largest size that the database can hold."""

OPTIONS: tuple[Option, ...] = (
    # Limits.
    _fill(
        Limits, "DEFAULT", "limit_param_default", cfg.IntOpt,
        "Images on a page when the client does not say how many.", min=1,
    ),
    _fill(
        Limits, "DEFAULT", "api_limit_max", cfg.IntOpt,
        "Most images on a page, whatever the client says.", min=1,
    ),
    _fill(
        Limits, "DEFAULT", "image_size_cap", cfg.IntOpt,
        "Largest image in bytes.", min=1, max=MAX_SIZE,
    ),
    _fill(
        Limits, "DEFAULT", "image_property_quota", cfg.IntOpt,
        "Most custom properties of an image; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "image_tag_quota", cfg.IntOpt,
        "Most tags of an image; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "image_member_quota", cfg.IntOpt,
        "Most projects that an image can be shared with; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "image_location_quota", cfg.IntOpt,
        "Most locations of an image; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "user_storage_quota", Size(),
        "Bytes that the images of one project may take in all stores together, "
        "also with a unit (500GB). 0: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "use_keystone_limits", cfg.BoolOpt,
        "Hold projects to the limits that Keystone has registered for image_size_total, "
        "image_stage_total (MiB), image_count_total and image_count_uploading; see oslo_limit.",
    ),
    # Images.
    _fill(
        Images, "image_format", "disk_formats", Words(),
        "Accepted values of disk_format.", formerly=(("DEFAULT", "disk_formats"),),
    ),
    _fill(
        Images, "image_format", "container_formats", Words(),
        "Accepted values of container_format.", formerly=(("DEFAULT", "container_formats"),),
    ),
    _fill(
        Images, "image_format", "vmdk_allowed_types", Words(),
        "VMDK subformats (create-type) that may be uploaded; empty: none.",
    ),
    _fill(
        Images, "image_format", "require_image_format_match", cfg.BoolOpt,
        "Refuse data whose content is not of the declared disk_format.",
    ),
    _fill(
        Images, "image_format", "gpt_safety_checks_nonfatal", Words(),
        "Safety checks of partition tables whose failure is only logged.",
    ),
    _fill(
        Images, "imagestore", "reject_unsafe_raw", cfg.BoolOpt,
        "Refuse data that a safety check finds dangerous (a qcow2 with a backing file, say) also "
        "when it is declared raw, or packed in a container.",
    ),
    _fill(
        Images, "DEFAULT", "hashing_algorithm", HashName(),
        "Digest for os_hash_value.",
    ),
    _fill(
        Images, "DEFAULT", "show_image_direct_url", cfg.BoolOpt,
        "Show direct_url, the location in the store, to everyone who may see the image.",
    ),
    _fill(
        Images, "DEFAULT", "show_multiple_locations", cfg.BoolOpt,
        "Show all locations, and let those change them whom the policy allows to.",
    ),
    _fill(
        Images, "DEFAULT", "do_secure_hash", cfg.BoolOpt,
        "Hash what is added as a location, and compare it where a hash was given. "
        "Otherwise hashes that are given are shown, and not relied on.",
    ),
    _fill(
        Images, "DEFAULT", "http_retries", cfg.IntOpt,
        "Attempts to read what is added as a location.", min=0,
    ),
    _fill(
        Images, "imagestore", "four_byte_characters", cfg.BoolOpt,
        "Let names, properties, tags and metadata definitions have characters of four bytes in "
        "UTF-8, such as emoji. Glance refuses them. MariaDB and MySQL hold them in tables of the "
        "character set utf8mb4 only, which is looked at when the service starts.",
    ),
    _fill(
        Images, "DEFAULT", "property_protection_file", cfg.StrOpt,
        "Who may create, read, update and delete which custom properties; a relative name is "
        "looked for beside the configuration files. It is read at start.",
    ),
    _fill(
        Images, "DEFAULT", "property_protection_rule_format", cfg.StrOpt,
        "What that file names: roles, or one rule of the policy each.",
        choices=("roles", "policies"),
    ),
    _fill(
        Images, "DEFAULT", "metadata_source_path", cfg.StrOpt,
        "Directory of metadata definitions that imagestore db load-metadefs reads and "
        "export-metadefs writes. Without it those that come with imagestore are loaded.",
    ),
    _fill(
        Images, "DEFAULT", "enabled_import_methods", Words(),
        "Ways of importing that are offered.",
    ),
    # What is done with imports.
    _fill(
        Imports, "image_import_opts", "image_import_plugins",
        Words(types.String(quotes=True)),
        "What is done with every import, as [first, second]. Known: inject_image_metadata; "
        "image_decompression, which unpacks gzip, and zip with one entry; image_conversion, "
        "which has qemu-img make output_format of it; no_op.",
    ),
    _fill(
        Imports, "image_conversion", "output_format", cfg.StrOpt,
        "The disk format that image_conversion makes of images.",
        choices=("qcow2", "raw", "vmdk"),
    ),
    _fill(
        Imports, "task", "work_dir", cfg.StrOpt,
        "Directory for images that are being converted: it needs room for what came and for "
        "what is made of it. Default: conversion in the data directory.",
    ),
    _fill(
        Imports, "imagestore", "conversions", cfg.IntOpt,
        "Conversions at once, of all processes that have the same work_dir; others wait.", min=1,
    ),
    _fill(
        Imports, "imagestore", "conversion_timeout", cfg.FloatOpt,
        "Seconds that a conversion may take.", min=1,
    ),
    _fill(
        Imports, "imagestore", "conversion_memory", Size(),
        "Bytes of address space that qemu-img may take.",
    ),
    _fill(
        Imports, "glance_download_properties", "extra_properties", Words(types.String(quotes=True)),
        "How the names of the properties begin that glance-download takes over from the image "
        "of the other region.",
    ),
    _fill(
        Imports, "inject_metadata_properties", "inject", Pairs(),
        "Properties that inject_image_metadata gives to imported images, as name:value pairs.",
    ),
    _fill(
        Imports, "inject_metadata_properties", "ignore_user_roles", Words(),
        "Roles whose imports are given none.",
    ),
    # What may be fetched.
    _fill(
        AddressRules, _FILTER, "allowed_schemes", Words(),
        "Schemes that a URL may have; of others than http and https none can be fetched.",
    ),
    _fill(
        AddressRules, _FILTER, "disallowed_schemes", Words(),
        "Schemes that a URL may not have; only without a list of allowed ones.",
    ),
    _fill(
        AddressRules, _FILTER, "allowed_hosts", Words(),
        "Names or addresses of the only hosts that may be fetched from. These may have any "
        "address, loopback included. Empty: all hosts with public addresses.",
    ),
    _fill(
        AddressRules, _FILTER, "disallowed_hosts", Words(),
        "Names or addresses of hosts that may not be fetched from; only without a list of "
        "allowed ones.",
    ),
    _fill(
        AddressRules, _FILTER, "allowed_ports", Ports(),
        "Ports that a URL may name; one without a port passes.",
    ),
    _fill(
        AddressRules, _FILTER, "disallowed_ports", Ports(),
        "Ports that a URL may not name; only without a list of allowed ones.",
    ),
    _fill(
        AddressRules, _FILTER, "allow_private_addresses", cfg.BoolOpt,
        "Fetch also from hosts in private networks (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
        "100.64.0.0/10, fc00::/7). Whoever may import can then read what is served there.",
    ),
)  # fmt: skip
