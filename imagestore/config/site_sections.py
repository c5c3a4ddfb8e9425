"""``[site:NAME]``: other Images APIs with which images are kept equal."""

from __future__ import annotations

from imagestore.config.keystone_authtoken import of_plugin
from imagestore.config.option import Option, build, declared
from imagestore.config.settings import Site
from imagestore.config.source import ConfigSource

_PREFIX = "site:"


def options(section: str = "site:NAME") -> list[Option]:
    """What such a section may say, besides the options of the plugin of ``auth_type``."""
    return list(declared(Site, section))


def read(source: ConfigSource) -> tuple[Site, ...]:
    """The sites as configured. Raises :class:`ConfigurationError`."""
    return tuple(_site(source, section) for section in source.sections(_PREFIX))


def _site(source: ConfigSource, section: str) -> Site:
    name = section.removeprefix(_PREFIX)
    if not name or len(name) > 100:
        raise source.error(section, "direction", "a site has a name of at most 100 characters")
    opts = options(section)
    source.register(section, [option.opt for option in opts])
    auth_type = source.value(section, "auth_type")
    auth = of_plugin(source, section, auth_type) if auth_type else {}
    return build(source, Site, opts, name=name, auth=auth)
