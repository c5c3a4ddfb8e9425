"""Stores, as far as they are not the drivers' own."""

from __future__ import annotations

from oslo_config import cfg

from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.value_types import Pairs, Words

OPTIONS: tuple[Option, ...] = (
    # Stores.
    _also(
        "DEFAULT", "enabled_backends", Pairs(),
        "Stores as id:type pairs; each has its options in the section [id]. "
        "Without it there is one set of stores, configured in [glance_store].", {},
    ),
    _also(
        "glance_store", "default_backend", cfg.StrOpt,
        "Id of the store that images go to when the client names none.",
    ),
    _also(
        "glance_store", "stores", Words(),
        "Types of stores that are used when enabled_backends is not set.", ["file", "http"],
    ),
    _also(
        "glance_store", "default_store", cfg.StrOpt,
        "Type of the store that images go to when enabled_backends is not set.", "file",
    ),
    _also(
        "DEFAULT", "node_staging_uri", cfg.StrOpt,
        "file:// URL of the directory for staged data when enabled_backends is not set. "
        "Without it, a directory in the data directory.",
    ),
)  # fmt: skip
