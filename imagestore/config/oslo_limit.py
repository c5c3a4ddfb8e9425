"""``[oslo_limit]``: whose limits at Keystone are meant, and as whom they are asked for."""

from __future__ import annotations

from dataclasses import replace

from imagestore.config import keystone_authtoken
from imagestore.config.option import build, declared
from imagestore.config.settings import Keystone, KeystoneLimits
from imagestore.config.source import ConfigSource

SECTION = "oslo_limit"


def read(source: ConfigSource, keystone: Keystone) -> KeystoneLimits:
    """``keystone``: the account of ``[keystone_authtoken]``, which serves without another one."""
    section = source.value(SECTION, "auth_section") or SECTION
    keystone_authtoken.register_auth_type(source, section)
    if auth_type := source.value(section, "auth_type"):
        auth = keystone_authtoken.of_plugin(source, section, auth_type)
        keystone = replace(keystone, auth_type=auth_type, auth=auth)
    return build(source, KeystoneLimits, declared(KeystoneLimits, SECTION), account=keystone)
