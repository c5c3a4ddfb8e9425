"""Locations changed by PATCH, where ``show_multiple_locations`` lets them be.

What is said of the bytes is said before the transaction: the store is asked for their
size, and their format is judged as an upload's. A first location makes a queued image active.
Further ones must have as many bytes as the image, and are read from only when a job has found
the image's hash in them.

With the first one the hash may come. What is small is compared at once; else, and when the hash is
another one, the image is as Glance answers it, active and with that hash, but nobody reads from
the location or relies on the hash until a job has compared them. If they differ, the image is
queued again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from imagestore.backends.errors import StoreError
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.intent import Intent
from imagestore.catalog.limits import require_within
from imagestore.catalog.locations import refused_locations, validation_data
from imagestore.catalog.locations.hashes import hash_later
from imagestore.catalog.locations.rules import Found, LocationRules, fetched
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.signatures import signed
from imagestore.database import locations
from imagestore.database.images import ImageRow
from imagestore.identity.caller import Caller
from imagestore.model.changes import Change
from imagestore.model.digest import Digest, Expected
from imagestore.model.errors import Conflict, Corrupt, Forbidden, Invalid
from imagestore.model.image import IMMUTABLE_ONCE_USED, Image, ImageStatus, Location
from imagestore.transfer.digests import algorithms
from imagestore.transfer.judgement import digest

_CHANGEABLE = (ImageStatus.ACTIVE, ImageStatus.QUEUED)
_UNHASHED = timedelta(seconds=3)
"""Before bytes without a hash get one. Glance computes none here, and clients look at once."""
_MAX_METADATA = 32_000
"""Characters of JSON; the column holds 64 KiB."""
_COMPARED_AT_ONCE = 16 << 20
"""Bytes that are read at most while the caller waits, and for no more than these seconds."""
_COMPARING = 5.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found out before the transaction: by URL."""

    found: Mapping[str, Found]
    limits: ProjectLimits | None
    formats: tuple[str | None, str | None]
    """The disk and container format by which it was judged what lies there."""
    digests: Mapping[str, Digest] = field(default_factory=dict)
    """Of the first location, by algorithm, where hashes came with it and it is small."""


