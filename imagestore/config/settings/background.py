"""What the workers do, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagestore.config.option import option
from imagestore.config.replication import Rule
from imagestore.config.value_types import Size

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class Jobs:
    """Background work. Limits hold for all nodes together."""

    workers: int = option(4, name="job_workers", minimum=0, help=
        "Background jobs that each worker process works on at once; 0: none, other nodes do them.")
    limits: Mapping[str, int] = option({}, name="job_limits", help=
        "Background jobs of a kind that all nodes together work on at once, as kind:number pairs.")
    per_target: int = option(0, name="jobs_per_store", minimum=0, help=
        "Background jobs that all nodes together direct at one store at once; 0: no limit.")
    purge_deleted_after: int = option(0, minimum=0, unit="days", help=
        "Days after which the rows of what was deleted are removed, those of images apart, as "
        "imagestore db purge does. 0: never.")
    time_to_live: int = option(
        48, group="task", name="task_time_to_live", minimum=0, unit="hours", help=
        "Hours for which a task or background job that has ended can be looked at.")


@dataclass(frozen=True, slots=True)
class Replication:
    """Copies between stores (``[replication:NAME]``)."""

    rules: tuple[Rule, ...] = ()
    interval: float = option(300.0, name="replication_interval", minimum=0, unit="seconds", help=
        "Seconds between two passes over all images, which find what the rules in "
        "[replication:NAME] ask for and nobody has done. 0: no passes.")
    grace: float = option(86400.0, name="replication_grace", minimum=0, unit="seconds", help=
        "Seconds for which a copy that was made for a rule is kept when no rule wants it any more.")
    bandwidth: int = option(0, name="replication_bandwidth", kind=Size(), help=
        "Bytes a second that each worker process reads to copy between stores, of all its copies "
        "together: with four workers on each of three nodes, twelve times as many. 0: no limit.")
    server_side: bool = option(True, name="replication_server_side", help=
        "Have S3, Swift and file systems that hold both stores copy by themselves; the bytes are "
        "then only read once, to be compared.")
    fill_digests: bool = option(True, name="fill_missing_digests", help=
        "Read images that have no checksum or hash, as old releases of Glance left them, and "
        "record what is computed. Counts for replication_bandwidth.")


@dataclass(frozen=True, slots=True)
class Cache:
    """The node's cache of image data in front of its stores."""

    directory: Path | None = option(None, name="image_cache_dir", help=
        "Directory of this node's cache of image data, which all its workers share. Downloads use "
        "it with +caching or +cachemanagement in [paste_deploy] flavor. Unset: no cache.")
    driver: str = option(
        "centralized_db", name="image_cache_driver",
        choices=("centralized_db", "sqlite", "xattr"), help=
        "The entries are files, whatever is named here; only centralized_db has /v2/cache/nodes "
        "tell which nodes have an image.")
    max_size: int = option(10 << 30, name="image_cache_max_size", kind=Size(), help=
        "Bytes that the cache may take, also with a unit (500GB). Kept to at any time.")
    stall_time: int = option(86400, name="image_cache_stall_time", minimum=0, unit="seconds", help=
        "Seconds after which an incomplete entry is removed that nobody goes on with.")
    node: str = ""
    """The URL by which other nodes and clients know this one."""
    sync_interval: float = option(
        10.0, group="imagestore", name="cache_sync_interval", minimum=0.1, unit="seconds", help=
        "Seconds between two comparisons of the cache with the database: until then an entry may "
        "lie on the disk whose image was deleted through another node. It is never served.")
    keep_filling: bool = option(True, group="imagestore", name="cache_keep_filling", help=
        "Go on bringing an image into the cache when all who download it have left.")
    min_downloads: int = option(1, group="imagestore", name="cache_min_downloads", minimum=1, help=
        "Download of an image, counted by each worker, that brings it into the cache: 2 leaves "
        "out what is fetched once.")
    max_image_size: int = option(
        0, group="imagestore", name="cache_max_image_size", kind=Size(), help=
        "Size of the largest image that downloads bring into the cache; 0: no limit but "
        "image_cache_max_size.")
    visibilities: tuple[str, ...] = option((), group="imagestore", name="cache_visibilities", help=
        "Visibilities of the images that downloads bring into the cache; empty: all.")
    local_stores: bool = option(False, group="imagestore", name="cache_local_stores", help=
        "Bring images into the cache also from stores of files that this machine has mounted.")
    serving: bool = False
    """Whether downloads use the cache (the flavor has caching or cachemanagement)."""
    management: bool = False
    """Whether the older calls are there (the flavor has cachemanagement)."""


