"""The process: its logs, metrics and directories."""

from __future__ import annotations

from oslo_config import cfg

from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.option import fill as _fill
from imagestore.config.settings import Logging, Server
from imagestore.config.value_types import HostPort

OPTIONS: tuple[Option, ...] = (
    # The process.
    _also(
        "imagestore", "data_dir", cfg.StrOpt,
        "Directory for whatever has no other place: the SQLite file, the file store, staged data. "
        "Default: /var/lib/imagestore for root, else imagestore in the user's data directory.",
    ),
    _fill(
        Server, "imagestore", "keepalive_timeout", cfg.FloatOpt,
        "Seconds that an idle connection is kept.", min=0,
    ),
    _fill(
        Server, "imagestore", "progress_timeout", cfg.FloatOpt,
        "Seconds without a single byte after which a transfer is given up.", min=1,
    ),
    _fill(
        Server, "imagestore", "fetch_min_rate", cfg.IntOpt,
        "Bytes a second that the source of an import, or another site, has to send on average, "
        "once fetch_grace is over: else the transfer is given up. 0: any number.", min=0,
    ),
    _fill(
        Server, "imagestore", "fetch_grace", cfg.FloatOpt,
        "Seconds that such a transfer may take beyond that.", min=1,
    ),
    _fill(
        Server, "imagestore", "metrics_bind", HostPort(),
        "host:port on which Prometheus metrics are served as plain HTTP. Unset: not at all.",
    ),
    _fill(Logging, "DEFAULT", "debug", cfg.BoolOpt, "Log in detail."),
    _fill(
        Logging, "DEFAULT", "log_file", cfg.StrOpt,
        "File to log to instead of standard error. It may be rotated at any time.",
    ),
    _also("DEFAULT", "log_dir", cfg.StrOpt, "Directory of a relative log_file."),
    _fill(
        Logging, "DEFAULT", "use_json", cfg.BoolOpt,
        "Log one JSON object a line instead of text.",
    ),
)  # fmt: skip
