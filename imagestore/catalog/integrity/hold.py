"""The hold: nothing is removed from a store by itself while what the database says may be old.

A database that was restored from a backup knows of uploads that had not ended, of deletions that
were not done, of images whose time was up: all of it as it was then. What it would clean up may
since have become an image's data, of which a newer backup tells. So recovery, the scrubber, the
removal of orphans, of surplus copies and of staged data, and repairs wait until an operator says
that the database is the right one.

That it was restored shows by a note that each node keeps in its data directory: the highest id
among the locations that it has seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Connection

from imagestore.backends import private
from imagestore.config.settings import Settings
from imagestore.database import journal, locations
from imagestore.database.engine import Database
from imagestore.database.journal import Entry
from imagestore.model.clock import now
from imagestore.model.errors import Unavailable

log = logging.getLogger(__name__)

_NOTE = "newest-location.json"


class Hold:
    """Whether removals wait. For operators, and for whatever removes by itself."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._note = settings.data_dir / _NOTE
        # Another database counts by itself; its password is nobody's business here.
        self._name = hashlib.sha256(settings.database.connection.encode()).hexdigest()[:16]
        self._noted = 0
        self._is_older = False
        """Whether what was noted is of a later time than the database."""

    async def is_on(self) -> bool:
        return await self._database.read(journal.is_held)

    async def begin(self) -> Sequence[Entry]:
        """Have removals wait; what was half done when the database was left."""

        def hold(conn: Connection) -> Sequence[Entry]:
            journal.hold(conn, now())
            return journal.entries(conn)

        return await self._database.write(hold)

    async def end(self) -> bool:
        """Let them go on; whether they had to wait."""
        was_on = await self._database.write(journal.release)
        self._noted = await asyncio.to_thread(_read, self._note, self._name)
        self._is_older = False
        await self.note()
        return was_on

    async def notice(self) -> None:
        """Begin a hold if the database is older than what this node has seen of it. To be called
        before anything is removed."""
        newest = await self._database.read(locations.newest)
        noted = await asyncio.to_thread(_read, self._note, self._name)
        self._is_older = 0 < newest < noted
        if self._is_older:
            await self.begin()
            log.error(
                "The database is older than when this node last saw it (location %d, not %d), as "
                "after a restore from a backup: nothing is removed from the stores by itself "
                "until 'imagestore db release'. See docs/backup.md.",
                newest,
                noted,
            )
        elif await self.is_on():
            log.warning("Removals wait for 'imagestore db release': see docs/backup.md.")
        self._noted = noted
        await self.note()

    @asynccontextmanager
    async def purging(self) -> AsyncIterator[None]:
        """Around a removal of rows by a command: that the newest are gone is no sign of a restore,
        unless one was seen before it."""
        self._noted = await asyncio.to_thread(_read, self._note, self._name)
        self._is_older = await self._database.read(locations.newest) < self._noted
        try:
            yield
        finally:
            await self.note()

    async def note(self) -> None:
        """Keep in mind what the database has now: also less, when rows are purged."""
        try:
            newest = await self._database.read(locations.newest)
            if newest > self._noted or (newest < self._noted and not self._is_older):
                self._noted = newest
                await asyncio.to_thread(_write, self._note, self._name, newest)
        except (OSError, Unavailable) as error:
            log.debug("%s was not written: %s", self._note, error)


def _read(path: Path, name: str) -> int:
    """What was noted of that database; 0 if nothing was."""
    try:
        noted = json.loads(path.read_bytes())
        return int(noted["newest"]) if noted["database"] == name else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _write(path: Path, name: str, newest: int) -> None:
    private.make_directory(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"database": name, "newest": newest}))
    draft.replace(path)
