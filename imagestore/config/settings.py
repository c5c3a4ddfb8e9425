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
from imagestore.config.replication import Rule

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
    compress_json: bool = True
    enable_v1_api: bool = True


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages of other origins a browser may let ask (``[cors]``)."""

    allowed_origin: tuple[str, ...] = ()
    """Scheme, host and port each, or ``*``; empty: none."""
    allow_credentials: bool = True
    expose_headers: tuple[str, ...] = (
        "X-Image-Meta-Checksum", "X-Auth-Token", "X-Subject-Token", "X-Service-Token",
        "X-OpenStack-Request-ID",
    )  # fmt: skip
    max_age: int = 3600
    """Seconds for which a browser remembers what it was told; 0: as it likes."""
    allow_methods: tuple[str, ...] = ("GET", "PUT", "POST", "DELETE", "PATCH")
    allow_headers: tuple[str, ...] = (
        "Content-MD5", "X-Image-Meta-Checksum", "X-Storage-Token", "Accept-Encoding",
        "X-Auth-Token", "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id",
        "X-Tenant-Id", "X-OpenStack-Request-ID",
    )  # fmt: skip


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
    use_keystone_limits: bool = False
    """Limits of projects are those that Keystone has; ``user_storage_quota`` is none then."""


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

    @property
    def secret(self) -> str:
        """What only this account knows; empty if it proves in another way who it is."""
        names = ("password", "application_credential_secret", "client_secret")
        return next((str(self.auth[name]) for name in names if self.auth.get(name)), "")


@dataclass(frozen=True, slots=True)
class KeystoneLimits:
    """Whose limits are asked for (``[oslo_limit]``), and as whom; empty: not said."""

    account: Keystone = field(default_factory=Keystone)
    endpoint_id: str = ""
    endpoint_service_type: str = ""
    endpoint_service_name: str = ""
    endpoint_region_name: str = ""
    endpoint_interface: str = "publicURL"


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
    keystone_limits: KeystoneLimits = field(default_factory=KeystoneLimits)


@dataclass(frozen=True, slots=True)
class Signatures:
    """Where the certificates of signed images are (``[key_manager]``)."""

    backend: str = "barbican"
    """A driver of castellan, or a class by its dotted name."""
    config_files: tuple[Path, ...] = ()
    """What that driver reads its own options from."""


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
class Replication:
    """Copies between stores (``[replication:NAME]``)."""

    rules: tuple[Rule, ...] = ()
    interval: float = 300.0
    """Seconds between two passes over all images; 0: none."""
    grace: float = 86400.0
    """Seconds for which a copy that no rule wants any more is kept."""
    bandwidth: int = 0
    """Bytes a second that each worker process copies; 0: as many as it can."""
    server_side: bool = True
    """Whether stores of one cluster are asked to copy by themselves."""
    fill_digests: bool = True
    """Whether images without digests are read to get some."""


@dataclass(frozen=True, slots=True)
class Cache:
    """The node's cache of image data in front of its stores."""

    directory: Path | None = None
    """None: this node has no cache."""
    driver: str = "centralized_db"
    """Only centralized_db lets the nodes be asked which of them have an image."""
    max_size: int = 10 << 30
    """Bytes, of what is there and what is on its way."""
    stall_time: int = 86400
    """Seconds after which what was begun and not gone on with is removed."""
    node: str = ""
    """The URL by which other nodes and clients know this one."""
    sync_interval: float = 10.0
    """Seconds between two comparisons with the database."""
    keep_filling: bool = True
    """Go on with a fill whose readers have left."""
    min_downloads: int = 1
    """The download of an image, counted on this node, that brings it into the cache."""
    max_image_size: int = 0
    """Bytes of the largest image that a download brings into the cache; 0: no limit."""
    visibilities: tuple[str, ...] = ()
    """Those of the images that downloads bring into the cache; empty: all."""
    local_stores: bool = False
    """Whether downloads bring in what lies in a store of local files."""
    serving: bool = False
    """Whether downloads use the cache (the flavor has caching or cachemanagement)."""
    management: bool = False
    """Whether the older calls are there (the flavor has cachemanagement)."""


