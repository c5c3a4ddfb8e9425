"""The options of a Swift store."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagestore.backends.base import option

MEGABYTE = 1000 * 1024
"""Bytes in the "MB" of Glance's options, which has this mixed meaning."""


@dataclass(frozen=True, slots=True)
class SwiftSettings:
    """Options in a store's section; names, defaults and meaning are Glance's where it has them."""

    swift_store_config_file: str | None = field(
        default=None,
        metadata=option(
            "swift_store_config_file",
            "A file with a section for each account: auth_address, user and key (or "
            "application_credential_id and _secret), and optionally auth_version and the "
            "domains. The names of its sections are the references in locations.",
        ),
    )
    default_swift_reference: str = field(
        default="ref1",
        metadata=option(
            "default_swift_reference",
            "The account for new images: a section of swift_store_config_file, or without "
            "that file the name in locations for the account of swift_store_user.",
        ),
    )
    swift_store_auth_address: str | None = field(
        default=None,
        metadata=option(
            "swift_store_auth_address",
            "Where tokens come from: the URL of Keystone, or of tempauth.",
        ),
    )
    swift_store_auth_version: str = field(
        default="3",
        metadata=option(
            "swift_store_auth_version",
            "3 for Keystone, 1 for Swift's own tempauth. Keystone 2 is no more and read as 3.",
            choices=("1", "1.0", "2", "2.0", "3"),
        ),
    )
    swift_store_user: str | None = field(
        default=None,
        metadata=option("swift_store_user", "The user as 'project:user'.", secret=True),
    )
    swift_store_key: str | None = field(
        default=None,
        metadata=option("swift_store_key", "The user's password or key.", secret=True),
    )
    swift_store_application_credential_id: str | None = field(
        default=None,
        metadata=option(
            "swift_store_application_credential_id",
            "The id of an application credential of Keystone, instead of user and key.",
            secret=True,
        ),
    )
    swift_store_application_credential_secret: str | None = field(
        default=None,
        metadata=option(
            "swift_store_application_credential_secret",
            "The secret of the application credential.",
            secret=True,
        ),
    )
    swift_store_container: str = field(
        default="glance",
        metadata=option(
            "swift_store_container",
            "The container of the images, or with several containers what their names begin with.",
        ),
    )
    swift_store_create_container_on_put: bool = field(
        default=False,
        metadata=option(
            "swift_store_create_container_on_put", "Make the container if it does not exist."
        ),
    )
    swift_store_large_object_size: int = field(
        default=5120,
        metadata=option(
            "swift_store_large_object_size",
            "MB (of 1024000 bytes) from which on an image is stored in segments.",
            minimum=1,
        ),
    )
    swift_store_large_object_chunk_size: int = field(
        default=200,
        metadata=option(
            "swift_store_large_object_chunk_size",
            "MB (of 1024000 bytes) of a segment. Small segments are sent in parallel, but "
            "Swift gives out at most one a second to whoever reads a whole image through it.",
            minimum=1,
        ),
    )
    swift_store_multiple_containers_seed: int = field(
        default=0,
        metadata=option(
            "swift_store_multiple_containers_seed",
            "Spread images over 16^N containers, named by the first N digits of the image id. "
            "0 keeps them in one. Not with swift_store_multi_tenant.",
            minimum=0,
            maximum=32,
        ),
    )
    swift_store_multi_tenant: bool = field(
        default=False,
        metadata=option(
            "swift_store_multi_tenant",
            "Store each image in a container of its own in the account of the project that "
            "owns it. The account of the service must be a reseller's administrator.",
        ),
    )
    swift_store_admin_tenants: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "swift_store_admin_tenants",
            "Projects that may read and write the containers of swift_store_multi_tenant.",
        ),
    )
    swift_store_endpoint: str | None = field(
        default=None,
        metadata=option(
            "swift_store_endpoint",
            "The URL of the account, instead of the one that comes with the token.",
        ),
    )
    swift_store_endpoint_type: str = field(
        default="publicURL",
        metadata=option(
            "swift_store_endpoint_type",
            "Which endpoint of Keystone's catalogue to use.",
            choices=("publicURL", "adminURL", "internalURL"),
        ),
    )
    swift_store_service_type: str = field(
        default="object-store",
        metadata=option("swift_store_service_type", "What Keystone's catalogue calls Swift."),
    )
    swift_store_region: str | None = field(
        default=None,
        metadata=option("swift_store_region", "The region in Keystone's catalogue."),
    )
    swift_store_auth_insecure: bool = field(
        default=False,
        metadata=option(
            "swift_store_auth_insecure", "Do not check the certificates of Keystone and Swift."
        ),
    )
    swift_store_cacert: str | None = field(
        default=None,
        metadata=option(
            "swift_store_cacert", "A file with the certificates of the authorities to trust."
        ),
    )
    swift_store_expire_soon_interval: int = field(
        default=60,
        metadata=option(
            "swift_store_expire_soon_interval",
            "Seconds before the end of a token's life at which a new one is fetched.",
            minimum=0,
        ),
    )
    swift_store_connect_timeout: float = field(
        default=10.0,
        metadata=option(
            "swift_store_connect_timeout",
            "Seconds within which Swift must accept a connection.",
            minimum=1,
        ),
    )
    swift_store_timeout: float = field(
        default=60.0,
        metadata=option(
            "swift_store_timeout",
            "Seconds within which Swift must answer a request, or take a block of an upload.",
            minimum=1,
        ),
    )
    swift_store_cleanup_timeout: float = field(
        default=30.0,
        metadata=option(
            "swift_store_cleanup_timeout",
            "Seconds that a failed upload may take to remove what it has stored.",
            minimum=1,
        ),
    )