class LocationChanges(Operations):
    """The steps of a PATCH that are about locations."""

    def __init__(self, deps: Dependencies, deletions: Deletions) -> None:
        super().__init__(deps)
        self._rules = LocationRules(deps)
        self._deletions = deletions

    def authorise(self, caller: Caller, row: ImageRow, change: Change) -> None:
        """Raise unless the caller may take this step with the image as it stands."""
        if not self._deps.settings.images.show_multiple_locations:
            raise Forbidden("It's not allowed to add, replace or remove locations.")
        if change.op == "replace" and not change.value:
            raise Forbidden("Locations cannot be set to an empty list.")
        removing = change.op == "remove"
        rule = "delete_image_location" if removing else "set_image_location"
        self._access.require(rule, caller, row)
        status = row.image.status
        if status not in _CHANGEABLE or (removing and status is not ImageStatus.ACTIVE):
            raise Conflict(f"Locations cannot be changed while the image is {status}.")

    async def prepare(
        self, caller: Caller, image_id: str, changes: Sequence[Change], gone: Callable[[], bool]
    ) -> Prepared | None:
        """Ask the stores what lies at the new URLs; None if no step is about locations.

        All that can be refused without asking is refused before. One after the other is asked
        for, as long as the caller is not ``gone``.
        """
        steps = [change for change in changes if change.name == "locations"]
        if not steps:
            return None
        image = await self._database.read(self._authorised, caller, image_id, steps)
        formats = {each.name: each.value for each in changes if each.name in IMMUTABLE_ONCE_USED}
        if image.status is ImageStatus.QUEUED:
            image = replace(image, **formats)
        added = self._added(image, steps)
        if added:
            _require_formats(image)
        said = self._checked(
            image, validation_data.new_values(image, {}, validation_data.given(added.values()))
        )
        stores = {url: self._rules.store_for(caller, image_id, url) for url in added}
        found: dict[str, Found] = {}
        digests: Mapping[str, Digest] = {}
        for url, store in stores.items():
            if gone():
                raise ConnectionResetError("the caller has gone")
            found[url] = await self._rules.look(image, store, url)
            if said and len(found) == 1:
                computed = algorithms(self._deps.settings.images)
                computed |= {digest.algorithm for digest in said}
                digests = await self._digests(found[url], url, computed)
        limits = await self._quotas.limits(image.owner) if found else None
        return Prepared(found, limits, (image.disk_format, image.container_format), digests)

    def _added(self, image: Image, steps: Sequence[Change]) -> dict[str, Mapping[str, Any]]:
        """What is to be added, by URL, at those that the image does not have yet."""
        known = {location.url for location in image.locations}
        added: dict[str, Mapping[str, Any]] = {}
        count = len(image.listed_locations)
        for step in steps:
            if step.op == "remove":
                count -= 1
                continue
            if step.op == "replace" and count > 0:
                continue  # other metadata, but no other location
            entries = step.value if step.op == "replace" else [step.value]
            self._require_room(count, len(entries))
            count += len(entries)
            for entry in entries:
                if entry["url"] in added:
                    raise Invalid("The image has this location already.")
                if entry["url"] not in known:
                    added[entry["url"]] = entry
        return added

    def _require_room(self, count: int, more: int) -> None:
        quota = self._deps.settings.limits.image_location_quota
        require_within(quota, count + more, "image_location_quota", before=count)

    async def _digests(
        self, found: Found, url: str, computed: frozenset[str]
    ) -> Mapping[str, Digest]:
        """Of what lies there, if that is quickly known."""
        settings = self._deps.settings.images
        if settings.do_secure_hash and found.size <= _COMPARED_AT_ONCE:
            with contextlib.suppress(TimeoutError, StoreError, Corrupt):
                async with asyncio.timeout(_COMPARING):
                    return await digest(found.store, fetched(url), Expected(found.size), computed)
        return {}

    def _authorised(
        self, conn: Connection, caller: Caller, image_id: str, steps: Sequence[Change]
    ) -> Image:
        row = self._access.find(conn, caller, image_id)
        for step in steps:
            self.authorise(caller, row, step)
        return row.image

    def apply(
        self,
        conn: Connection,
        intent: Intent,
        image: Image,
        changes: Sequence[Change],
        prepared: Prepared,
        moment: datetime,
    ) -> tuple[dict[str, Any], list[tuple[Location, str]]]:
        """Record the steps; columns of the image that change with them, and what is to be removed.

        ``image``: with all other changes of the PATCH already made. Removals come with
        their journal rows.
        """
        steps = [change for change in changes if change.name == "locations"]
        left = list(image.listed_locations)
        values: dict[str, Any] = {}
        removed: list[tuple[Location, str]] = []
        for step in steps:
            if step.op == "remove":
                copy = _at(left, step.index)
                left.remove(copy)
                self._keep_readable(conn, image, copy, left)
                removed.append((copy, self._deletions.claim(conn, intent, image.id, copy)))
            elif step.op == "replace" and left:
                _replace_metadata(conn, left, step.value, self._stores.multiple)
            else:
                added = step.value if step.op == "replace" else [step.value]
                self._add(conn, image, left, added, prepared, values, moment)
        return values, removed

    def _add(
        self,
        conn: Connection,
        image: Image,
        left: list[Location],
        added: Sequence[Mapping[str, Any]],
        prepared: Prepared,
        values: dict[str, Any],
        moment: datetime,
    ) -> None:
        new = validation_data.new_values(image, values, validation_data.given(added))
        if image.status is ImageStatus.QUEUED:
            _require_formats(image)
            if signed(image.properties):
                raise Invalid(
                    "The image is signed, and the signature of what lies at this location would "
                    "not be verified: upload or import the data, or POST the location."
                )
            if (image.disk_format, image.container_format) != prepared.formats:
                raise Conflict("The image has changed meanwhile; try again.")
        wanted = self._checked(image, new)
        if new and validation_data.agree(prepared.digests, wanted):
            algorithm = self._deps.settings.images.hashing_algorithm
            values |= validation_data.columns(prepared.digests, algorithm)
        elif new:
            image.properties |= validation_data.as_property(new)
        self._require_room(len(left), len(added))
        for entry in added:
            url = entry["url"]
            hidden = [one for one in image.locations if one not in image.listed_locations]
            if any(location.url == url for location in (*left, *hidden)):
                raise Invalid("The image has this location already.")
            found = prepared.found.get(url)
            if found is None:
                raise Conflict("The locations of the image have changed meanwhile; try again.")
            self._quotas.require_size(conn, prepared.limits, found.size)
            self._rules.require_unshared(conn, found.store, image.id, url)
            left.append(self._record(conn, image, entry, found, values, moment))
        if image.status is ImageStatus.QUEUED:
            values |= {"status": ImageStatus.ACTIVE.value}
            refused_locations.forget(conn, image)

    def _record(
        self,
        conn: Connection,
        image: Image,
        entry: Mapping[str, Any],
        found: Found,
        values: dict[str, Any],
        moment: datetime,
    ) -> Location:
        size = values.get("size", image.size)
        is_first = size is None and not image.locations
        if is_first:
            values |= {"size": found.size, "virtual_size": found.virtual_size}
        elif size is not None and size != found.size:
            raise Invalid(f"There are {found.size} bytes at this location; the image has {size}.")
        metadata = _metadata(entry, found.store.name if self._stores.multiple else None)
        hashing = self._deps.settings.images.do_secure_hash
        trusted = is_first and not (hashing and image.claimed_hashes)
        location = Location(entry["url"], metadata, "active" if trusted else locations.UNVERIFIED)
        number = locations.add(conn, image.id, location, moment)
        hashed = image.os_hash_value or values.get("os_hash_value")
        if not is_first or (hashing and not hashed):
            delay = timedelta() if hashed else _UNHASHED
            hash_later(conn, image, number, found.store.name, moment, delay=delay)
        return location

    def _keep_readable(
        self, conn: Connection, image: Image, removed: Location, left: Sequence[Location]
    ) -> None:
        """What stays must be enough to read the image.

        While the image has no hash, nothing says what its bytes are but their number: what is left
        is then trusted, as Glance trusts every location, and the hash will be that of its bytes.
        """
        if removed.status != "active" or any(each.status == "active" for each in left):
            return
        heir = next((each for each in left if each.status == locations.UNVERIFIED), None)
        if image.os_hash_value is not None or heir is None or heir.id is None:
            raise Conflict(
                "The other locations of the image are not verified yet; try again later."
            )
        locations.set_status(conn, heir.id, "active")

    def _checked(self, image: Image, new: Mapping[str, str]) -> tuple[Digest, ...]:
        """The hashes that come with a first location."""
        if not new:
            return ()
        if image.status is not ImageStatus.QUEUED:
            raise Conflict("Hashes can only be given while the image is queued.")
        algorithm = self._deps.settings.images.hashing_algorithm
        if new.get("os_hash_algo") != algorithm:
            raise Conflict(f"os_hash_algo must be {algorithm}.")
        try:
            return validation_data.digests(new, algorithm)
        except Invalid as error:
            raise Conflict(error.message) from error


