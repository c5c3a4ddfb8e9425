"""Which account and container an image is in, by Glance's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from imagestore.backends.errors import InvalidLocation, Unavailable
from imagestore.backends.swift.locations import SwiftLocation
from imagestore.backends.swift.settings import SwiftSettings

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


class Placement:
    """Where the objects of images are."""

    def __init__(self, store: str, settings: SwiftSettings) -> None:
        self._store = store
        self._settings = settings
        self._base: str | None = None
        self._project = ""

    @property
    def is_spread(self) -> bool:
        """Whether images are in several containers."""
        return bool(
            self._settings.swift_store_multi_tenant
            or self._settings.swift_store_multiple_containers_seed
        )

    def learn(self, base: str, project: str) -> None:
        """Our own account's URL, and the project with which its name ends."""
        self._base, self._project = base, project

    def of(self, image_id: str, owner: str | None) -> SwiftLocation:
        """The place of a new image. ``InvalidLocation`` if it cannot have one."""
        if not _ID.fullmatch(image_id):
            raise InvalidLocation(f"{image_id!r} is no name for an object", store=self._store)
        container = self._container(image_id)
        if not self._settings.swift_store_multi_tenant:
            reference = self._settings.default_swift_reference
            return SwiftLocation(container, image_id, reference=reference)
        return SwiftLocation(container, image_id, base=self.account_of(owner))

    def _container(self, image_id: str) -> str:
        """``container``, ``container_`` and the start of the id, or ``container_`` and the id.

        The start is as many characters as the seed, and one more for each dash among these.
        """
        settings = self._settings
        base, seed = settings.swift_store_container, settings.swift_store_multiple_containers_seed
        if settings.swift_store_multi_tenant:
            return f"{base}_{image_id}"
        if not seed:
            return base
        dashes = image_id[:seed].count("-")
        return f"{base}_{image_id[: seed + dashes].lower()}"

    def account_of(self, owner: str | None) -> str:
        """The URL of a project's account: our own, with its project in place of ours."""
        if self._base is None:
            raise Unavailable("not started", store=self._store)
        if owner is None or owner == self._project:
            return self._base
        if not _PROJECT.fullmatch(owner):
            raise InvalidLocation(f"{owner!r} is no project", store=self._store)
        parent, _, account = self._base.rpartition("/")
        prefix = account.removesuffix(self._project)
        if prefix == account:  # an application credential, or an endpoint of another account
            prefix = account[: account.find("_") + 1]
        return f"{parent}/{prefix}{quote(owner)}"

    def is_near(self, base: str) -> bool:
        """Whether the account at that URL is in our Swift."""
        return self._base is not None and base.rpartition("/")[0] == self._base.rpartition("/")[0]

    def is_ours(self, place: SwiftLocation) -> bool:
        """Whether a store with these settings would have chosen the account and container."""
        settings = self._settings
        if settings.swift_store_multi_tenant:
            return place.base is not None and place.container == self._container(place.name)
        if place.reference != settings.default_swift_reference:
            return False
        return place.container in (settings.swift_store_container, self._container(place.name))

    def container_headers(self) -> Mapping[str, str]:
        """With which a container is made: in a multi-tenant store some projects may enter all."""
        if not self._settings.swift_store_multi_tenant:
            return {}
        may = ",".join(f"{project}:*" for project in self._settings.swift_store_admin_tenants)
        return {"X-Container-Read": may, "X-Container-Write": may} if may else {}
