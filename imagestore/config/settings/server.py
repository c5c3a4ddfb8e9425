"""How the service is reached, and what it lets through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagestore.backends.least_rate import GRACE, MIN_RATE, LeastRate
from imagestore.config.option import option
from imagestore.config.value_types import Size

TIB = 1 << 40
MAX_SIZE = (1 << 63) - 1
"""The largest size that the database can hold."""

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how the API listens."""

    bind_host: str = option("127.0.0.1", help=
        "Address that the API listens on: 0.0.0.0 or :: for every interface.")
    bind_port: int = option(9292, minimum=0, maximum=65535, help="TCP port of the API.")
    workers: int = option(1, minimum=0, maximum=1024, help=
        "Worker processes that share the port. 0: one for each processor.")
    backlog: int = option(4096, minimum=1, maximum=65535, help=
        "Connections that may wait to be accepted, for each worker.")
    cert_file: Path | None = option(None, help=
        "Certificate chain (PEM). When set, the API speaks only HTTPS.")
    key_file: Path | None = option(None, help=
        "Private key (PEM) of the certificate, if it is not in cert_file.")
    graceful_shutdown_timeout: float = option(60.0, minimum=0, unit="seconds", help=
        "Seconds that transfers under way are given to end when a worker is stopped or replaced.")
    keepalive_timeout: float = option(75.0, group="imagestore", minimum=0, unit="seconds", help=
        "Seconds that an idle connection is kept.")
    progress_timeout: float = option(60.0, group="imagestore", minimum=1, unit="seconds", help=
        "Seconds without a single byte after which a transfer is given up.")
    fetch_min_rate: int = option(MIN_RATE, group="imagestore", minimum=0, unit="bytes", help=
        "Bytes a second that the source of an import, or another site, has to send on average, "
        "once fetch_grace is over: else the transfer is given up. 0: any number.")
    fetch_grace: float = option(GRACE, group="imagestore", minimum=1, unit="seconds", help=
        "Seconds that such a transfer may take beyond that.")
    public_endpoint: str | None = option(None, help=
        "URL under which clients reach the service, for links in version documents. Without it "
        "the Host header of the request is used.")
    worker_self_reference_url: str | None = option(None, help=
        "URL of this very node, by which the others know it: the name of its cache and, where "
        "several nodes do not share the directory for staged data, of what it has staged and "
        "imports itself. Without it, a cache is named by public_endpoint, or by the machine and "
        "the port.")
    enable_proxy_headers_parsing: bool = option(False, group="oslo_middleware", help=
        "Believe Forwarded, or X-Forwarded-Proto, -Host and -For, and X-Forwarded-Prefix. Only "
        "behind a proxy that sets them.")
    max_header_line: int = option(16384, minimum=1024, unit="bytes", help=
        "Longest header line of a request in bytes; tokens with a large catalogue need more.")
    max_request_id_length: int = option(64, minimum=0, help=
        "Longest request id that is taken over from a client, in characters.")
    healthcheck_backends: tuple[str, ...] = option(
        (), group="healthcheck", name="backends", help=
        "Only disable_by_file is known: /healthcheck says 503 while a certain file exists.")
    healthcheck_disable_file: Path | None = option(
        None, group="healthcheck", name="disable_by_file_path", help=
        "The file of the backend disable_by_file.")
    metrics_bind: tuple[str, int] | None = option(None, group="imagestore", help=
        "host:port on which Prometheus metrics are served as plain HTTP. Unset: not at all.")
    registry_bind: tuple[str, int] | None = option(None, group="imagestore", help=
        "host:port on which the registry of 2014 is served as plain HTTP, for tools of a cloud "
        "that ask it. Never for users: identity headers are believed there. Unset: not at all.")
    registry_secret: str | None = option(None, group="imagestore", secret=True, help=
        "What who asks the registry has to send as X-Auth-Token. Needed unless registry_bind is a "
        "loopback address.")
    compress_json: bool = option(True, group="imagestore", help=
        "Compress JSON for clients that take gzip. Data of images is never compressed.")
    enable_v1_api: bool = option(True, help=
        "Serve the Images API v1 as well, for clients of 2014. It passes no rule of v2.")

    @property
    def least_rate(self) -> LeastRate:
        """What a source has to send on average. 0 bytes: whatever it likes."""
        return LeastRate(self.fetch_min_rate, self.fetch_grace)


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages of other origins a browser may let ask (``[cors]``)."""

    allowed_origin: tuple[str, ...] = option((), help=
        "Origins (scheme, host and port) whose pages a browser may let use the API; *: all.")
    allow_credentials: bool = option(True, help="Tell browsers that pages may send credentials.")
    expose_headers: tuple[str, ...] = option((
        "X-Image-Meta-Checksum", "X-Auth-Token", "X-Subject-Token", "X-Service-Token",
        "X-OpenStack-Request-ID"), help=
        "Headers of answers that pages may read, beside those that all may.")
    max_age: int = option(3600, minimum=0, unit="seconds", help=
        "Seconds for which a browser need not ask again whether it may. 0: as it likes.")
    allow_methods: tuple[str, ...] = option(("GET", "PUT", "POST", "DELETE", "PATCH"), help=
        "Methods that pages may use.")
    allow_headers: tuple[str, ...] = option((
        "Content-MD5", "X-Image-Meta-Checksum", "X-Storage-Token", "Accept-Encoding",
        "X-Auth-Token", "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id",
        "X-Tenant-Id", "X-OpenStack-Request-ID"), help=
        "Headers that pages may send, beside those that all may.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Quotas of the API; a negative number means unlimited."""

    limit_param_default: int = option(25, minimum=1, help=
        "Images on a page when the client does not say how many.")
    api_limit_max: int = option(1000, minimum=1, help=
        "Most images on a page, whatever the client says.")
    image_size_cap: int = option(TIB, minimum=1, maximum=MAX_SIZE, unit="bytes", help=
        "Largest image in bytes.")
    image_property_quota: int = option(128, help=
        "Most custom properties of an image; negative: no limit.")
    image_tag_quota: int = option(128, help="Most tags of an image; negative: no limit.")
    image_member_quota: int = option(128, help=
        "Most projects that an image can be shared with; negative: no limit.")
    image_location_quota: int = option(10, help="Most locations of an image; negative: no limit.")
    user_storage_quota: int = option(0, kind=Size(), help=
        "Bytes that the images of one project may take in all stores together, also with a unit "
        "(500GB). 0: no limit.")
    use_keystone_limits: bool = option(False, help=
        "Hold projects to the limits that Keystone has registered for image_size_total, "
        "image_stage_total (MiB), image_count_total and image_count_uploading; see oslo_limit.")


