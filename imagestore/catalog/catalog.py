"""The one doorway: every operation that the API, the workers and the CLI share."""

from __future__ import annotations

from imagestore.catalog.cache import CacheEntries
from imagestore.catalog.copies.jobs import CopyJobs
from imagestore.catalog.copies.maker import CopyMaker
from imagestore.catalog.copies.replication import Replication
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.downloads import Downloads
from imagestore.catalog.events import Events
from imagestore.catalog.figures import Figures
from imagestore.catalog.health import Health
from imagestore.catalog.housekeeping import Housekeeping
from imagestore.catalog.images import Images
from imagestore.catalog.images_with_data import ImagesWithData
from imagestore.catalog.imports.imports import Imports
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.integrity.lost import LostCopies
from imagestore.catalog.integrity.orphans import Orphans
from imagestore.catalog.integrity.patrol import Patrol
from imagestore.catalog.integrity.recovery import Recovery
from imagestore.catalog.integrity.replacement import Replacement
from imagestore.catalog.integrity.scrubber import Scrubber
from imagestore.catalog.jobs import Jobs
from imagestore.catalog.locations.changes import LocationChanges
from imagestore.catalog.locations.hashes import LocationHashes
from imagestore.catalog.locations.imports import LocationImports
from imagestore.catalog.members import Members
from imagestore.catalog.metadefs.metadefs import Metadefs
from imagestore.catalog.tags import Tags
from imagestore.catalog.tasks import Tasks
from imagestore.catalog.uploads import Uploads


class Catalog:
    """The operations by resource, over one set of parts."""

    def __init__(self, deps: Dependencies) -> None:
        self.members = Members(deps)
        self.tags = Tags(deps)
        self.uploads = Uploads(deps)
        self.downloads = Downloads(deps)
        self.deletions = Deletions(deps)
        self.images = Images(deps, LocationChanges(deps, self.deletions), self.deletions)
        self.copies = CopyMaker(deps)
        self.hold = hold = Hold(deps.database, deps.settings)
        self.jobs = Jobs(deps.database, deps.settings.jobs, deps.owner)
        staging = Staging(deps, self.jobs, hold)
        self.recovery = Recovery(deps, self.deletions, staging, hold)
        self.imports = Imports(deps, staging, self.recovery, self.copies, self.jobs)
        self.tasks = Tasks(deps, self.images, self.imports, self.jobs)
        self.metadefs = Metadefs(deps)
        self.events = Events(deps)
        self.health = Health(deps)
        self.cache = CacheEntries(deps, self.jobs, self.downloads)
        self.quotas = deps.quotas
        self.location_imports = LocationImports(deps, self.jobs)
        self.jobs.register(self.location_imports.kind)
        self.jobs.register(LocationHashes(deps).kind)
        self.images_with_data = ImagesWithData(
            deps, self.images, self.uploads, self.imports, self.location_imports, self.jobs
        )
        self.housekeeping = Housekeeping(self.jobs, deps.settings)
        self.scrubber = Scrubber(deps, self.jobs, self.deletions, hold)
        self.orphans = Orphans(deps, self.jobs, staging.host, hold)
        self.lost_copies = LostCopies(deps)
        self.patrol = Patrol(deps, self.jobs, Replacement(deps), hold)
        self.copy_jobs = CopyJobs(deps, self.jobs, self.copies, self.recovery)
        self.figures = Figures(deps, self.jobs, self.patrol)
        self.replication = Replication(deps, self.jobs, self.deletions, self.copies, hold)
