"""All that the clients' commands load when they start: done once, before they are forked.

``openstack`` loads each command of each plugin that is installed, and looks through all packages
for the one that brought a command, to name it in its help: nine tenths of what a command takes.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from contextlib import suppress

from cliff import command

for _module in (
    "glanceclient.shell",
    "glanceclient.v1.shell",
    "glanceclient.v2.shell",
    "openstackclient.shell",
    "openstack.connection",
    "imagestore.catalog.cache",
    "imagestore.catalog.dependencies",
    "imagestore.catalog.downloads",
    "imagestore.cli.cache",
    "imagestore.cli.main",
    "imagestore.cli.site",
    "imagestore.cli.site_report",
    "imagestore.sites.dump",
    "imagestore.sites.images_api",
    "imagestore.sites.places",
    "imagestore.sites.replication",
    "imagestore.workers.runner",
):
    importlib.import_module(_module)
for _package in importlib.metadata.distributions():
    for _each in _package.entry_points:
        if _each.group.startswith(("openstack.", "cliff.formatter")):
            with suppress(ImportError):  # without what it needs, openstack leaves it out, too
                _each.load()
command._get_distributions_by_modules()
