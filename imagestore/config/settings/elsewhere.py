"""Options that are no settings: where others are found, and those that have no effect here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagestore.config.option import option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where other settings are looked for; :mod:`imagestore.config.load` asks for them."""

    data_dir: Path | None = option(None, group="imagestore", help=
        "Directory for whatever has no other place: the SQLite file, the file store, staged data. "
        "Default: /var/lib/imagestore for root, else imagestore in the user's data directory.")
    account: str | None = option(None, group="keystone_authtoken", name="auth_section", help=
        "Another section that has auth_type and the options of the plugin.")
    limits_auth_type: str | None = option(
        None, group="oslo_limit", name="auth_type", formerly=(("oslo_limit", "auth_plugin"),), help=
        "As in keystone_authtoken: how the service proves who it is when it asks for limits. The "
        "options of the plugin stand here too. Without it, the account of keystone_authtoken.")
    limits_account: str | None = option(None, group="oslo_limit", name="auth_section", help=
        "Another section that has auth_type and the options of the plugin.")


@dataclass(frozen=True, slots=True)
class Ignored:
    """What files of Glance may have, and what there is nothing to set of."""

    image_cache_sqlite_db: str = option("cache.db", help=
        "No effect: the files of the cache are its index.")
    cache_prefetcher_interval: int = option(300, help=
        "No effect: what is queued is fetched at once.")
    memcached_servers: tuple[str, ...] = option(
        (), group="keystone_authtoken", formerly=(("keystone_authtoken", "memcache_servers"),),
        help=
        "No effect: tokens are remembered in the memory of each worker process.")
    delay_auth_decision: bool = option(False, group="keystone_authtoken", help=
        "No effect: what a caller without a valid token may do is for allow_anonymous_access to "
        "say.")
