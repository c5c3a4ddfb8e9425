"""Every option of the service itself: its place in the file and the setting that it fills.

Section and option names are Glance's where Glance has (or had) the option; what
is only ours is in ``[imagestore]``. Defaults live in :mod:`imagestore.config.settings`
and are taken from there. Options of stores come from the drivers, see
:mod:`imagestore.config.store_options`.
"""

from __future__ import annotations

from imagestore.config.option import Option
from imagestore.config.options import api, background, database, identity, images, process, stores

OPTIONS: tuple[Option, ...] = (
    *api.OPTIONS,
    *images.OPTIONS,
    *identity.OPTIONS,
    *database.OPTIONS,
    *background.OPTIONS,
    *stores.OPTIONS,
    *process.OPTIONS,
)

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
    "imagestore": "What only imagestore has.",
}
"""Sections in the order in which they are shown, and what they are about."""
