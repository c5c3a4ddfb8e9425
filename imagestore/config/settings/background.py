"""What the workers do, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagestore.config.replication import Rule


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
