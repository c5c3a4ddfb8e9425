"""All that the clients' commands load when they start: done once, before they are forked.

``openstack`` loads each command of each plugin that is installed, and looks through all packages
for the one that brought a command, to name it in its help: nine tenths of what a command takes.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys

import stevedore
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
_groups = {
    each.group for package in importlib.metadata.distributions() for each in package.entry_points
}
for _group in _groups:
    if _group.startswith(("openstack.", "cliff.formatter")):
        stevedore.ExtensionManager(_group, on_load_failure_callback=lambda *_: None)
command._get_distributions_by_modules()
PATH = (*sys.path,)
"""Where plugins were looked for; on another path they would be looked for again."""
