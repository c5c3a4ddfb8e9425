"""The configuration as the code sees it: frozen, typed, complete, with defaults.

Names follow the options they come from; :mod:`imagestore.config.load` fills them
from a configuration file. Nothing below ``app`` ever reads an option by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagestore.backends.http.rules import Rules

MIB = 1 << 20
TIB = 1 << 40


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how the API listens."""

    bind_host: str = "127.0.0.1"
    bind_port: int = 9292
    workers: int = 1
    backlog: int = 4096
    cert_file: Path | None = None
    key_file: Path | None = None
    graceful_shutdown_timeout: float = 60.0
    """Seconds that transfers under way are given to end."""
    keepalive_timeout: float = 75.0
    """Seconds that an idle connection is kept."""
    progress_timeout: float = 60.0
    """Seconds without a single byte after which a transfer is given up."""
    public_endpoint: str | None = None
    worker_self_reference_url: str | None = None
    """What tells this node from those that do not share its directory for staged data."""
    enable_proxy_headers_parsing: bool = False
    max_header_line: int = 16384
    max_request_id_length: int = 64
    healthcheck_disable_file: Path | None = None
    metrics_bind: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Quotas of the API; a negative number means unlimited."""

    limit_param_default: int = 25
    api_limit_max: int = 1000
    image_size_cap: int = TIB
    image_property_quota: int = 128
    image_tag_quota: int = 128
    image_member_quota: int = 128
    image_location_quota: int = 10
    user_storage_quota: int = 0
    """Bytes per project over all stores; 0 is unlimited."""


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
    enabled_import_methods: tuple[str, ...] = ("glance-direct", "web-download", "copy-image")
    schema_file: Path | None = None
    """Declared custom properties (schema-image.json); None is the built-in set."""
    metadata_source_path: Path | None = None
    """The operator's files of metadata definitions; None is the set that is shipped."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What is done with images on their way in, when they are imported."""

    image_import_plugins: tuple[str, ...] = ("no_op",)
    """Of these are known: inject_image_metadata, image_decompression, no_op."""
    inject: Mapping[str, str] = field(default_factory=dict)
    """Properties that imported images get."""
    ignore_user_roles: tuple[str, ...] = ("admin",)
    """Roles whose imports get none."""


@dataclass(frozen=True, slots=True)
class Keystone:
    """Where tokens are validated, and as whom (``[keystone_authtoken]``). Times in seconds."""

    auth_type: str = ""
    """Name of the keystoneauth plugin for the service's own account; empty: none is set."""
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The options of that plugin that are set, by name. Passwords are among them."""
    www_authenticate_uri: str | None = None
    interface: str = "internal"
    region_name: str | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    insecure: bool = False
    http_connect_timeout: int = 10
    """How long Keystone may take for one answer, with all attempts."""
    http_request_max_retries: int = 3
    token_cache_time: int = 300
    """How long what Keystone said of a token counts; 0 or less: for one request."""
    service_token_roles: tuple[str, ...] = ("service",)
    service_token_roles_required: bool = True
    service_type: str = "image"
    """The name by which access rules of application credentials mean this service."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How callers are told apart (``[paste_deploy] flavor``)."""

    flavor: str = ""
    """"" (every caller is admin), "trusted-headers" or "keystone"; without +caching etc."""
    allow_unauthenticated_remote: bool = False
    """Serve the empty flavor on other addresses than loopback."""
    allow_anonymous_access: bool = False
    policy_file: Path | None = None
    policy_dirs: tuple[Path, ...] = ()
    keystone: Keystone = field(default_factory=Keystone)


@dataclass(frozen=True, slots=True)
class Database:
    connection: str = ""
    """An SQLAlchemy URL; the embedded default is a SQLite file in the data directory."""
    max_pool_size: int = 5
    max_overflow: int = 50
    connection_recycle_time: int = 3600
    max_retries: int = 10
    pool_timeout: float = 30.0
    """Seconds to wait for a connection of the pool."""
    timeout: int = 30
    """Seconds after which an operation is given up; SQLite waits for its lock alone."""
    auto_upgrade: bool = False
    """Run migrations at start; on for the embedded default."""


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """How a store is used: how long it is waited for, how often, by how many at a time.

    0 stands for no limit, and for never. Times in seconds.
    """

    call_timeout: float = 30.0
    progress_timeout: float = 120.0
    """Without a block taken or given, for a transfer."""
    max_transfers: int = 256
    max_calls: int = 64
    queue_timeout: float = 30.0
    """In which a call may wait for its turn."""
    retries: int = 2
    failures: int = 3
    """In a row, after which a store counts as away."""
    probe_interval: float = 5.0


@dataclass(frozen=True, slots=True)
class Jobs:
    """Background work. Limits hold for all nodes together."""

    workers: int = 4
    """Jobs that a process works on at once; 0: none, other nodes do them."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """By kind."""
    per_target: int = 0
    """Jobs at once that have the same target, for most kinds a store; 0: no limit."""
    purge_deleted_after: int = 0
    """Days after which rows of what was deleted are removed; 0: never."""
    time_to_live: int = 48
    """Hours for which a job that has ended can be looked at."""


@dataclass(frozen=True, slots=True)
class StoreSection:
    """One store as configured: ``enabled_backends = name:type`` and section ``[name]``."""

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The driver's own options that were set, by option name."""
    description: str = ""
    weight: int = 0
    read_only: bool = False
    access: StoreAccess = StoreAccess()


@dataclass(frozen=True, slots=True)
class Stores:
    sections: tuple[StoreSection, ...] = ()
    default: str = ""
    multiple: bool = False
    """Whether ``enabled_backends`` was used, which switches the multi-store API on."""
    reserved: tuple[StoreSection, ...] = ()
    """Stores for the service's own use (staging), never shown to callers."""


@dataclass(frozen=True, slots=True)
class Logging:
    debug: bool = False
    log_file: Path | None = None
    use_json: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path
    server: Server = field(default_factory=Server)
    limits: Limits = field(default_factory=Limits)
    images: Images = field(default_factory=Images)
    identity: Identity = field(default_factory=Identity)
    database: Database = field(default_factory=Database)
    stores: Stores = field(default_factory=Stores)
    jobs: Jobs = field(default_factory=Jobs)
    logging: Logging = field(default_factory=Logging)
    imports: Imports = field(default_factory=Imports)
    import_filter: Rules = field(default_factory=Rules)
    """Which URLs users may have fetched: imports, and locations that they add."""
    warnings: tuple[str, ...] = ()
    """What the configuration asks for in vain, one sentence each; to be logged once."""
