"""All that has to do with imports, in one place for the callers."""

from __future__ import annotations

from imagestore.catalog.copies.maker import CopyMaker
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports.running import Running
from imagestore.catalog.imports.sources import Sources
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.imports.starting import Starting
from imagestore.catalog.integrity.recovery import Recovery
from imagestore.catalog.jobs import Jobs


class Imports:
    """``stage`` takes bytes in, ``start`` queues an import; the jobs do the rest."""

    def __init__(
        self,
        deps: Dependencies,
        staging: Staging,
        recovery: Recovery,
        copies: CopyMaker,
        jobs: Jobs,
    ) -> None:
        self.sources = Sources(deps.settings, staging)
        starting = Starting(deps, self.sources, jobs)
        self._running = Running(deps, staging, self.sources, recovery, copies, jobs)
        self.stage = staging.stage
        self.start = starting.start

    async def open(self) -> None:
        """Be ready to fetch."""
        await self.sources.start()

    async def close(self) -> None:
        await self.sources.stop()