@dataclass(frozen=True, slots=True)
class Site:
    """Another Images API, with which images are kept equal (``[site:NAME]``). Times in seconds."""

    name: str
    direction: str = option("pull", choices=("pull", "push"), help=
        "pull: images come from the site; push: they go there.")
    url: str | None = option(None, help=
        "URL of its Images API. Without it, Keystone's catalogue tells.")
    cloud: str | None = option(None, help=
        "Name of the site in clouds.yaml, in place of all credentials.")
    token: str | None = option(None, secret=True, help="A token that the site takes for ever.")
    auth_type: str = option("", help=
        "How to get a token from the site's Keystone: password, v3applicationcredential or "
        "another plugin of keystoneauth, whose options stand here too.")
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The options of that plugin of keystoneauth that are set. Passwords are among them."""
    interface: str | None = option(None, help=
        "Which endpoint of the catalogue: public, internal, admin.")
    region_name: str | None = option(None, help="The region of that endpoint.")
    cafile: Path | None = option(None, help=
        "Certificates (PEM) of authorities. Default: the system's.")
    insecure: bool = option(False, help="Believe any certificate.")
    match: tuple[str, ...] = option((), help=
        "Only images that fulfil all of these: name=value with an attribute, a property, or tag.")
    skip: tuple[str, ...] = option((), help=
        "Attributes and properties that stay as they are at the target; owner, say.")
    conflict: str = option("source", choices=("source", "target", "newer"), help=
        "Whose metadata count where an image differs.")
    members: bool = option(False, help="Also the projects that images are shared with.")
    delete: bool = option(False, help=
        "Remove at the target what was carried there and is gone at the source.")
    store: str | None = option(None, help=
        "Store for images that are pulled. Without it the default one.")
    interval: float = option(300.0, minimum=1, unit="seconds", help=
        "Seconds from the end of a pass to the next.")
    full_interval: float = option(86400.0, minimum=0, unit="seconds", help=
        "Seconds after which all images are compared again, not only those that were changed. "
        "With delete or members they always are.")
    transfers: int = option(2, minimum=1, maximum=64, help="Images at a time.")

    @property
    def section(self) -> str:
        return f"site:{self.name}"


@dataclass(frozen=True, slots=True)
class Scrubber:
    """What becomes of the bytes of deleted images, and what watches over the others.

    Times in seconds, unless said otherwise.
    """

    delayed_delete: bool = option(False, help=
        "Keep the bytes of a deleted image for scrub_time: imagestore image restore.")
    scrub_time: int = option(0, minimum=0, unit="seconds", help=
        "Seconds for which the bytes of a deleted image are kept, with delayed_delete.")
    scrub_pool_size: int = option(1, minimum=1, help=
        "Deleted images whose bytes are removed at once.")
    wakeup_time: int = option(300, minimum=1, unit="seconds", help=
        "Seconds between two looks for deleted images whose time is up.")
    patrol_rate: int = option(0, group="imagestore", kind=Size(), help=
        "Bytes a second, also with a unit (20MB), at which one node reads all stored images again "
        "and compares their digests. 0: not at all.")
    patrol_interval: int = option(168, group="imagestore", minimum=0, unit="hours", help=
        "Hours from the beginning of one such pass to that of the next, at the least.")
    orphan_interval: int = option(24, group="imagestore", minimum=0, unit="hours", help=
        "Hours from the beginning of one search for what lies in stores and belongs to no image "
        "to that of the next. 0: no search.")
    orphan_grace: int = option(24, group="imagestore", minimum=0, unit="hours", help=
        "Hours that must lie between two searches that see the same, for it to be an orphan.")
    orphan_max_unknown: int = option(5, group="imagestore", minimum=0, maximum=100, help=
        "Percent of the objects in a store that may be orphans which no image of this database "
        "ever had; if it is more, imagestore orphans delete leaves them alone unless forced.")
    orphan_delete: bool = option(False, group="imagestore", help=
        "Remove after each search the orphans that an image of this database once had there; "
        "others only an operator removes.")


@dataclass(frozen=True, slots=True)
class Events:
    kept_hours: int = option(24, name="events_kept_hours", minimum=1, unit="hours", help=
        "Hours for which GET /v2/events can go back.")
    kept_rows: int = option(1_000_000, name="events_kept_rows", minimum=1000, help=
        "Most events that are kept, however young.")


@dataclass(frozen=True, slots=True)
class Notifications:
    """Messages to other services; without a driver there are none."""

    driver: tuple[str, ...] = option(
        (), multiple=True, formerly=(("DEFAULT", "notification_driver"),), help=
        "How other services are notified: messagingv2, messaging, log, noop; may be given several "
        "times. Needs oslo.messaging (imagestore[notifications]). Without it nobody is notified.")
    transport_url: str = option("", secret=True, help=
        "URL of the message bus. Its further options stand in [oslo_messaging_rabbit] and so on.")
    other_transport_url: str = option(
        "", group="DEFAULT", name="transport_url", secret=True, help=
        "URL of the message bus where [oslo_messaging_notifications] has none.")
    topics: tuple[str, ...] = option(
        ("notifications",), formerly=(("DEFAULT", "notification_topics"),), help=
        "Topics that are sent to.")
    retry: int = option(-1, minimum=-1, help=
        "Attempts to send a notification again that the bus did not take; -1: for ever. Requests "
        "never wait for that.")
    default_publisher_id: str = option("image.localhost", group="DEFAULT", help=
        "Whom notifications say that they are from.")
    disabled_notifications: tuple[str, ...] = option((), group="DEFAULT", help=
        "Notifications that are not sent, by type (image.create) or group (image, task, "
        "metadef_namespace).")
    files: tuple[Path, ...] = ()
    """Configuration files, for the options of the bus itself."""
