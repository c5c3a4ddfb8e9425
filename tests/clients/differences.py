"""Commands whose outcome is another one than with the real Glance, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NOT_YET = "Its routes are not there yet."

DIFFERENCES: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "openstack image stage",
        "openstack image import --method",
        "openstack image create --disk-format raw --container-format bare --import",
        "openstack image task list",
        "openstack cached image queue",
        "openstack cached image list",
        "openstack cached image clear",
        # What is deleted there an import has brought.
        "openstack image delete --store",
        "glance usage",
        "glance image-stage",
        "glance image-import",
        "glance image-create-via-import",
        "glance image-tasks",
        "glance location-",
        "glance add-location",
        "glance cache-",
        "glance task-",
    ),
    _NOT_YET,
)
"""How a command begins → reason."""
