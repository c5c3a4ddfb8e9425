"""The options of a file store."""

from __future__ import annotations

from dataclasses import dataclass

from imagestore.backends.base import BLOCK_SIZE, option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Options in a store's section; names and meaning are Glance's where Glance has them."""

    filesystem_store_datadir: str | None = option(None, help=
        "The directory that holds the images. It is made if it is missing.")
    filesystem_store_datadirs: tuple[str, ...] = option((), help=
        "Several directories instead of one, each as 'directory:priority'. The highest priority "
        "that has room is written to, among equals the one with most room.")
    filesystem_store_metadata_file: str | None = option(None, help=
        "A JSON file that tells other services where the directories are mounted: an object with "
        "'id' and 'mountpoint', or a list of them. It becomes the metadata of new locations below "
        "that mount point.")
    filesystem_store_file_perm: int = option(0, help=
        "Permissions of new files in octal digits, such as 644. With 0 the owner and the group "
        "may read them, nobody else, and the umask may forbid more.")
    filesystem_store_chunk_size: int = option(BLOCK_SIZE, minimum=1, unit="bytes", help=
        f"Bytes read at a time. Less than {BLOCK_SIZE} is taken as that.")
    filesystem_thin_provisioning: bool = option(True, help=
        "Do not store runs of zeros: they become holes that take no room.")
    filesystem_store_timeout: float = option(0.0, minimum=0, unit="seconds", help=
        "Seconds after which a call that the file system does not answer counts as failed. 0 "
        "waits for ever.")
    filesystem_store_thread_pool_size: int = option(10, minimum=1, help=
        "Calls to the file system at the same time.")
    filesystem_store_direct_io: bool = option(True, help=
        "Write past the page cache where the file system allows it. It costs a third of the CPU "
        "and keeps the images in use cached; without it an image that was just written is still "
        "in memory for its first reader.")
    leftovers: frozenset[str] = frozenset()
    """Suffixes that other programs give to what they make beside the file of an image, and leave:
    it belongs to the image then. No option: the service knows."""
