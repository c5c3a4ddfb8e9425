"""The API: where it listens, and pages of other origins."""

from __future__ import annotations

from oslo_config import cfg

from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.option import fill as _fill
from imagestore.config.settings import Cors, Server
from imagestore.config.value_types import Words

OPTIONS: tuple[Option, ...] = (
    # Where and how the API listens.
    _fill(
        Server, "DEFAULT", "bind_host", cfg.StrOpt,
        "Address that the API listens on: 0.0.0.0 or :: for every interface.",
    ),
    _fill(Server, "DEFAULT", "bind_port", cfg.PortOpt, "TCP port of the API."),
    _fill(
        Server, "DEFAULT", "workers", cfg.IntOpt,
        "Worker processes that share the port. 0: one for each processor.", min=0, max=1024,
    ),
    _fill(
        Server, "DEFAULT", "backlog", cfg.IntOpt,
        "Connections that may wait to be accepted, for each worker.", min=1, max=65535,
    ),
    _fill(
        Server, "DEFAULT", "cert_file", cfg.StrOpt,
        "Certificate chain (PEM). When set, the API speaks only HTTPS.",
    ),
    _fill(
        Server, "DEFAULT", "key_file", cfg.StrOpt,
        "Private key (PEM) of the certificate, if it is not in cert_file.",
    ),
    _fill(
        Server, "DEFAULT", "graceful_shutdown_timeout", cfg.FloatOpt,
        "Seconds that transfers under way are given to end when a worker is stopped or replaced.",
        min=0,
    ),
    _fill(
        Server, "DEFAULT", "public_endpoint", cfg.StrOpt,
        "URL under which clients reach the service, for links in version documents. "
        "Without it the Host header of the request is used.",
    ),
    _fill(
        Server, "DEFAULT", "worker_self_reference_url", cfg.StrOpt,
        "URL of this very node, where several nodes do not share the directory for staged data: "
        "what a node has staged it then imports itself.",
    ),
    _fill(
        Server, "DEFAULT", "max_header_line", cfg.IntOpt,
        "Longest header line of a request in bytes; tokens with a large catalogue need more.",
        min=1024,
    ),
    _fill(
        Server, "DEFAULT", "max_request_id_length", cfg.IntOpt,
        "Longest request id that is taken over from a client, in characters.", min=0,
    ),
    _fill(
        Server, "oslo_middleware", "enable_proxy_headers_parsing", cfg.BoolOpt,
        "Believe Forwarded, or X-Forwarded-Proto, -Host and -For, and X-Forwarded-Prefix. "
        "Only behind a proxy that sets them.",
    ),
    _also(
        "healthcheck", "backends", Words(),
        "Only disable_by_file is known: /healthcheck says 503 while a certain file exists.", [],
    ),
    _fill(
        Server, "healthcheck", "disable_by_file_path", cfg.StrOpt,
        "The file of the backend disable_by_file.", attribute="healthcheck_disable_file",
    ),
    _fill(
        Server, "DEFAULT", "enable_v1_api", cfg.BoolOpt,
        "Serve the Images API v1 as well, for clients of 2014. It passes no rule of v2.",
    ),
    _fill(
        Server, "imagestore", "compress_json", cfg.BoolOpt,
        "Compress JSON for clients that take gzip. Data of images is never compressed.",
    ),
    # Pages of other origins.
    _fill(
        Cors, "cors", "allowed_origin", Words(),
        "Origins (scheme, host and port) whose pages a browser may let use the API; *: all.",
    ),
    _fill(
        Cors, "cors", "allow_credentials", cfg.BoolOpt,
        "Tell browsers that pages may send credentials.",
    ),
    _fill(
        Cors, "cors", "expose_headers", Words(),
        "Headers of answers that pages may read, beside those that all may.",
    ),
    _fill(
        Cors, "cors", "max_age", cfg.IntOpt,
        "Seconds for which a browser need not ask again whether it may. 0: as it likes.", min=0,
    ),
    _fill(Cors, "cors", "allow_methods", Words(), "Methods that pages may use."),
    _fill(
        Cors, "cors", "allow_headers", Words(),
        "Headers that pages may send, beside those that all may.",
    ),
)  # fmt: skip
