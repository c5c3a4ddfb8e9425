"""From files, environment and command line to :class:`imagestore.config.settings.Settings`."""

from __future__ import annotations

import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from imagestore.backends.http.guard import Guard
from imagestore.backends.http.rules import AddressRules
from imagestore.config import (
    arguments,
    data_directory,
    key_manager,
    keystone_authtoken,
    oslo_limit,
    replication,
    settings,
    site_sections,
    store_sections,
)
from imagestore.config.option import build
from imagestore.config.options import OPTIONS
from imagestore.config.source import ConfigSource

_CACHE_PARTS = ("caching", "cachemanagement")
_VISIBILITIES = {"public", "private", "shared", "community"}
_FLAVORS = ("", "trusted-headers", "keystone")
_PLUGINS = ("no_op", "inject_image_metadata", "image_decompression", "image_conversion")
_REMOTE = "glance-download"

T = TypeVar("T")


def load(args: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> settings.Settings:
    """Read the configuration.

    ``args`` are those of :mod:`imagestore.config.arguments`. Nothing is created
    or connected to. What cannot be used is a :class:`ConfigurationError` with a line for each that
    names section, option and place; what is merely not known is in ``warnings``.
    """
    return read(args, environ)[0]


def read(
    args: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> tuple[settings.Settings, ConfigSource]:
    """As :func:`load`, and where each value comes from."""
    warnings: list[str] = []
    with _deprecations(warnings):
        source = ConfigSource(arguments.parse(args, environ), environ)
        for option in OPTIONS:
            source.register(option.group, [option.opt])
        found = source.attempt(_settings, environ, warnings)
    warnings += source.unknown()
    source.require_all(warnings)
    assert found is not None
    return replace(found, warnings=tuple(warnings)), source


def _settings(
    source: ConfigSource, environ: Mapping[str, str], warnings: list[str]
) -> settings.Settings:
    """Where anything in the source is wrong, what is returned is of no use."""
    # What is wrong in one part shall not hide what is wrong in another.
    data_dir = _data_dir(source, environ)
    stores = source.attempt(store_sections.read, data_dir, warnings) or settings.Stores()
    identity = source.attempt(_identity, warnings) or settings.Identity()
    part = source.attempt
    return settings.Settings(
        data_dir=data_dir,
        server=part(_server) or settings.Server(),
        cors=_build(source, settings.Cors),
        limits=_build(source, settings.Limits),
        images=_images(source, identity, warnings),
        identity=identity,
        database=_database(source, data_dir),
        stores=stores,
        jobs=_build(source, settings.Jobs),
        replication=part(_replication, stores) or settings.Replication(),
        cache=part(_cache) or settings.Cache(),
        signatures=key_manager.read(source, _build(source, settings.Signatures), warnings),
        sites=part(site_sections.read) or (),
        scrubber=_build(source, settings.Scrubber),
        events=_build(source, settings.Events),
        notifications=_notifications(source),
        logging=_logging(source),
        tracing=_build(source, settings.Tracing),
        imports=_imports(source, data_dir, warnings),
        import_filter=part(_import_filter) or AddressRules(),
    )


def _build(source: ConfigSource, into: type[T]) -> T:
    return build(source, into, OPTIONS)


def _data_dir(source: ConfigSource, environ: Mapping[str, str]) -> Path:
    configured = source.value("imagestore", "data_dir")
    path = Path(configured).expanduser() if configured else data_directory.default(environ)
    return path.absolute()


def _server(source: ConfigSource) -> settings.Server:
    server = _build(source, settings.Server)
    if server.key_file and not server.cert_file:
        raise source.error("DEFAULT", "key_file", "is of no use without cert_file")
    for name in ("cert_file", "key_file"):
        path = getattr(server, name)
        if path and not os.access(path, os.R_OK):
            raise source.error("DEFAULT", name, f"{path} cannot be read")
    if "disable_by_file" not in server.healthcheck_backends:
        server = replace(server, healthcheck_disable_file=None)
    return replace(server, workers=server.workers or os.cpu_count() or 1)


def _images(
    source: ConfigSource, identity: settings.Identity, warnings: list[str]
) -> settings.Images:
    images = _build(source, settings.Images)
    keystone = identity.keystone
    usable = identity.flavor == "keystone" and keystone.secret and keystone.auth.get("auth_url")
    if _REMOTE in images.enabled_import_methods and not usable:
        warnings.append(
            f"[DEFAULT] enabled_import_methods: {_REMOTE} is not offered: it needs the flavor "
            "keystone, and an account in [keystone_authtoken] with a password or an application "
            "credential."
        )
        methods = tuple(name for name in images.enabled_import_methods if name != _REMOTE)
        images = replace(images, enabled_import_methods=methods)
    if images.property_protection_file is not None:
        found = _found(source, images.property_protection_file)
        images = replace(images, property_protection_file=found)
    return replace(images, schema_file=_beside(source, "schema-image.json"))


def _identity(source: ConfigSource, warnings: list[str]) -> settings.Identity:
    identity = _build(source, settings.Identity)
    if identity.policy_file is None:
        policy_file = _beside(source, "policy.yaml")
    else:
        policy_file = _found(source, identity.policy_file)
        if not policy_file.exists():
            warnings.append(
                f"[oslo_policy] policy_file: {policy_file} does not exist; "
                "the built-in rules are in force."
            )
    keystone = keystone_authtoken.read(source, _keystone(source), warnings)
    return replace(
        identity,
        flavor=_flavor(source, identity.flavor, warnings),
        keystone=keystone,
        keystone_limits=oslo_limit.read(source, keystone),
        policy_file=policy_file,
        policy_dirs=tuple(_found(source, Path(name)) for name in identity.policy_dirs)
        if source.files or source.is_set("oslo_policy", "policy_dirs")
        else (),
    )


def _keystone(source: ConfigSource) -> settings.Keystone:
    keystone = _build(source, settings.Keystone)
    if keystone.keyfile and not keystone.certfile:
        raise source.error(keystone_authtoken.SECTION, "keyfile", "is of no use without certfile")
    for name in ("cafile", "certfile", "keyfile"):
        path = getattr(keystone, name)
        if path and not os.access(path, os.R_OK):
            raise source.error(keystone_authtoken.SECTION, name, f"{path} cannot be read")
    return keystone


def _cache(source: ConfigSource) -> settings.Cache:
    cache = _build(source, settings.Cache)
    parts = source.value("paste_deploy", "flavor").split("+")
    if unknown := set(cache.visibilities) - _VISIBILITIES:
        raise source.error("imagestore", "cache_visibilities", f"there is no {min(unknown)}")
    names = ("worker_self_reference_url", "public_endpoint")
    node = next(filter(None, (source.value("DEFAULT", name) for name in names)), None)
    return replace(
        cache,
        node=node or f"http://{socket.gethostname()}:{source.value('DEFAULT', 'bind_port')}",
        serving=any(part in parts for part in _CACHE_PARTS),
        management="cachemanagement" in parts,
    )


def _flavor(source: ConfigSource, whole: str, warnings: list[str]) -> str:
    """The way of authentication that the flavor names; an unknown one must not mean none."""
    parts = [part for part in whole.split("+") if part]
    if not source.value("DEFAULT", "image_cache_dir"):
        warnings += [
            f"[paste_deploy] flavor: {part} has no effect without image_cache_dir."
            for part in parts
            if part in _CACHE_PARTS
        ]
    rest = "+".join(part for part in parts if part not in _CACHE_PARTS)
    if rest not in _FLAVORS:
        known = ", ".join(flavor for flavor in _FLAVORS if flavor)
        raise source.error("paste_deploy", "flavor", f"{whole!r} is not known (empty, {known})")
    return rest


def _database(source: ConfigSource, data_dir: Path) -> settings.Database:
    database = _build(source, settings.Database)
    connection = database.connection or f"sqlite:///{data_dir / 'imagestore.sqlite'}"
    upgrade = source.value("imagestore", "auto_upgrade")
    if upgrade is None:
        upgrade = connection.startswith("sqlite")
    return replace(database, connection=connection, auto_upgrade=upgrade)


def _replication(source: ConfigSource, stores: settings.Stores) -> settings.Replication:
    names = [section.name for section in stores.sections]
    rules = replication.read(source, names, multiple=stores.multiple)
    return replace(_build(source, settings.Replication), rules=rules)


def _logging(source: ConfigSource) -> settings.Logging:
    built = _build(source, settings.Logging)
    if built.log_file and built.log_dir:
        return replace(built, log_file=built.log_dir / built.log_file, log_dir=None)
    return built


def _notifications(source: ConfigSource) -> settings.Notifications:
    built = _build(source, settings.Notifications)
    url = built.transport_url or built.other_transport_url
    return replace(built, transport_url=url, files=tuple(source.files))


def _imports(source: ConfigSource, data_dir: Path, warnings: list[str]) -> settings.Imports:
    imports = _build(source, settings.Imports)
    warnings += [
        f"[image_import_opts] image_import_plugins: {name!r} is not available; no effect."
        for name in imports.image_import_plugins
        if name not in _PLUGINS
    ]
    if "image_conversion" in imports.image_import_plugins and not shutil.which("qemu-img"):
        warnings.append(
            "[image_import_opts] image_import_plugins: image_conversion needs qemu-img, which is "
            "not installed (Debian: qemu-utils); imports fail until it is."
        )
    return replace(imports, work_dir=imports.work_dir or data_dir / "conversion")


def _import_filter(source: ConfigSource) -> AddressRules:
    rules = _build(source, AddressRules)
    try:
        Guard(rules)
    except ValueError as error:
        raise source.error("import_filtering_opts", "allowed_hosts", str(error)) from error
    return rules


def _found(source: ConfigSource, path: Path) -> Path:
    """A relative path is looked for beside each configuration file, the last one first."""
    path = path.expanduser()
    candidates = [file.parent / path for file in reversed(source.files)]
    return next((file for file in candidates if file.exists()), [*candidates, path.absolute()][0])


def _beside(source: ConfigSource, name: str) -> Path | None:
    path = _found(source, Path(name))
    return path if source.files and path.exists() else None


@contextmanager
def _deprecations(warnings: list[str]) -> Iterator[None]:
    """Collect what oslo.config logs about former names of options."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if (message := record.getMessage()) not in warnings:
                warnings.append(message)

    logger = logging.getLogger("oslo_config")
    collector, propagate = Collector(logging.WARNING), logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
