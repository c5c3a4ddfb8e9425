"""Who asks, and what he may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagestore.config.option import option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class Keystone:
    """Where tokens are validated, and as whom (``[keystone_authtoken]``). Times in seconds."""

    auth_type: str = option("", formerly=(("keystone_authtoken", "auth_plugin"),), help=
        "How the service proves to Keystone who it is: password, v3applicationcredential or "
        "another plugin of keystoneauth, whose options (auth_url, username, password, "
        "project_name, user_domain_name, … or application_credential_id, …) stand here too.")
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The options of that plugin that are set, by name. Passwords are among them."""
    www_authenticate_uri: str | None = option(
        None, formerly=(("keystone_authtoken", "auth_uri"),), help=
        "URL of Keystone that clients without a valid token are told. Without it, auth_url.")
    interface: str = option("internal", help=
        "Which endpoint of Keystone in the catalog is asked: internal, public or admin.")
    region_name: str | None = option(None, help=
        "The region of that endpoint. Without it, the first that the catalog has.")
    cafile: Path | None = option(None, help=
        "Certificates (PEM) of the authorities that Keystone's certificate may be from. Without "
        "it, those of the system.")
    certfile: Path | None = option(None, help=
        "Certificate (PEM) with which the service shows itself to Keystone.")
    keyfile: Path | None = option(None, help="Private key (PEM) of certfile.")
    insecure: bool = option(False, help=
        "Believe any certificate. Whoever is on the way to Keystone can then be anyone.")
    http_connect_timeout: int = option(10, minimum=1, unit="seconds", help=
        "Seconds that Keystone may take for one answer, with all attempts. After that the caller "
        "is told to come again (503).")
    http_request_max_retries: int = option(3, minimum=0, help=
        "Further attempts when Keystone does not take a connection, or answers 503.")
    token_cache_time: int = option(300, unit="seconds", help=
        "Seconds for which each worker process keeps what Keystone said of a token, and so for "
        "which a revoked token may go on. 0 or -1: every request asks.")
    service_token_roles: tuple[str, ...] = option(("service",), help=
        "Roles of which a service token (X-Service-Token) must have one: another service that "
        "sends it may go on with a user's token that has expired.")
    service_token_roles_required: bool = option(True, help=
        "Ignore a service token without such a role. Otherwise its roles count, but expired "
        "tokens do not go on.")
    service_type: str = option("image", help=
        "The service that access rules of application credentials must name to mean this one.")

    @property
    def secret(self) -> str:
        """What only this account knows; empty if it proves in another way who it is."""
        names = ("password", "application_credential_secret", "client_secret")
        return next((str(self.auth[name]) for name in names if self.auth.get(name)), "")


@dataclass(frozen=True, slots=True)
class KeystoneLimits:
    """Whose limits are asked for (``[oslo_limit]``), and as whom; empty: not said."""

    account: Keystone = field(default_factory=Keystone)
    endpoint_id: str = option("", help=
        "Id of this service's endpoint at Keystone: limits are those of its service and region.")
    endpoint_service_type: str = option("", help=
        "Without endpoint_id: the type of the service whose endpoint is meant.")
    endpoint_service_name: str = option("", help="And its name.")
    endpoint_region_name: str = option("", help="And the region of the endpoint.")
    endpoint_interface: str = option("publicURL", help="And the interface of the endpoint.")


@dataclass(frozen=True, slots=True)
class Identity:
    """How callers are told apart (``[paste_deploy] flavor``)."""

    flavor: str = option("", group="paste_deploy", help=
        "How callers are told apart. Empty: not at all, every caller is an administrator. "
        "keystone: by a Keystone token. trusted-headers: by the identity headers that an "
        "authenticating proxy in front of the service sets. "
        "A cache is asked for by +caching or +cachemanagement.")
    """As the code has it, without +caching and the like."""
    allow_unauthenticated_remote: bool = option(False, group="imagestore", help=
        "Serve the empty flavor on other addresses than loopback: everyone who reaches the port "
        "is an administrator.")
    allow_anonymous_access: bool = option(False, help=
        "Let callers without a token read public images.")
    policy_file: Path | None = option(None, group="oslo_policy", help=
        "Rules that differ from the built-in ones; a relative name is looked for beside the "
        "configuration files. Without it, policy.yaml beside them is used if it is there.")
    policy_dirs: tuple[Path, ...] = option(
        (), group="oslo_policy", multiple=True, unset=["policy.d"], help=
        "Directory with further policy files; may be given several times.")
    keystone: Keystone = field(default_factory=Keystone)
    keystone_limits: KeystoneLimits = field(default_factory=KeystoneLimits)
