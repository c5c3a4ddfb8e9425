"""Every option of the service itself: its place in the file and the setting that it fills.

Section and option names are Glance's where Glance has (or had) the option; what
is only ours is in ``[imagestore]``. Defaults live in :mod:`imagestore.config.settings`
and are taken from there. Options of stores come from the drivers, see
:mod:`imagestore.config.store_options`.
"""

from __future__ import annotations

from oslo_config import cfg, types

from imagestore.backends.http.rules import Rules
from imagestore.config import key_manager, keystone_authtoken, oslo_limit
from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.option import fill as _fill
from imagestore.config.settings import (
    Cache,
    Cors,
    Database,
    Events,
    Identity,
    Images,
    Imports,
    Jobs,
    Limits,
    Logging,
    Notifications,
    Replication,
    Scrubber,
    Server,
)
from imagestore.config.value_types import HashName, HostPort, Numbers, Pairs, Ports, Size, Words

_FILTER = "import_filtering_opts"
_NOTIFICATIONS = "oslo_messaging_notifications"

MAX_SIZE = (1 << 63) - 1
"""The largest size that the database can hold."""


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
    # Limits.
    _fill(
        Limits, "DEFAULT", "limit_param_default", cfg.IntOpt,
        "Images on a page when the client does not say how many.", min=1,
    ),
    _fill(
        Limits, "DEFAULT", "api_limit_max", cfg.IntOpt,
        "Most images on a page, whatever the client says.", min=1,
    ),
    _fill(
        Limits, "DEFAULT", "image_size_cap", cfg.IntOpt,
        "Largest image in bytes.", min=1, max=MAX_SIZE,
    ),
    _fill(
        Limits, "DEFAULT", "image_property_quota", cfg.IntOpt,
        "Most custom properties of an image; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "image_tag_quota", cfg.IntOpt,
        "Most tags of an image; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "image_member_quota", cfg.IntOpt,
        "Most projects that an image can be shared with; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "image_location_quota", cfg.IntOpt,
        "Most locations of an image; negative: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "user_storage_quota", Size(),
        "Bytes that the images of one project may take in all stores together, "
        "also with a unit (500GB). 0: no limit.",
    ),
    _fill(
        Limits, "DEFAULT", "use_keystone_limits", cfg.BoolOpt,
        "Hold projects to the limits that Keystone has registered for image_size_total, "
        "image_stage_total (MiB), image_count_total and image_count_uploading; see oslo_limit.",
    ),
    # Images.
    _fill(
        Images, "image_format", "disk_formats", Words(),
        "Accepted values of disk_format.", formerly=(("DEFAULT", "disk_formats"),),
    ),
    _fill(
        Images, "image_format", "container_formats", Words(),
        "Accepted values of container_format.", formerly=(("DEFAULT", "container_formats"),),
    ),
    _fill(
        Images, "image_format", "vmdk_allowed_types", Words(),
        "VMDK subformats (create-type) that may be uploaded; empty: none.",
    ),
    _fill(
        Images, "image_format", "require_image_format_match", cfg.BoolOpt,
        "Refuse data whose content is not of the declared disk_format.",
    ),
    _fill(
        Images, "image_format", "gpt_safety_checks_nonfatal", Words(),
        "Safety checks of partition tables whose failure is only logged.",
    ),
    _fill(
        Images, "imagestore", "reject_unsafe_raw", cfg.BoolOpt,
        "Refuse data that a safety check finds dangerous (a qcow2 with a backing file, say) also "
        "when it is declared raw, or packed in a container.",
    ),
    _fill(
        Images, "DEFAULT", "hashing_algorithm", HashName(),
        "Digest for os_hash_value.",
    ),
    _fill(
        Images, "DEFAULT", "show_image_direct_url", cfg.BoolOpt,
        "Show direct_url, the location in the store, to everyone who may see the image.",
    ),
    _fill(
        Images, "DEFAULT", "show_multiple_locations", cfg.BoolOpt,
        "Show all locations, and let those change them whom the policy allows to.",
    ),
    _fill(
        Images, "DEFAULT", "do_secure_hash", cfg.BoolOpt,
        "Hash what is added as a location, and compare it where a hash was given. "
        "Otherwise hashes are believed as they are given.",
    ),
    _fill(
        Images, "DEFAULT", "http_retries", cfg.IntOpt,
        "Attempts to read what is added as a location.", min=0,
    ),
    _fill(
        Images, "DEFAULT", "property_protection_file", cfg.StrOpt,
        "Who may create, read, update and delete which custom properties; a relative name is "
        "looked for beside the configuration files. It is read at start.",
    ),
    _fill(
        Images, "DEFAULT", "property_protection_rule_format", cfg.StrOpt,
        "What that file names: roles, or one rule of the policy each.",
        choices=("roles", "policies"),
    ),
    _fill(
        Images, "DEFAULT", "metadata_source_path", cfg.StrOpt,
        "Directory of metadata definitions that imagestore db load-metadefs reads and "
        "export-metadefs writes. Without it those that come with imagestore are loaded.",
    ),
    _fill(
        Images, "DEFAULT", "enabled_import_methods", Words(),
        "Ways of importing that are offered.",
    ),
    # What is done with imports.
    _fill(
        Imports, "image_import_opts", "image_import_plugins",
        Words(types.String(quotes=True)),
        "What is done with every import, as [first, second]. Known: inject_image_metadata; "
        "image_decompression, which unpacks gzip, and zip with one entry; no_op.",
    ),
    _fill(
        Imports, "inject_metadata_properties", "inject", Pairs(),
        "Properties that inject_image_metadata gives to imported images, as name:value pairs.",
    ),
    _fill(
        Imports, "inject_metadata_properties", "ignore_user_roles", Words(),
        "Roles whose imports are given none.",
    ),
    # What may be fetched.
    _fill(
        Rules, _FILTER, "allowed_schemes", Words(),
        "Schemes that a URL may have; of others than http and https none can be fetched.",
    ),
    _fill(
        Rules, _FILTER, "disallowed_schemes", Words(),
        "Schemes that a URL may not have; only without a list of allowed ones.",
    ),
    _fill(
        Rules, _FILTER, "allowed_hosts", Words(),
        "Names or addresses of the only hosts that may be fetched from. These may have any "
        "address, loopback included. Empty: all hosts with public addresses.",
    ),
    _fill(
        Rules, _FILTER, "disallowed_hosts", Words(),
        "Names or addresses of hosts that may not be fetched from; only without a list of "
        "allowed ones.",
    ),
    _fill(
        Rules, _FILTER, "allowed_ports", Ports(),
        "Ports that a URL may name; one without a port passes.",
    ),
    _fill(
        Rules, _FILTER, "disallowed_ports", Ports(),
        "Ports that a URL may not name; only without a list of allowed ones.",
    ),
    _fill(
        Rules, _FILTER, "allow_private_addresses", cfg.BoolOpt,
        "Fetch also from hosts in private networks (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
        "100.64.0.0/10, fc00::/7). Whoever may import can then read what is served there.",
    ),
    # Who is asking.
    _also(
        "paste_deploy", "flavor", cfg.StrOpt,
        "How callers are told apart. Empty: not at all, every caller is an administrator. "
        "keystone: by a Keystone token. trusted-headers: by the identity headers that an "
        "authenticating proxy in front of the service sets. "
        "A cache is asked for by +caching or +cachemanagement.", "",
    ),
    _fill(
        Identity, "imagestore", "allow_unauthenticated_remote", cfg.BoolOpt,
        "Serve the empty flavor on other addresses than loopback: "
        "everyone who reaches the port is an administrator.",
    ),
    _fill(
        Identity, "DEFAULT", "allow_anonymous_access", cfg.BoolOpt,
        "Let callers without a token read public images.",
    ),
    _fill(
        Identity, "oslo_policy", "policy_file", cfg.StrOpt,
        "Rules that differ from the built-in ones; a relative name is looked for beside the "
        "configuration files. Without it, policy.yaml beside them is used if it is there.",
    ),
    _also(
        "oslo_policy", "policy_dirs", cfg.MultiStrOpt,
        "Directory with further policy files; may be given several times.", ["policy.d"],
    ),
    *keystone_authtoken.OPTIONS,
    *oslo_limit.OPTIONS,
    *key_manager.OPTIONS,
    # The database.
    _fill(
        Database, "database", "connection", cfg.StrOpt,
        "SQLAlchemy URL. Without it, a SQLite file in the data directory.",
        formerly=(("DEFAULT", "sql_connection"),),
    ),
    _fill(
        Database, "database", "max_pool_size", cfg.IntOpt,
        "Connections to the database that each worker keeps; 0: as many as it ever needed.", min=0,
    ),
    _fill(
        Database, "database", "max_overflow", cfg.IntOpt,
        "Connections beyond those that may be opened for a while; -1: no limit.", min=-1,
    ),
    _fill(
        Database, "database", "connection_recycle_time", cfg.IntOpt,
        "Seconds after which a connection is replaced; -1: never.", min=-1,
        formerly=(("database", "idle_timeout"),),
    ),
    _fill(
        Database, "database", "max_retries", cfg.IntOpt,
        "Attempts to reach the database at start; -1: for ever.", min=-1,
    ),
    _fill(
        Database, "database", "pool_timeout", cfg.FloatOpt,
        "Seconds to wait for a connection when all are in use.", min=0,
    ),
    _fill(
        Database, "imagestore", "database_timeout", cfg.IntOpt,
        "Seconds after which a request is answered that the database server did not answer it.",
        attribute="timeout", min=1,
    ),
    _also(
        "imagestore", "auto_upgrade", cfg.BoolOpt,
        "Bring the tables up to date at start. Unset: yes for SQLite, no for other databases, "
        "which several nodes may share: imagestore db upgrade does it there.",
    ),
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
        "Bytes a second that each worker process copies between stores; 0: no limit.",
        attribute="bandwidth",
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

SECTIONS = {
    "DEFAULT": "The service as a whole.",
    "database": "Where the metadata of images is kept.",
    "glance_store": "Where the data of images is kept.",
    "paste_deploy": "Authentication.",
    "keystone_authtoken": "Keystone, for the flavor keystone.",
    "oslo_limit": "Limits of projects at Keystone, for use_keystone_limits.",
    "oslo_policy": "Authorisation.",
    "key_manager": "Certificates of signed images.",
    "image_format": "What may be uploaded.",
    "import_filtering_opts": "Which URLs users may have fetched: imports, and locations.",
    "image_import_opts": "What is done with images on their way in.",
    "inject_metadata_properties": "For the plug-in inject_image_metadata.",
    "oslo_middleware": "Proxies in front of the service.",
    "cors": "Browsers with pages of other origins.",
    "healthcheck": "What load balancers ask.",
    "task": "Work in the background.",
    "oslo_messaging_notifications": "Messages to other services.",
    "imagestore": "What only imagestore has.",
}
"""Sections in the order in which they are shown, and what they are about."""
