"""An object made of another one by Swift itself, segment by segment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from urllib.parse import quote

from imagestore.backends.errors import CannotCopy
from imagestore.backends.parts import send_parts, settled
from imagestore.backends.swift.container import Entry
from imagestore.backends.swift.stored import StoredObject
from imagestore.backends.swift.upload import PARALLEL, Upload

_LARGEST = 1 << 30
"""Bytes of a piece that one request copies: nothing is heard of it until it has ended."""


class Duplicate(Upload):
    """An upload whose bytes are in an account of the same Swift already.

    Its segments are those of the source, or it has one: their names are nobody else's, and only
    the manifest can be refused where an object is there. Swift computes the ETag of a copy from
    the bytes that it read, so that what arrived is compared with what the listing says of the
    source.
    """

    async def copy(self, source: StoredObject, on_progress: Callable[[int], object]) -> int:
        """Make the object, and return how many bytes it has. On an error call ``undo``."""
        pieces = source.pieces
        if not source.size or max(piece.size for piece in pieces) > _LARGEST:
            message = "has no bytes, or too large a segment"
            raise CannotCopy(message, store=self._container.store)
        where = await source.container.account_url()
        elsewhere = where != await self._container.account_url()
        account = where.rpartition("/")[2] if elsewhere else ""
        await self._in_container(lambda: self._look(may_exist=False, may_be_late=True))
        done = 0

        async def copy(number: int, piece: Entry) -> Entry:
            nonlocal done
            name = self._begin_segment(number)
            etag = await self._copy_piece(name, source, piece, account)
            done += piece.size
            on_progress(done)
            return Entry(name, piece.size, etag)

        return await self._joined(await send_parts(_each(pieces), copy, parallel=PARALLEL))

    async def _copy_piece(self, name: str, source: StoredObject, piece: Entry, account: str) -> str:
        path = f"/{quote(source.container.name, safe='')}/{quote(piece.name)}"
        # Swift goes on with a copy that nobody waits for, and gives the object a time of its own
        # when it has begun to read the source: one that is removed before that comes back.
        etag = await settled(self._container.copy(name, path, account, self._url))
        if piece.etag:
            right = etag == piece.etag
        else:
            made = await self._container.find(name, self._url)
            right = int(made.get("Content-Length", 0)) == piece.size
        if not right:
            # Where Swift is set up without the middleware that copies, it has no bytes.
            raise self._failure(
                CannotCopy, f"{name} arrived as other bytes than those of its source"
            )
        return etag


async def _each(pieces: Sequence[Entry]) -> AsyncGenerator[Entry, None]:
    for piece in pieces:
        yield piece