@dataclass(frozen=True, slots=True)
class Logging:
    debug: bool = option(False, help="Log in detail.")
    log_file: Path | None = option(None, help=
        "File to log to instead of standard error. It may be rotated at any time.")
    log_dir: Path | None = option(None, help="Directory of a relative log_file.")
    use_json: bool = option(False, help="Log one JSON object a line instead of text.")


@dataclass(frozen=True, slots=True)
class Tracing:
    """Traces by OpenTelemetry (``[tracing]``)."""

    exporter: str = option("none", choices=("none", "otlp", "file"), help=
        "Where traces go: otlp, to a collector by OTLP over HTTP; file; none: nothing is traced. "
        "Needs OpenTelemetry (imagestore[tracing]).")
    endpoint: str | None = option(None, help=
        "URL of the collector. Default: http://localhost:4318, or what the variables "
        "OTEL_EXPORTER_OTLP_… say, which also may set headers and certificates.")
    timeout: float = option(3.0, minimum=0.1, help=
        "Seconds in which the collector has to take spans. No request waits for that.")
    file: Path | None = option(None, help=
        "File to which spans are appended, one JSON object a line, with exporter = file.")
    sample_ratio: float = option(1.0, minimum=0, maximum=1, help=
        "Share of the requests and jobs that are traced. A request that brings a traceparent is "
        "traced if its caller is.")
    service_name: str = option("imagestore", help="What the service is called in traces.")
