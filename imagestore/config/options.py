"""Every option of the service itself, from the settings that they fill.

Section and option names are Glance's where Glance has (or had) the option; what is only ours is
in ``[imagestore]``. Options of stores come from the drivers, see
:mod:`imagestore.config.store_options`.
"""

from __future__ import annotations

from typing import Any

from imagestore.backends.http.rules import AddressRules
from imagestore.config import settings
from imagestore.config.option import Option, declared
from imagestore.config.settings.elsewhere import Elsewhere, Ignored

_CLASSES: tuple[tuple[type[Any], str], ...] = (
    (settings.Server, "DEFAULT"),
    (settings.Cors, "cors"),
    (settings.Limits, "DEFAULT"),
    (settings.Images, "DEFAULT"),
    (settings.Imports, "imagestore"),
    (AddressRules, "import_filtering_opts"),
    (settings.Identity, "DEFAULT"),
    (settings.Keystone, "keystone_authtoken"),
    (settings.KeystoneLimits, "oslo_limit"),
    (settings.Signatures, "key_manager"),
    (settings.Database, "database"),
    (settings.Jobs, "imagestore"),
    (settings.Replication, "imagestore"),
    (settings.Cache, "DEFAULT"),
    (settings.Scrubber, "DEFAULT"),
    (settings.Events, "imagestore"),
    (settings.Notifications, "oslo_messaging_notifications"),
    (settings.StoreChoice, "DEFAULT"),
    (settings.Logging, "DEFAULT"),
    (settings.Tracing, "tracing"),
    (Elsewhere, "imagestore"),
    (Ignored, "DEFAULT"),
)
"""The settings, and the section of those of their options that name none."""

SECTIONS = {
    "DEFAULT": "The service as a whole.",
    "database": "Where the metadata of images is kept.",
    "glance_store": "Where the data of images is kept.",
    "paste_deploy": "Authentication.",
    "keystone_authtoken": "Keystone, for the flavor keystone.",
    "oslo_limit": "Limits of projects at Keystone, for use_keystone_limits.",
    "oslo_policy": "Authorisation.",
    "key_manager": "Certificates of signed images.",
    "image_format": "What may be uploaded.",
    "import_filtering_opts": "Which URLs users may have fetched: imports, and locations.",
    "image_import_opts": "What is done with images on their way in.",
    "inject_metadata_properties": "For the plug-in inject_image_metadata.",
    "image_conversion": "For the plug-in image_conversion.",
    "glance_download_properties": "For imports from other regions.",
    "oslo_middleware": "Proxies in front of the service.",
    "cors": "Browsers with pages of other origins.",
    "healthcheck": "What load balancers ask.",
    "task": "Work in the background.",
    "oslo_messaging_notifications": "Messages to other services.",
    "tracing": "Traces by OpenTelemetry.",
    "imagestore": "What only imagestore has.",
}
"""Sections in the order in which they are shown, and what they are about."""

OPTIONS: tuple[Option, ...] = tuple(
    sorted(
        (option for into, section in _CLASSES for option in declared(into, section)),
        key=lambda option: tuple(SECTIONS).index(option.group),
    )
)
"""By section."""
