"""``[oslo_limit]``: whose limits at Keystone are meant, and as whom they are asked for."""

from __future__ import annotations

from dataclasses import replace

from oslo_config import cfg

from imagestore.config import keystone_authtoken
from imagestore.config.option import Option, also
from imagestore.config.settings import Keystone, KeystoneLimits
from imagestore.config.source import ConfigSource

SECTION = "oslo_limit"

OPTIONS: tuple[Option, ...] = (
    also(
        SECTION, "auth_type", cfg.StrOpt,
        "As in keystone_authtoken: how the service proves who it is when it asks for limits. The "
        "options of the plugin stand here too. Without it, the account of keystone_authtoken.",
        formerly=((SECTION, "auth_plugin"),),
    ),
    also(
        SECTION, "auth_section", cfg.StrOpt,
        "Another section that has auth_type and the options of the plugin.",
    ),
    also(
        SECTION, "endpoint_id", cfg.StrOpt,
        "Id of this service's endpoint at Keystone: limits are those of its service and region.",
    ),
    also(
        SECTION, "endpoint_service_type", cfg.StrOpt,
        "Without endpoint_id: the type of the service whose endpoint is meant.",
    ),
    also(SECTION, "endpoint_service_name", cfg.StrOpt, "And its name."),
    also(SECTION, "endpoint_region_name", cfg.StrOpt, "And the region of the endpoint."),
    also(
        SECTION, "endpoint_interface", cfg.StrOpt, "And the interface of the endpoint.",
        "publicURL",
    ),
)  # fmt: skip


def read(source: ConfigSource, keystone: Keystone) -> KeystoneLimits:
    """``keystone``: the account of ``[keystone_authtoken]``, which serves without another one."""
    section = source.value(SECTION, "auth_section") or SECTION
    source.register(section, [option.opt for option in OPTIONS if option.opt.dest == "auth_type"])
    if auth_type := source.value(section, "auth_type"):
        auth = keystone_authtoken.of_plugin(source, section, auth_type)
        keystone = replace(keystone, auth_type=auth_type, auth=auth)
    return KeystoneLimits(
        keystone,
        **{
            name: source.value(SECTION, name) or ""
            for name in (
                "endpoint_id",
                "endpoint_service_type",
                "endpoint_service_name",
                "endpoint_region_name",
                "endpoint_interface",
            )
        },
    )
