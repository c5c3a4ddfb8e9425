"""The options of a file store."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagestore.backends.base import BLOCK_SIZE, option


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Options in a store's section; names and meaning are Glance's where Glance has them."""

    filesystem_store_datadir: str | None = field(
        default=None,
        metadata=option(
            "filesystem_store_datadir",
            "The directory that holds the images. It is made if it is missing.",
        ),
    )
    filesystem_store_datadirs: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "filesystem_store_datadirs",
            "Several directories instead of one, each as 'directory:priority'. The highest "
            "priority that has room is written to, among equals the one with most room.",
        ),
    )
    filesystem_store_metadata_file: str | None = field(
        default=None,
        metadata=option(
            "filesystem_store_metadata_file",
            "A JSON file that tells other services where the directories are mounted: an "
            "object with 'id' and 'mountpoint', or a list of them. It becomes the metadata "
            "of new locations below that mount point.",
        ),
    )
    filesystem_store_file_perm: int = field(
        default=0,
        metadata=option(
            "filesystem_store_file_perm",
            "Permissions of new files in octal digits, such as 640. 0 leaves them to the umask.",
        ),
    )
    filesystem_store_chunk_size: int = field(
        default=BLOCK_SIZE,
        metadata=option(
            "filesystem_store_chunk_size",
            f"Bytes read at a time. Less than {BLOCK_SIZE} is taken as that.",
            minimum=1,
        ),
    )
    filesystem_thin_provisioning: bool = field(
        default=True,
        metadata=option(
            "filesystem_thin_provisioning",
            "Do not store runs of zeros: they become holes that take no room.",
        ),
    )
    filesystem_store_timeout: float = field(
        default=0.0,
        metadata=option(
            "filesystem_store_timeout",
            "Seconds after which a call that the file system does not answer counts as "
            "failed. 0 waits for ever.",
            minimum=0,
        ),
    )
    filesystem_store_thread_pool_size: int = field(
        default=10,
        metadata=option(
            "filesystem_store_thread_pool_size",
            "Calls to the file system at the same time.",
            minimum=1,
        ),
    )
    filesystem_store_direct_io: bool = field(
        default=True,
        metadata=option(
            "filesystem_store_direct_io",
            "Write past the page cache where the file system allows it. It costs a third of "
            "the CPU and keeps the images in use cached; without it an image that was just "
            "written is still in memory for its first reader.",
        ),
    )
    leftovers: frozenset[str] = frozenset()
    """Suffixes that other programs give to what they make beside the file of an image, and leave:
    it belongs to the image then. No option: the service knows."""
