"""The configured stores by name, and which of them a location belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence

from imagestore.backends import errors
from imagestore.backends.base import Capability, Movable, Selective, Store
from imagestore.backends.wrappers.guarded import Health
from imagestore.config import settings
from imagestore.model.errors import ConfigurationError, Unavailable
from imagestore.model.image import Location
from imagestore.stores.stack import build

log = logging.getLogger(__name__)

_RETRY_FIRST, _RETRY_LAST = 1.0, 60.0
"""Seconds between attempts to reach a store that was away at the start."""


class Stores:
    """All stores of the service; iterating gives those for images, the weightiest first."""

    def __init__(self, configured: settings.Stores) -> None:
        """Build every store, which does no I/O. Raises :class:`ConfigurationError`."""
        by_weight = sorted(configured.sections, key=lambda section: -section.weight)
        self._stacks = {section.name: build(section) for section in by_weight}
        self._stores = {name: stack.store for name, stack in self._stacks.items()}
        self._reserved = {section.name: build(section).store for section in configured.reserved}
        _refuse_shared_places([*self._stores.values(), *self._reserved.values()])
        self._rank = {name: rank for rank, name in enumerate(self._stores)}
        self._retries: set[asyncio.Task[None]] = set()
        self.multiple = configured.multiple
        """Whether callers are told of several stores and may choose among them."""
        self.sections = configured.sections
        """How the stores are configured, in that order."""
        self.default = self._stores[configured.default]

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def _every(self) -> list[Store]:
        """Those for images, and those for the service's own use."""
        return [*self._stores.values(), *self._reserved.values()]

    def __contains__(self, name: object) -> bool:
        return name in self._stores

    def get(self, name: str) -> Store:
        """The store of that name; KeyError if there is none."""
        return self._stores[name]

    def driver(self, name: str) -> Store:
        """The store of that name without its wrappers, for another one to copy from."""
        return self._stacks[name].driver

    def reserved(self, name: str) -> Store:
        """A store for the service's own use; KeyError if there is none."""
        return self._reserved[name]

    def has_reserved(self, name: str) -> bool:
        return name in self._reserved

    def is_writable(self, name: str) -> bool:
        """Whether images can be added to the store and removed from it."""
        return Capability.WRITABLE in self._stores[name].capabilities

    def health(self, name: str) -> Health:
        """Whether the store answers, as this process has found."""
        return self._stacks[name].guard.health

    def judge(self, name: str, error: errors.Unavailable | None) -> None:
        """Tell what came of reading a file of the store past its wrappers; None: it was there."""
        guard = self._stacks[name].guard
        if error is None:
            guard.succeeded()
        else:
            guard.failed(error)

    async def start(self) -> None:
        """Start all stores at once.

        A store that is wrongly configured is a :class:`ConfigurationError`, a
        default store that does not answer is :class:`Unavailable`; both leave all
        stores stopped. Any other that does not answer is tried again until it does.
        """
        every = self._every()
        results = await asyncio.gather(*(store.start() for store in every), return_exceptions=True)
        wrong = [
            f"[{store.name}] {result.message}"
            for store, result in zip(every, results, strict=True)
            if isinstance(result, errors.Misconfigured)
        ]
        try:
            if wrong:
                raise ConfigurationError(*wrong)
            for store, result in zip(every, results, strict=True):
                if isinstance(result, BaseException):
                    self._not_started(store, result)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all stores; never raises."""
        for task in self._retries:
            task.cancel()
        await asyncio.gather(*self._retries, return_exceptions=True)
        await asyncio.gather(*(store.stop() for store in self._every()), return_exceptions=True)

    def by_url(self, url: str) -> Store | None:
        """The store that a URL belongs to by itself, for a location without a valid store id.

        Of several, as of type http, the first whose rules let it read the URL, or else the first.
        """
        owners = [store for store in self if store.owns(url)]
        return next((store for store in owners if self._admits(store, url)), None) or next(
            iter(owners), None
        )

    def of(self, location: Location) -> Store | None:
        """The store of a location: the one that it names, else the one that its URL belongs to,
        or belonged to before directories were moved, if no other could have had it."""
        named = self._stores.get(location.store or "") or self.by_url(location.url)
        if named is not None:
            return named
        former = [store for store in self if self.mover(store, location.url) is not None]
        return former[0] if len(former) == 1 else None

    def mover(self, store: Store, url: str) -> Movable | None:
        """The driver of the store, if ``url`` is no location of it, and may have been one before
        its directories were moved."""
        driver = self.driver(store.name)
        return driver if isinstance(driver, Movable) and driver.may_have_had(url) else None

    def ordered(
        self, locations: Iterable[Location], prefer: Sequence[str] = ()
    ) -> list[tuple[Store, Location]]:
        """Usable locations with their stores: the preferred first, then by weight."""
        found = [(store, each) for each in locations if (store := self.of(each)) is not None]
        if len(found) > 1:
            found.sort(key=lambda copy: self._order(copy[0].name, prefer))
        return found

    def readable(
        self, locations: Iterable[Location], prefer: Sequence[str] = ()
    ) -> list[tuple[Store, Location]]:
        """The same, but those in stores that are away come last: they are tried all the same."""
        found = self.ordered((each for each in locations if each.status == "active"), prefer)
        found.sort(key=lambda copy: not self.health(copy[0].name).healthy)
        return found

    def _admits(self, store: Store, url: str) -> bool:
        driver = self.driver(store.name)
        return not isinstance(driver, Selective) or driver.admits(url)

    def _order(self, name: str, prefer: Sequence[str]) -> tuple[int, int]:
        wish = prefer.index(name) if name in prefer else len(prefer)
        return wish, self._rank[name]

    def _not_started(self, store: Store, error: BaseException) -> None:
        if not isinstance(error, errors.Unavailable):
            raise error
        if store is self.default:
            raise Unavailable(f"The default store does not answer: {error}") from error
        log.error("store %s is away and will be tried again: %s", store.name, error.message)
        task = asyncio.create_task(_start_later(store))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)


async def _start_later(store: Store) -> None:
    delay = _RETRY_FIRST
    while True:
        await asyncio.sleep(delay)
        try:
            await store.start()
        except errors.StoreError as error:
            delay = min(2 * delay, _RETRY_LAST)
            log.warning("store %s is still away: %s", store.name, error.message)
        else:
            log.info("store %s is there", store.name)
            return


def _refuse_shared_places(stores: Iterable[Store]) -> None:
    """Two stores in one place would delete each other's images."""
    owners: dict[str, str] = {}
    for store in stores:
        try:
            places = store.places()
        except errors.Misconfigured as error:
            raise ConfigurationError(f"[{store.name}] {error.message}") from error
        for place in sorted(places):
            owner = owners.setdefault(place, store.name)
            if owner != store.name:
                raise ConfigurationError(
                    f"[{owner}] and [{store.name}] are stores in the same place, {place}."
                )
