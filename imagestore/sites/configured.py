"""Sites as the configuration describes them."""

from __future__ import annotations

import ssl

from imagestore.config.settings import Site
from imagestore.model.errors import ConfigurationError, ImagestoreError
from imagestore.sites.client import Client
from imagestore.sites.credentials import Credentials, Fixed
from imagestore.sites.rules import Conflict, SiteRules, parse_match


def client(site: Site) -> Client:
    """A client for the site. Raises :class:`ConfigurationError`."""
    if site.cafile is not None:
        try:
            ssl.create_default_context(cafile=str(site.cafile))
        except OSError as error:
            raise ConfigurationError(
                f"[{site.section}] cafile: {site.cafile} cannot be used: {error}"
            ) from error
    return Client(site.name, _credentials(site), cafile=_path(site), insecure=site.insecure)


def rules(site: Site) -> SiteRules:
    """Raises :class:`ConfigurationError`."""
    try:
        return SiteRules(
            parse_match(site.match),
            frozenset(site.skip),
            Conflict(site.conflict),
            site.members,
            site.delete,
        )
    except ImagestoreError as error:
        raise ConfigurationError(f"[{site.section}] match, skip: {error.message}") from error


def check(site: Site) -> None:
    """Raise :class:`ConfigurationError` if the site cannot be used. It is not asked anything."""
    rules(site)
    if sum(map(bool, (site.cloud, site.auth_type, site.token))) > 1:
        raise ConfigurationError(f"[{site.section}] cloud, auth_type, token: only one of them.")
    if not (site.url or site.cloud or site.auth_type):
        raise ConfigurationError(
            f"[{site.section}] url: needed, unless auth_type or cloud tells where the site is."
        )
    client(site)


def _credentials(site: Site) -> Credentials:
    if not (site.cloud or site.auth_type):
        return Fixed(site.url or "", site.token)
    # Only here: sites with a token, and none, do without keystoneauth.
    from imagestore.sites import keystone

    if site.cloud:
        return keystone.by_cloud(site.cloud)
    return keystone.by_plugin(
        site.auth_type or "",
        site.auth,
        name=f"[{site.section}]",
        url=site.url,
        interface=site.interface,
        region_name=site.region_name,
        cafile=_path(site),
        insecure=site.insecure,
    )


def _path(site: Site) -> str | None:
    return str(site.cafile) if site.cafile else None
