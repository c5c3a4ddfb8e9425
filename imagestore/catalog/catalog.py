"""The one doorway: every operation that the API, the workers and the CLI share."""

from __future__ import annotations

from imagestore.catalog.cache import CacheEntries
from imagestore.catalog.copies import Copies
from imagestore.catalog.copy_jobs import CopyJobs
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.delivery import Deliveries
from imagestore.catalog.downloads import Downloads
from imagestore.catalog.events import Events
from imagestore.catalog.health import Health
from imagestore.catalog.housekeeping import Housekeeping
from imagestore.catalog.images import Images
from imagestore.catalog.imports.imports import Imports
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.jobs import Jobs
from imagestore.catalog.location_changes import LocationChanges
from imagestore.catalog.location_hashes import LocationHashes
from imagestore.catalog.location_imports import LocationImports
from imagestore.catalog.members import Members
from imagestore.catalog.metadefs.metadefs import Metadefs
from imagestore.catalog.orphans import Orphans
from imagestore.catalog.parts import Parts
from imagestore.catalog.patrol import Patrol
from imagestore.catalog.recovery import Recovery
from imagestore.catalog.replacement import Replacement
from imagestore.catalog.replication import Replication
from imagestore.catalog.scrubber import Scrubber
from imagestore.catalog.tags import Tags
from imagestore.catalog.tasks import Tasks
from imagestore.catalog.uploads import Uploads


class Catalog:
    """The operations by resource, over one set of parts."""

    def __init__(self, parts: Parts) -> None:
        self.members = Members(parts)
        self.tags = Tags(parts)
        self.uploads = Uploads(parts)
        self.downloads = Downloads(parts)
        self.deletions = Deletions(parts)
        self.images = Images(parts, LocationChanges(parts, self.deletions), self.deletions)
        self.copies = Copies(parts)
        self.jobs = Jobs(parts.database, parts.settings.jobs, parts.owner)
        staging = Staging(parts, self.uploads, self.jobs)
        self.recovery = Recovery(parts, self.uploads, self.deletions, self.copies, staging)
        self.imports = Imports(parts, self.uploads, staging, self.recovery, self.copies, self.jobs)
        self.tasks = Tasks(parts, self.images, self.imports.sources, self.jobs)
        self.metadefs = Metadefs(parts)
        self.events = Events(parts)
        self.health = Health(parts)
        self.cache = CacheEntries(parts, self.jobs, self.downloads)
        self.quotas = parts.quotas
        self.location_imports = LocationImports(parts, self.jobs)
        self.jobs.register(self.location_imports.kind)
        self.jobs.register(LocationHashes(parts).kind)
        self.deliveries = Deliveries(
            parts, self.images, self.uploads, self.imports, self.location_imports, self.jobs
        )
        self.housekeeping = Housekeeping(self.jobs, parts.settings)
        self.scrubber = Scrubber(parts, self.jobs, self.deletions)
        self.orphans = Orphans(parts, self.jobs, self.uploads, staging.host)
        self.patrol = Patrol(parts, self.jobs, Replacement(parts, self.uploads))
        self.copy_jobs = CopyJobs(parts, self.jobs, self.copies, self.recovery)
        self.replication = Replication(parts, self.jobs, self.deletions, self.copies)