def _require_formats(image: Image) -> None:
    if image.disk_format is None or image.container_format is None:
        raise Invalid("disk_format and container_format must be set before a location is.")


def _at(found: Sequence[Location], index: Any) -> Location:
    """The location at a place of the list; the last one stays."""
    if len(found) == 1:
        raise Forbidden("The last location of an image cannot be removed.")
    place = len(found) - 1 if index == "-" else index
    if not isinstance(place, int) or place >= len(found):
        raise Invalid("There is no location at this place of the list.")
    return found[place]


def _replace_metadata(
    conn: Connection, left: list[Location], wanted: Sequence[Mapping[str, Any]], multiple: bool
) -> None:
    """Where an image has locations, they can be given other metadata, but no other bytes."""
    entries = {entry["url"]: entry for entry in wanted}
    if len(wanted) != len(left) or entries.keys() != {location.url for location in left}:
        raise Invalid("Locations that an image has cannot be replaced by others.")
    for location in left:
        store = location.store if multiple else None
        locations.set_metadata(conn, location, _metadata(entries[location.url], store))


def _metadata(entry: Mapping[str, Any], store: str | None) -> dict[str, Any]:
    """What is kept with a location. Which store it is in is for the service to say."""
    kept = {name: value for name, value in entry["metadata"].items() if name != "store"}
    if len(json.dumps(kept)) > _MAX_METADATA:
        raise Invalid("The metadata of a location is too long.")
    return kept | ({"store": store} if store else {})
