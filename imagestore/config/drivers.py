"""The drivers that are installed, found through the entry-point group ``imagestore.drivers``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from imagestore.backends.base import INTERFACE_VERSION, Driver
from imagestore.model.errors import ConfigurationError

GROUP = "imagestore.drivers"


@cache
def names() -> tuple[str, ...]:
    """Types of stores that can be configured, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


@cache
def get(name: str) -> Driver:
    """The driver of a type of store; :class:`ConfigurationError` if there is none."""
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise ConfigurationError(
            f"There is no driver for stores of type {name!r}; installed: {', '.join(names())}."
        )
    try:
        driver = found[0].load()
    except Exception as error:  # whatever somebody else's module does when it is loaded
        raise ConfigurationError(
            f"The driver for stores of type {name!r} cannot be loaded: {error}"
        ) from error
    if not isinstance(driver, Driver):
        raise ConfigurationError(f"{found[0].value} is not a driver of imagestore.")
    if driver.interface != INTERFACE_VERSION:
        raise ConfigurationError(
            f"The driver for stores of type {name!r} ({found[0].value}) is for version "
            f"{driver.interface} of the driver interface; this release of imagestore has version "
            f"{INTERFACE_VERSION}. Install a release of the driver that fits."
        )
    return driver
