"""The one doorway: every operation that the API, the workers and the CLI share."""

from __future__ import annotations

from imagestore.catalog.deletions import Deletions
from imagestore.catalog.downloads import Downloads
from imagestore.catalog.health import Health
from imagestore.catalog.housekeeping import Housekeeping
from imagestore.catalog.images import Images
from imagestore.catalog.imports.imports import Imports
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.jobs import Jobs
from imagestore.catalog.members import Members
from imagestore.catalog.metadefs.metadefs import Metadefs
from imagestore.catalog.parts import Parts
from imagestore.catalog.recovery import Recovery
from imagestore.catalog.tags import Tags
from imagestore.catalog.tasks import Tasks
from imagestore.catalog.uploads import Uploads


class Catalog:
    """The operations by resource, over one set of parts."""

    def __init__(self, parts: Parts) -> None:
        self.images = Images(parts)
        self.members = Members(parts)
        self.tags = Tags(parts)
        self.uploads = Uploads(parts)
        self.downloads = Downloads(parts)
        self.deletions = Deletions(parts)
        self.jobs = Jobs(parts.database, parts.settings.jobs, parts.owner)
        staging = Staging(parts, self.uploads, self.jobs)
        self.recovery = Recovery(parts, self.uploads, self.deletions, staging)
        self.imports = Imports(parts, self.uploads, staging, self.recovery, self.jobs)
        self.tasks = Tasks(parts, self.images, self.imports.sources, self.jobs)
        self.metadefs = Metadefs(parts)
        self.health = Health(parts)
        self.housekeeping = Housekeeping(self.jobs, parts.settings.jobs)
