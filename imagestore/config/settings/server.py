"""How the service is reached, and what it lets through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagestore.backends.least_rate import GRACE, MIN_RATE, LeastRate

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
    fetch_min_rate: int = MIN_RATE
    fetch_grace: float = GRACE
    """A source may take as many seconds, and one more for each ``fetch_min_rate`` bytes."""
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

    @property
    def least_rate(self) -> LeastRate:
        """What a source has to send on average. 0 bytes: whatever it likes."""
        return LeastRate(self.fetch_min_rate, self.fetch_grace)


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
class Logging:
    debug: bool = False
    log_file: Path | None = None
    use_json: bool = False
