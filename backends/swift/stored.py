"""An object that is there: where its bytes are, and how to remove it.

Segments are read by themselves and not through the manifest. Swift would leave out one that is
missing without a word, and slows down whoever reads many.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import unquote

from imagestore.backends.errors import NotFound, Unavailable
from imagestore.backends.swift.container import Container, Entry
from imagestore.backends.swift.names import is_leftover
from imagestore.backends.swift.upload import SIZE_HEADER


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The bytes of an object: one after the other in ``pieces``."""

    container: Container
    pieces: tuple[Entry, ...]
    location: str

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)

    async def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, which must be within the object."""
        starts = list(accumulate((piece.size for piece in self.pieces), initial=0))
        parts = []
        at = bisect_right(starts, offset) - 1
        while length:
            piece, inside = self.pieces[at], offset - starts[at]
            count = min(length, piece.size - inside)
            if count:
                part = await self.container.read(
                    piece.name, inside, count, etag=piece.etag or None, location=self.location
                )
                parts.append(part)
            offset, length, at = offset + count, length - count, at + 1
        return parts[0] if len(parts) == 1 else b"".join(parts)


async def find(container: Container, name: str, location: str) -> StoredObject:
    """The object of that name; ``NotFound`` if there is none.

    ``Unavailable`` if segments are missing, for the container may only be behind.
    """
    headers = await container.find(name, location)
    manifest = _manifest(headers)
    if manifest is None:
        size = int(headers.get("Content-Length", 0))
        return StoredObject(container, (Entry(name, size, ""),), location)
    home, prefix = container.beside(manifest[0]), manifest[1]
    pieces = tuple([entry async for entry in home.entries(prefix)])
    stored = StoredObject(home, pieces, location)
    expected = headers.get(SIZE_HEADER)
    if stored.size != int(expected) if expected else not _is_gapless(prefix, pieces):
        raise Unavailable(
            f"segments are missing: {len(pieces)} with {stored.size} bytes are there"
            + (f" of {expected} bytes" if expected else ""),
            store=container.store,
            url=location,
        )
    return stored


async def remove(container: Container, name: str, location: str) -> None:
    """Remove an object, its segments first so that a removal that breaks off can be repeated.

    ``NotFound`` if nothing is there, not even segments of an object that is gone.
    """
    try:
        headers = await container.find(name, location)
    except NotFound:
        if not await sweep(container, name):
            raise
        return
    manifest = _manifest(headers)
    query = ""
    if headers.get("X-Static-Large-Object", "").lower() == "true":
        query = "multipart-manifest=delete"
    elif manifest is not None:
        home = container.beside(manifest[0])
        await home.remove_all([entry.name async for entry in home.entries(manifest[1])])
    await container.delete(name, query=query, location=location)
    await sweep(container, name)


async def sweep(container: Container, image_id: str) -> int:
    """Remove what uploads of the image left behind, and return how many objects that were."""
    try:
        found = [entry.name async for entry in container.entries(image_id)]
    except NotFound:
        return 0
    return await container.remove_all(name for name in found if is_leftover(image_id, name))


def _manifest(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Container and prefix of the segments."""
    value = headers.get("X-Object-Manifest")
    if value is None:
        return None
    container, _, prefix = value.partition("/")
    return unquote(container), unquote(prefix)


def _is_gapless(prefix: str, pieces: tuple[Entry, ...]) -> bool:
    """Whether segments that Glance numbered are all there, as far as that shows: not the last."""
    numbers = [piece.name.removeprefix(prefix) for piece in pieces]
    if not all(number.isdecimal() for number in numbers):
        return True
    return [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
