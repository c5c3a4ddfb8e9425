"""The options of a Swift store."""

from __future__ import annotations

from dataclasses import dataclass

from imagestore.backends.base import option

MEGABYTE = 1000 * 1024
"""Bytes in the "MB" of Glance's options, which has this mixed meaning."""

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class SwiftSettings:
    """Options in a store's section; names, defaults and meaning are Glance's where it has them."""

    swift_store_config_file: str | None = option(None, help=
        "A file with a section for each account: auth_address, user and key (or "
        "application_credential_id and _secret), and optionally auth_version and the domains. The "
        "names of its sections are the references in locations.")
    default_swift_reference: str = option("ref1", help=
        "The account for new images: a section of swift_store_config_file, or without that file "
        "the name in locations for the account of swift_store_user.")
    swift_store_auth_address: str | None = option(None, help=
        "Where tokens come from: the URL of Keystone, or of tempauth.")
    swift_store_auth_version: str = option("3", choices=("1", "1.0", "2", "2.0", "3"), help=
        "3 for Keystone, 1 for Swift's own tempauth. Keystone 2 is no more and read as 3.")
    swift_store_user: str | None = option(None, secret=True, help="The user as 'project:user'.")
    swift_store_key: str | None = option(None, secret=True, help="The user's password or key.")
    swift_store_application_credential_id: str | None = option(None, secret=True, help=
        "The id of an application credential of Keystone, instead of user and key.")
    swift_store_application_credential_secret: str | None = option(None, secret=True, help=
        "The secret of the application credential.")
    swift_store_container: str = option("glance", help=
        "The container of the images, or with several containers what their names begin with.")
    swift_store_create_container_on_put: bool = option(False, help=
        "Make the container if it does not exist.")
    swift_store_large_object_size: int = option(5120, minimum=1, unit="MB of 1024000 bytes", help=
        "MB (of 1024000 bytes) from which on an image is stored in segments.")
    swift_store_large_object_chunk_size: int = option(
        200, minimum=1, unit="MB of 1024000 bytes", help=
        "MB (of 1024000 bytes) of a segment. Small segments are sent in parallel, but Swift gives "
        "out at most one a second to whoever reads a whole image through it.")
    swift_store_multiple_containers_seed: int = option(0, minimum=0, maximum=32, help=
        "Spread images over 16^N containers, named by the first N digits of the image id. 0 keeps "
        "them in one. Not with swift_store_multi_tenant.")
    swift_store_multi_tenant: bool = option(False, help=
        "Store each image in a container of its own in the account of the project that owns it. "
        "The account of the service must be a reseller's administrator.")
    swift_store_admin_tenants: tuple[str, ...] = option((), help=
        "Projects that may read and write the containers of swift_store_multi_tenant.")
    swift_store_endpoint: str | None = option(None, help=
        "The URL of the account, instead of the one that comes with the token.")
    swift_store_endpoint_type: str = option(
        "publicURL", choices=("publicURL", "adminURL", "internalURL"), help=
        "Which endpoint of Keystone's catalogue to use.")
    swift_store_service_type: str = option("object-store", help=
        "What Keystone's catalogue calls Swift.")
    swift_store_region: str | None = option(None, help="The region in Keystone's catalogue.")
    swift_store_auth_insecure: bool = option(False, help=
        "Do not check the certificates of Keystone and Swift.")
    swift_store_cacert: str | None = option(None, help=
        "A file with the certificates of the authorities to trust.")
    swift_store_expire_soon_interval: int = option(60, minimum=0, unit="seconds", help=
        "Seconds before the end of a token's life at which a new one is fetched.")
    swift_store_connect_timeout: float = option(10.0, minimum=1, unit="seconds", help=
        "Seconds within which Swift must accept a connection.")
    swift_store_timeout: float = option(60.0, minimum=1, unit="seconds", help=
        "Seconds within which Swift must answer a request, or take a block of an upload.")
    swift_store_cleanup_timeout: float = option(30.0, minimum=1, unit="seconds", help=
        "Seconds that a failed upload may take to remove what it has stored.")
