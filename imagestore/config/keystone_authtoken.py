"""``[keystone_authtoken]``: where tokens are validated, and as whom.

The account of the service is what a plugin of keystoneauth makes of the options that it
declares. Files of before 2015 name an account by ``admin_user`` and Keystone by ``auth_host``
or ``identity_uri``; they are read as the plugin ``password``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from oslo_config import cfg

from imagestore.config.option import declared
from imagestore.config.settings import Keystone
from imagestore.config.source import ConfigSource

SECTION = "keystone_authtoken"

_FORMER = (
    cfg.StrOpt("identity_uri"),
    cfg.StrOpt("auth_host", default="127.0.0.1"),
    cfg.PortOpt("auth_port", default=35357),
    cfg.StrOpt("auth_protocol", default="https"),
    cfg.StrOpt("auth_admin_prefix", default=""),
    cfg.StrOpt("admin_user"),
    cfg.StrOpt("admin_password", secret=True),
    cfg.StrOpt("admin_tenant_name", default="admin"),
    cfg.StrOpt("admin_token", secret=True),
)
"""What stood in place of ``auth_type`` and the options of a plugin, with its defaults of then."""


def read(source: ConfigSource, keystone: Keystone, warnings: list[str]) -> Keystone:
    """``keystone`` with the account of the service; ``auth_type`` stays empty if none is set.

    Raises :class:`ConfigurationError` for a plugin that does not exist.
    """
    source.register(SECTION, _FORMER)
    section = source.value(SECTION, "auth_section") or SECTION
    register_auth_type(source, section)
    if source.value(SECTION, "memcached_servers"):
        warnings.append(
            f"[{SECTION}] memcached_servers: no effect; "
            "tokens are remembered in the memory of each worker process."
        )
    if auth_type := source.value(section, "auth_type"):
        return replace(keystone, auth_type=auth_type, auth=of_plugin(source, section, auth_type))
    if not any(source.is_set(SECTION, name) for name in ("admin_user", "admin_token")):
        return keystone
    warnings.append(
        f"[{SECTION}] admin_user, admin_token, auth_host and their like are read as "
        "auth_type = password (or admin_token); name the options of that plugin instead."
    )
    auth_type, auth = _of_2014(source)
    return replace(keystone, auth_type=auth_type, auth=auth)


def register_auth_type(source: ConfigSource, section: str) -> None:
    """Make ``auth_type`` known in another section that names an account."""
    source.register(
        section,
        [each.opt for each in declared(Keystone, SECTION) if each.attribute == "auth_type"],
    )


def of_plugin(source: ConfigSource, section: str, auth_type: str) -> dict[str, Any]:
    """What is set of the options that the plugin declares.

    Raises :class:`ConfigurationError` for a plugin that does not exist.
    """
    # Only here: a service without Keystone does without the library.
    from keystoneauth1 import loading
    from keystoneauth1.exceptions import NoMatchingPlugin

    try:
        declared = loading.get_plugin_loader(auth_type).get_options()
    except NoMatchingPlugin as error:
        raise source.error(
            section, "auth_type", f"keystoneauth has no plugin {auth_type!r}, or cannot load it"
        ) from error
    opts = list(_opts(declared))
    source.register(section, opts)
    values = {opt.dest: source.value(section, opt.dest) for opt in opts}
    return {name: value for name, value in values.items() if value is not None}


def _opts(declared: list[Any]) -> Iterator[cfg.Opt]:
    for option in declared:
        former = [cfg.DeprecatedOpt(old.dest) for old in option.deprecated]
        yield cfg.Opt(
            option.dest,
            type=option.type,
            secret=option.secret or "password" in option.dest,
            deprecated_opts=former,
            help=option.help,
        )


def _of_2014(source: ConfigSource) -> tuple[str, dict[str, Any]]:
    def value(name: str) -> Any:
        return source.value(SECTION, name)

    url = value("identity_uri") or (
        f"{value('auth_protocol')}://{value('auth_host')}:{value('auth_port')}"
        f"/{value('auth_admin_prefix').strip('/')}"
    )
    # Version 2.0 of the Identity API is gone; what speaks version 3 is found from the root.
    url = url.rstrip("/").removesuffix("/v2.0")
    if token := value("admin_token"):
        return "admin_token", {"endpoint": f"{url.removesuffix('/v3')}/v3", "token": token}
    account = {
        "auth_url": url,
        "username": value("admin_user"),
        "password": value("admin_password"),
        "project_name": value("admin_tenant_name"),
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    return "password", {name: found for name, found in account.items() if found is not None}
