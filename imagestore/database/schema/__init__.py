"""The tables: those of Glance 33 by name, type and constraint, and our own with a prefix.

Either service opens the database that the other made. Tables and indexes of our
own are called ``imagestore_…``; Glance knows nothing of them and leaves them be.
"""

from imagestore.database.schema.copies import orphan_searches as orphan_searches
from imagestore.database.schema.copies import orphans as orphans
from imagestore.database.schema.copies import replicas as replicas
from imagestore.database.schema.copies import site_images as site_images
from imagestore.database.schema.copies import sites as sites
from imagestore.database.schema.events import damages as damages
from imagestore.database.schema.events import events as events
from imagestore.database.schema.events import patrol as patrol
from imagestore.database.schema.images import image_locations as image_locations
from imagestore.database.schema.images import image_members as image_members
from imagestore.database.schema.images import image_properties as image_properties
from imagestore.database.schema.images import image_tags as image_tags
from imagestore.database.schema.images import images as images
from imagestore.database.schema.jobs import job_gates as job_gates
from imagestore.database.schema.jobs import jobs as jobs
from imagestore.database.schema.jobs import tombstones as tombstones
from imagestore.database.schema.metadata import PEER_EXPANDED as PEER_EXPANDED
from imagestore.database.schema.metadata import PEER_REVISION as PEER_REVISION
from imagestore.database.schema.metadata import metadata as metadata
from imagestore.database.schema.metadata import peer_version as peer_version
from imagestore.database.schema.metadefs import (
    metadef_namespace_resource_types as metadef_namespace_resource_types,
)
from imagestore.database.schema.metadefs import metadef_namespaces as metadef_namespaces
from imagestore.database.schema.metadefs import metadef_objects as metadef_objects
from imagestore.database.schema.metadefs import metadef_properties as metadef_properties
from imagestore.database.schema.metadefs import metadef_resource_types as metadef_resource_types
from imagestore.database.schema.metadefs import metadef_tags as metadef_tags
from imagestore.database.schema.own import HOLDS as HOLDS
from imagestore.database.schema.own import OF_ID as OF_ID
from imagestore.database.schema.own import OF_OWNER as OF_OWNER
from imagestore.database.schema.own import OF_PROPERTY as OF_PROPERTY
from imagestore.database.schema.own import OF_TAG as OF_TAG
from imagestore.database.schema.own import OF_VISIBILITY as OF_VISIBILITY
from imagestore.database.schema.own import ORDERS as ORDERS
from imagestore.database.schema.own import VERSION_TABLE as VERSION_TABLE
from imagestore.database.schema.own import indexes_for as indexes_for
from imagestore.database.schema.own import journal as journal
from imagestore.database.schema.own import quota_gates as quota_gates
from imagestore.database.schema.own import reservations as reservations
from imagestore.database.schema.peer import cached_images as cached_images
from imagestore.database.schema.peer import node_reference as node_reference
from imagestore.database.schema.peer import task_info as task_info
from imagestore.database.schema.peer import tasks as tasks
