"""Accounts by reference: from a configuration file of accounts, or from the options."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagestore.backends.errors import Misconfigured
from imagestore.backends.swift.settings import SwiftSettings

TEMPAUTH_VERSIONS = ("1", "1.0")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who gives the token, and to whom. Its representation shows no secret."""

    auth_address: str
    auth_version: str = "3"
    user: str | None = None
    """``project:user``."""
    key: str | None = field(default=None, repr=False)
    application_credential_id: str | None = None
    application_credential_secret: str | None = field(default=None, repr=False)
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None

    @property
    def project(self) -> str:
        """The name of the project, empty if only an application credential tells."""
        return (self.user or "").partition(":")[0]

    @property
    def user_name(self) -> str:
        return (self.user or "").partition(":")[2]

    @property
    def is_tempauth(self) -> bool:
        return self.auth_version in TEMPAUTH_VERSIONS

    def as_user(self, user: str, key: str) -> Credentials:
        """The same service for another user."""
        return replace(
            self,
            user=user,
            key=key,
            application_credential_id=None,
            application_credential_secret=None,
        )


def read(store: str, settings: SwiftSettings) -> dict[str, Credentials]:
    """Every account that locations may refer to, the default one among them.

    Raises :class:`Misconfigured` naming the option, or file and section.
    """
    if settings.swift_store_multi_tenant and settings.swift_store_config_file:
        raise Misconfigured(
            "swift_store_config_file cannot be used with swift_store_multi_tenant", store=store
        )
    default = settings.default_swift_reference
    if settings.swift_store_config_file is None:
        found = {default: _from_options(settings)}
    else:
        found = _from_file(store, settings)
    if default not in found:
        raise Misconfigured(
            f"default_swift_reference: {settings.swift_store_config_file} has no section "
            f"[{default}], only {', '.join(f'[{name}]' for name in found) or 'none'}",
            store=store,
        )
    for name, credentials in found.items():
        prefix = (
            "swift_store_"
            if settings.swift_store_config_file is None
            else f"{settings.swift_store_config_file}, section [{name}]: "
        )
        if problem := _problem(credentials, prefix):
            raise Misconfigured(problem, store=store)
    return found


def _from_options(settings: SwiftSettings) -> Credentials:
    return Credentials(
        (settings.swift_store_auth_address or "").strip(),
        settings.swift_store_auth_version,
        settings.swift_store_user,
        settings.swift_store_key,
        settings.swift_store_application_credential_id,
        settings.swift_store_application_credential_secret,
        user_domain_id="default",
        project_domain_id="default",
    )


def _from_file(store: str, settings: SwiftSettings) -> dict[str, Credentials]:
    path = Path(settings.swift_store_config_file or "")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise Misconfigured(f"swift_store_config_file: {error}", store=store) from error
    return {
        name: _of_section({key: _unquoted(value) for key, value in parser[name].items()}, settings)
        for name in parser.sections()
    }


def _unquoted(value: str) -> str:
    """A value as Glance reads it, which allows it to stand in quotes."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] in "'\"" else value


def _of_section(values: Mapping[str, str], settings: SwiftSettings) -> Credentials:
    def domain(kind: str) -> tuple[str | None, str | None]:
        id_, name = values.get(f"{kind}_domain_id"), values.get(f"{kind}_domain_name")
        return (id_, name) if id_ or name else ("default", None)

    user_domain, project_domain = domain("user"), domain("project")
    return Credentials(
        values.get("auth_address", ""),
        values.get("auth_version") or settings.swift_store_auth_version,
        values.get("user"),
        values.get("key"),
        values.get("application_credential_id"),
        values.get("application_credential_secret"),
        user_domain_id=user_domain[0],
        user_domain_name=user_domain[1],
        project_domain_id=project_domain[0],
        project_domain_name=project_domain[1],
    )


def _problem(credentials: Credentials, prefix: str) -> str | None:
    """What is missing, beginning with the name of the option."""
    if not credentials.auth_address.startswith(("http://", "https://")):
        return f"{prefix}auth_address must be an http:// or https:// URL"
    if bool(credentials.application_credential_id) != bool(
        credentials.application_credential_secret
    ):
        return (
            f"{prefix}application_credential_id and {prefix}application_credential_secret "
            "belong together"
        )
    if credentials.application_credential_id:
        if credentials.is_tempauth:
            return f"{prefix}application_credential_id needs auth_version 3"
        return None
    if not credentials.user or ":" not in credentials.user:
        return f"{prefix}user must be 'project:user'"
    if not credentials.key:
        return f"{prefix}key is not set"
    return None
