"""What people write for a site: a URL, ``host:port``, or the name of a cloud."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from imagestore.model.errors import ConfigurationError
from imagestore.sites.client import Client
from imagestore.sites.credentials import Fixed

_HOST_PORT = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")


def client(place: str, token: str | None = None) -> Client:
    """A client for the site. Raises :class:`ConfigurationError`."""
    if place.startswith(("http://", "https://")):
        parts = urlsplit(place)
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ConfigurationError(f"{place!r} is not the URL of an Images API.")
        return Client(place, Fixed(place, token))
    if _HOST_PORT.fullmatch(place):
        return Client(place, Fixed(f"http://{place}", token))
    if token:
        raise ConfigurationError(f"{place!r} is no URL, and a token is for one; name the URL.")
    # Only here: to ask without a token, or with a given one, takes no keystoneauth.
    from imagestore.sites.keystone import by_cloud

    return Client(place, by_cloud(place))
