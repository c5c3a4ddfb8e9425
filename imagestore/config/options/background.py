"""What goes on beside requests: jobs, copies, the cache, deletions, messages."""

from __future__ import annotations

from oslo_config import cfg

from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.option import fill as _fill
from imagestore.config.settings import Cache, Events, Jobs, Notifications, Replication, Scrubber
from imagestore.config.value_types import Numbers, Size, Words

_NOTIFICATIONS = "oslo_messaging_notifications"

OPTIONS: tuple[Option, ...] = (
    # Background work.
    _fill(
        Jobs, "imagestore", "job_workers", cfg.IntOpt,
        "Background jobs that each worker process works on at once; 0: none, other nodes do them.",
        attribute="workers", min=0,
    ),
    _fill(
        Jobs, "imagestore", "job_limits", Numbers(),
        "Background jobs of a kind that all nodes together work on at once, as kind:number pairs.",
        attribute="limits",
    ),
    _fill(
        Jobs, "imagestore", "jobs_per_store", cfg.IntOpt,
        "Background jobs that all nodes together direct at one store at once; 0: no limit.",
        attribute="per_target", min=0,
    ),
    _fill(
        Jobs, "imagestore", "purge_deleted_after", cfg.IntOpt,
        "Days after which the rows of what was deleted are removed, those of images apart, as "
        "imagestore db purge does. 0: never.", min=0,
    ),
    _fill(
        Jobs, "task", "task_time_to_live", cfg.IntOpt,
        "Hours for which a task or background job that has ended can be looked at.",
        attribute="time_to_live", min=0,
    ),
    # Copies between stores.
    _fill(
        Replication, "imagestore", "replication_interval", cfg.FloatOpt,
        "Seconds between two passes over all images, which find what the rules in "
        "[replication:NAME] ask for and nobody has done. 0: no passes.",
        attribute="interval", min=0,
    ),
    _fill(
        Replication, "imagestore", "replication_grace", cfg.FloatOpt,
        "Seconds for which a copy that was made for a rule is kept when no rule wants it any more.",
        attribute="grace", min=0,
    ),
    _fill(
        Replication, "imagestore", "replication_bandwidth", Size(),
        "Bytes a second that each worker process reads to copy between stores, of all its copies "
        "together: with four workers on each of three nodes, twelve times as many. 0: no limit.",
        attribute="bandwidth",
    ),
    _fill(
        Replication, "imagestore", "replication_server_side", cfg.BoolOpt,
        "Have S3, Swift and file systems that hold both stores copy by themselves; the bytes are "
        "then only read once, to be compared.", attribute="server_side",
    ),
    _fill(
        Replication, "imagestore", "fill_missing_digests", cfg.BoolOpt,
        "Read images that have no checksum or hash, as old releases of Glance left them, and "
        "record what is computed. Counts for replication_bandwidth.",
        attribute="fill_digests",
    ),
    # The cache.
    _fill(
        Cache, "DEFAULT", "image_cache_dir", cfg.StrOpt,
        "Directory of this node's cache of image data, which all its workers share. Downloads use "
        "it with +caching or +cachemanagement in [paste_deploy] flavor. Unset: no cache.",
        attribute="directory",
    ),
    _fill(
        Cache, "DEFAULT", "image_cache_driver", cfg.StrOpt,
        "The entries are files, whatever is named here; only centralized_db has "
        "/v2/cache/nodes tell which nodes have an image.",
        attribute="driver", choices=["centralized_db", "sqlite", "xattr"],
    ),
    _fill(
        Cache, "DEFAULT", "image_cache_max_size", Size(),
        "Bytes that the cache may take, also with a unit (500GB). Kept to at any time.",
        attribute="max_size",
    ),
    _fill(
        Cache, "DEFAULT", "image_cache_stall_time", cfg.IntOpt,
        "Seconds after which an incomplete entry is removed that nobody goes on with.",
        attribute="stall_time", min=0,
    ),
    _fill(
        Cache, "DEFAULT", "worker_self_reference_url", cfg.StrOpt,
        "URL by which this node is known to the others: the name of its cache. Without it, "
        "public_endpoint, or the name of the machine and the port.", attribute="node",
    ),
    _also(
        "DEFAULT", "image_cache_sqlite_db", cfg.StrOpt,
        "No effect: the files of the cache are its index.", "cache.db",
    ),
    _also(
        "DEFAULT", "cache_prefetcher_interval", cfg.IntOpt,
        "No effect: what is queued is fetched at once.", 300,
    ),
    _fill(
        Cache, "imagestore", "cache_sync_interval", cfg.FloatOpt,
        "Seconds between two comparisons of the cache with the database: until then an entry "
        "may lie on the disk whose image was deleted through another node. It is never served.",
        attribute="sync_interval", min=0.1,
    ),
    _fill(
        Cache, "imagestore", "cache_keep_filling", cfg.BoolOpt,
        "Go on bringing an image into the cache when all who download it have left.",
        attribute="keep_filling",
    ),
    _fill(
        Cache, "imagestore", "cache_min_downloads", cfg.IntOpt,
        "Download of an image, counted by each worker, that brings it into the cache: 2 leaves "
        "out what is fetched once.", attribute="min_downloads", min=1,
    ),
    _fill(
        Cache, "imagestore", "cache_max_image_size", Size(),
        "Size of the largest image that downloads bring into the cache; 0: no limit but "
        "image_cache_max_size.", attribute="max_image_size",
    ),
    _fill(
        Cache, "imagestore", "cache_visibilities", Words(),
        "Visibilities of the images that downloads bring into the cache; empty: all.",
        attribute="visibilities",
    ),
    _fill(
        Cache, "imagestore", "cache_local_stores", cfg.BoolOpt,
        "Bring images into the cache also from stores of files that this machine has mounted.",
        attribute="local_stores",
    ),
    # Deleted images, and the watch over the others.
    _fill(
        Scrubber, "DEFAULT", "delayed_delete", cfg.BoolOpt,
        "Keep the bytes of a deleted image for scrub_time: imagestore image restore.",
    ),
    _fill(
        Scrubber, "DEFAULT", "scrub_time", cfg.IntOpt,
        "Seconds for which the bytes of a deleted image are kept, with delayed_delete.", min=0,
    ),
    _fill(
        Scrubber, "DEFAULT", "scrub_pool_size", cfg.IntOpt,
        "Deleted images whose bytes are removed at once.", min=1,
    ),
    _fill(
        Scrubber, "DEFAULT", "wakeup_time", cfg.IntOpt,
        "Seconds between two looks for deleted images whose time is up.", min=1,
    ),
    _fill(
        Scrubber, "imagestore", "patrol_rate", Size(),
        "Bytes a second, also with a unit (20MB), at which one node reads all stored images again "
        "and compares their digests. 0: not at all.",
    ),
    _fill(
        Scrubber, "imagestore", "patrol_interval", cfg.IntOpt,
        "Hours from the beginning of one such pass to that of the next, at the least.", min=0,
    ),
    _fill(
        Scrubber, "imagestore", "orphan_interval", cfg.IntOpt,
        "Hours from the beginning of one search for what lies in stores and belongs to no image "
        "to that of the next. 0: no search.", min=0,
    ),
    _fill(
        Scrubber, "imagestore", "orphan_grace", cfg.IntOpt,
        "Hours that must lie between two searches that see the same, for it to be an orphan.",
        min=0,
    ),
    _fill(
        Scrubber, "imagestore", "orphan_max_unknown", cfg.IntOpt,
        "Percent of the objects in a store that may be orphans which no image of this database "
        "ever had; if it is more, imagestore orphans delete leaves them alone unless forced.",
        min=0, max=100,
    ),
    _fill(
        Scrubber, "imagestore", "orphan_delete", cfg.BoolOpt,
        "Remove after each search the orphans that an image of this database once had there; "
        "others only an operator removes.",
    ),
    _fill(
        Events, "imagestore", "events_kept_hours", cfg.IntOpt,
        "Hours for which GET /v2/events can go back.", attribute="kept_hours", min=1,
    ),
    _fill(
        Events, "imagestore", "events_kept_rows", cfg.IntOpt,
        "Most events that are kept, however young.", attribute="kept_rows", min=1000,
    ),
    # Messages to other services.
    _fill(
        Notifications, _NOTIFICATIONS, "driver", cfg.MultiStrOpt,
        "How other services are notified: messagingv2, messaging, log, noop; may be given several "
        "times. Needs oslo.messaging (imagestore[notifications]). Without it nobody is notified.",
        formerly=(("DEFAULT", "notification_driver"),),
    ),
    _fill(
        Notifications, _NOTIFICATIONS, "transport_url", cfg.StrOpt,
        "URL of the message bus. Its further options stand in [oslo_messaging_rabbit] and so on.",
        secret=True,
    ),
    _also(
        "DEFAULT", "transport_url", cfg.StrOpt,
        "URL of the message bus where [oslo_messaging_notifications] has none.", secret=True,
    ),
    _fill(
        Notifications, _NOTIFICATIONS, "topics", Words(), "Topics that are sent to.",
        formerly=(("DEFAULT", "notification_topics"),),
    ),
    _fill(
        Notifications, _NOTIFICATIONS, "retry", cfg.IntOpt,
        "Attempts to send a notification again that the bus did not take; -1: for ever. "
        "Requests never wait for that.", min=-1,
    ),
    _fill(
        Notifications, "DEFAULT", "default_publisher_id", cfg.StrOpt,
        "Whom notifications say that they are from.",
    ),
    _fill(
        Notifications, "DEFAULT", "disabled_notifications", Words(),
        "Notifications that are not sent, by type (image.create) or group (image, task, "
        "metadef_namespace).",
    ),
)  # fmt: skip