@dataclass(frozen=True, slots=True)
class Site:
    """Another Images API, with which images are kept equal (``[site:NAME]``). Times in seconds."""

    name: str
    direction: str = "pull"
    """"pull" (from there to here) or "push"."""
    url: str | None = None
    """Of the Images API; None: from the catalogue of its Keystone."""
    cloud: str | None = None
    """A name in clouds.yaml."""
    token: str | None = field(default=None, repr=False)
    auth_type: str = ""
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The options of that plugin of keystoneauth that are set. Passwords are among them."""
    interface: str | None = None
    region_name: str | None = None
    cafile: Path | None = None
    insecure: bool = False
    match: tuple[str, ...] = ()
    """name=value each."""
    skip: tuple[str, ...] = ()
    """Fields that stay as they are at the target."""
    conflict: str = "source"
    members: bool = False
    delete: bool = False
    store: str | None = None
    """Where images that are pulled go; None: the default store."""
    interval: float = 300.0
    """From the end of a pass to the next one."""
    full_interval: float = 86400.0
    """After which all images are compared, not only those that were changed."""
    transfers: int = 2
    """Images at a time."""

    @property
    def section(self) -> str:
        return f"site:{self.name}"


@dataclass(frozen=True, slots=True)
class Scrubber:
    """What becomes of the bytes of deleted images, and what watches over the others.

    Times in seconds, unless said otherwise.
    """

    delayed_delete: bool = False
    scrub_time: int = 0
    """For which the bytes of a deleted image are kept, with ``delayed_delete``."""
    scrub_pool_size: int = 1
    wakeup_time: int = 300
    patrol_rate: int = 0
    """Bytes a second that are read again; 0: the patrol is off."""
    patrol_interval: int = 168
    """Hours from the beginning of one pass to that of the next, at the least."""
    orphan_interval: int = 24
    """Hours from the beginning of one search for orphans to that of the next; 0: none."""
    orphan_grace: int = 24
    """Hours between two searches that see the same, for it to be an orphan."""
    orphan_max_unknown: int = 5
    """Percent of what lies in a store."""
    orphan_delete: bool = False


@dataclass(frozen=True, slots=True)
class Events:
    kept_hours: int = 24
    kept_rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Notifications:
    """Messages to other services; without a driver there are none."""

    driver: tuple[str, ...] = ()
    transport_url: str = field(default="", repr=False)
    topics: tuple[str, ...] = ("notifications",)
    retry: int = -1
    """Attempts to send one again; -1: for ever."""
    default_publisher_id: str = "image.localhost"
    disabled_notifications: tuple[str, ...] = ()
    """Types, or groups of them, that are not sent."""
    files: tuple[Path, ...] = ()
    """Configuration files, for the options of the bus itself."""


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
    cors: Cors = field(default_factory=Cors)
    limits: Limits = field(default_factory=Limits)
    images: Images = field(default_factory=Images)
    identity: Identity = field(default_factory=Identity)
    database: Database = field(default_factory=Database)
    stores: Stores = field(default_factory=Stores)
    jobs: Jobs = field(default_factory=Jobs)
    replication: Replication = field(default_factory=Replication)
    cache: Cache = field(default_factory=Cache)
    signatures: Signatures = field(default_factory=Signatures)
    sites: tuple[Site, ...] = ()
    scrubber: Scrubber = field(default_factory=Scrubber)
    events: Events = field(default_factory=Events)
    notifications: Notifications = field(default_factory=Notifications)
    logging: Logging = field(default_factory=Logging)
    imports: Imports = field(default_factory=Imports)
    import_filter: Rules = field(default_factory=Rules)
    """Which URLs users may have fetched: imports, and locations that they add."""
    warnings: tuple[str, ...] = ()
    """What the configuration asks for in vain, one sentence each; to be logged once."""
