"""Which stores there are: from ``enabled_backends``, or from ``[glance_store]`` alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from imagestore.backends.base import Driver
from imagestore.config import drivers, store_options
from imagestore.config.option import build
from imagestore.config.options import OPTIONS, SECTIONS
from imagestore.config.settings import StoreAccess, StoreChoice, Stores, StoreSection
from imagestore.config.source import ConfigSource
from imagestore.model.errors import ConfigurationError

RESERVED_PREFIX = "os_glance_"
STAGING = "os_glance_staging_store"
TASKS = "os_glance_tasks_store"
STAGED_LEFTOVERS = frozenset({"uc", "raw", "qcow2", "vmdk"})
"""Suffixes of what Glance's plug-ins leave there, unpacked or converted, when it dies."""
_RESERVED_TYPE = "file"
_DATADIR = "filesystem_store_datadir"
_DATADIRS = "filesystem_store_datadirs"
_DEFAULTS = "backend_defaults"
_SINGLE = "glance_store"


def read(source: ConfigSource, data_dir: Path, warnings: list[str]) -> Stores:
    """The stores as configured. Raises :class:`ConfigurationError`; may add to ``warnings``."""
    source.register(_DEFAULTS, [option.opt for option in store_options.common(_DEFAULTS)])
    choice = build(source, StoreChoice, OPTIONS)
    if choice.enabled_backends:
        return _several(source, choice, data_dir)
    return _single(source, choice, data_dir, warnings)


def _several(source: ConfigSource, choice: StoreChoice, data_dir: Path) -> Stores:
    enabled = choice.enabled_backends
    for name in enabled:
        _check_name(source, name)
    default = choice.default_backend
    if default is None and len(enabled) == 1:
        (default,) = enabled
    if default is None or default not in enabled:
        reason = "is not set" if default is None else f"{default!r} is not in enabled_backends"
        raise source.error(_SINGLE, "default_backend", f"{reason} ({', '.join(enabled)})")
    sections = tuple(_section(source, name, type_) for name, type_ in enabled.items())
    return Stores(
        sections, default, multiple=True, reserved=_reserved(source, data_dir / "staging")
    )


def _check_name(source: ConfigSource, name: str) -> None:
    if name.startswith(RESERVED_PREFIX):
        reason = f"{name!r}: names that begin with {RESERVED_PREFIX} are reserved"
    elif name.lower() in {section.lower() for section in (*SECTIONS, _DEFAULTS)}:
        reason = f"{name!r} is the name of a section that is not a store's"
    elif not name:
        reason = "a store has no name"
    else:
        return
    raise source.error("DEFAULT", "enabled_backends", reason)


def _section(source: ConfigSource, name: str, type_: str) -> StoreSection:
    try:
        driver = drivers.get(type_)
    except ConfigurationError as error:
        raise source.error("DEFAULT", "enabled_backends", error.message) from error
    options = store_options.common(name)
    source.register(name, [option.opt for option in options])
    values: dict[type[Any], dict[str, Any]] = {StoreSection: {}, StoreAccess: {}}
    for option in options:
        place = _place(source, (name, _DEFAULTS), option.opt.dest) or name
        values[option.into][option.attribute] = source.value(place, option.opt.dest)
    driver_options = _driver_options(source, (name, _DEFAULTS), driver)
    access = StoreAccess(**values[StoreAccess])
    return StoreSection(name, type_, driver_options, access=access, **values[StoreSection])


def _single(
    source: ConfigSource, choice: StoreChoice, data_dir: Path, warnings: list[str]
) -> Stores:
    """One store of each type in ``[glance_store] stores``, all configured in that section."""
    default = choice.default_store
    options = store_options.access(_SINGLE)
    source.register(_SINGLE, [option.opt for option in options])
    access = build(source, StoreAccess, options)
    sections: dict[str, StoreSection] = {}
    for name in drivers.names():  # files set options of stores that they do not use
        source.register(_SINGLE, [option.opt for option in store_options.of(drivers.get(name))])
    for type_ in choice.stores:
        driver = _driver(type_)
        if driver is not None:
            given = _driver_options(source, (_SINGLE,), driver)
            sections[driver.name] = StoreSection(
                driver.name,
                driver.name,
                _with_datadir(driver, given, data_dir),
                access=access,
            )
        elif source.is_set(_SINGLE, "stores"):
            warnings.append(f"[{_SINGLE}] stores: there is no driver for {type_!r}; left out.")
    chosen = _driver(default)
    if chosen is None or chosen.name not in sections:
        raise source.error(_SINGLE, "default_store", f"{default!r} is not among the usable stores")
    return Stores(
        tuple(sections.values()),
        chosen.name,
        reserved=_reserved(
            source, _node_staging(source, choice.node_staging_uri) or data_dir / "staging"
        ),
    )


def _driver(type_: str) -> Driver | None:
    """The peer names a type by any of its URL schemes."""
    if type_ in drivers.names():
        return drivers.get(type_)
    every = (drivers.get(name) for name in drivers.names())
    return next((driver for driver in every if type_ in driver.schemes), None)


def _with_datadir(driver: Driver, options: dict[str, Any], data_dir: Path) -> dict[str, Any]:
    if driver.name == "file" and not options.keys() & {_DATADIR, _DATADIRS}:
        return options | {_DATADIR: str(data_dir / "images")}
    return options


def _driver_options(
    source: ConfigSource, groups: tuple[str, ...], driver: Driver
) -> dict[str, Any]:
    """Options that are set, by name: in the first of ``groups`` that has them, or where they
    are inherited from."""
    found = {}
    for option in store_options.of(driver):
        for group in groups:
            source.register(group, [option.opt])
        place = _place(source, groups, option.opt.dest)
        if place is not None:
            found[option.opt.dest] = option.to_setting(source.value(place, option.opt.dest))
        elif option.inherits is not None and source.is_set(*option.inherits):
            found[option.opt.dest] = option.inherited(source.value(*option.inherits))
    return found


def _place(source: ConfigSource, groups: Iterable[str], name: str) -> str | None:
    return next((group for group in groups if source.is_set(group, name)), None)


def _reserved(source: ConfigSource, staging: Path) -> tuple[StoreSection, ...]:
    driver = drivers.get(_RESERVED_TYPE)
    found = {name: _driver_options(source, (name,), driver) for name in (STAGING, TASKS)}
    found[STAGING].setdefault(_DATADIR, str(staging))
    found[STAGING]["leftovers"] = STAGED_LEFTOVERS
    return tuple(
        StoreSection(name, _RESERVED_TYPE, options) for name, options in found.items() if options
    )


def _node_staging(source: ConfigSource, uri: str | None) -> Path | None:
    if uri is None:
        return None
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise source.error("DEFAULT", "node_staging_uri", f"{uri!r} is not a file:///… URL")
    return Path(unquote(parts.path))
