"""Who asks, and what he may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Keystone:
    """Where tokens are validated, and as whom (``[keystone_authtoken]``). Times in seconds."""

    auth_type: str = ""
    """Name of the keystoneauth plugin for the service's own account; empty: none is set."""
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The options of that plugin that are set, by name. Passwords are among them."""
    www_authenticate_uri: str | None = None
    interface: str = "internal"
    region_name: str | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    insecure: bool = False
    http_connect_timeout: int = 10
    """How long Keystone may take for one answer, with all attempts."""
    http_request_max_retries: int = 3
    token_cache_time: int = 300
    """How long what Keystone said of a token counts; 0 or less: for one request."""
    service_token_roles: tuple[str, ...] = ("service",)
    service_token_roles_required: bool = True
    service_type: str = "image"
    """The name by which access rules of application credentials mean this service."""

    @property
    def secret(self) -> str:
        """What only this account knows; empty if it proves in another way who it is."""
        names = ("password", "application_credential_secret", "client_secret")
        return next((str(self.auth[name]) for name in names if self.auth.get(name)), "")


@dataclass(frozen=True, slots=True)
class KeystoneLimits:
    """Whose limits are asked for (``[oslo_limit]``), and as whom; empty: not said."""

    account: Keystone = field(default_factory=Keystone)
    endpoint_id: str = ""
    endpoint_service_type: str = ""
    endpoint_service_name: str = ""
    endpoint_region_name: str = ""
    endpoint_interface: str = "publicURL"


@dataclass(frozen=True, slots=True)
class Identity:
    """How callers are told apart (``[paste_deploy] flavor``)."""

    flavor: str = ""
    """"" (every caller is admin), "trusted-headers" or "keystone"; without +caching etc."""
    allow_unauthenticated_remote: bool = False
    """Serve the empty flavor on other addresses than loopback."""
    allow_anonymous_access: bool = False
    policy_file: Path | None = None
    policy_dirs: tuple[Path, ...] = ()
    keystone: Keystone = field(default_factory=Keystone)
    keystone_limits: KeystoneLimits = field(default_factory=KeystoneLimits)
