"""The store: objects in containers of an account, or of many accounts in a multi-tenant store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp

from imagestore.backends import errors
from imagestore.backends.base import Blocks, Capability, Capacity, Pages, Store, Stored
from imagestore.backends.in_flight import OBJECT
from imagestore.backends.swift import listing, locations, stored
from imagestore.backends.swift.account import Account, connections
from imagestore.backends.swift.authentication import Refused
from imagestore.backends.swift.container import Container
from imagestore.backends.swift.copying import Duplicate
from imagestore.backends.swift.credentials import Credentials
from imagestore.backends.swift.credentials import read as read_credentials
from imagestore.backends.swift.faults import Forbidden
from imagestore.backends.swift.locations import SwiftLocation
from imagestore.backends.swift.names import Names, new_upload
from imagestore.backends.swift.placement import Placement
from imagestore.backends.swift.settings import MEGABYTE, SwiftSettings
from imagestore.backends.swift.upload import SegmentRules, Upload

_THREADS = 4
"""For digests, and for tokens."""


class SwiftStore(Store):
    """A :class:`~imagestore.backends.base.Store` in OpenStack Object Storage."""

    capabilities = Capability.WRITABLE | Capability.RANGED | Capability.LISTED | Capability.COPIES

    def __init__(self, name: str, settings: SwiftSettings) -> None:
        self.name = name
        self._settings = settings
        self._placement = Placement(name, settings)
        self._references: Mapping[str, Credentials] = {}
        self._session: aiohttp.ClientSession | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._accounts: dict[Credentials, Account] = {}
        self._cleanups: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._references = read_credentials(self.name, self._settings)
        running = self._session is not None
        if not running:
            self._session = connections(self.name, self._settings)
            self._threads = ThreadPoolExecutor(_THREADS, f"store-{self.name}")
        try:
            await self._check()
        except BaseException:
            if not running:
                await self.stop()
            raise

    async def _check(self) -> None:
        """See that the credentials are good, and the container there."""
        settings, account = self._settings, self._account(self._default)
        own = Container(account, settings.swift_store_container)
        try:
            access = await account.access()
            self._placement.learn(access.account_url, access.project)
            if self._placement.is_spread:  # images have containers that need not be there yet
                await account.head()
            else:
                await own.head()
        except Refused as error:
            raise self._misconfigured(self._key_option(), str(error)) from error
        except Forbidden as error:
            raise self._misconfigured(
                "swift_store_user", f"may not use the account ({error.message})"
            ) from error
        except errors.NotFound as error:
            if self._placement.is_spread:
                raise self._misconfigured("swift_store_endpoint", "is no account") from error
            if not settings.swift_store_create_container_on_put:
                raise self._misconfigured(
                    "swift_store_container",
                    f"there is no container {own.name!r}, and "
                    "swift_store_create_container_on_put is off",
                ) from error
            await own.create()

    async def stop(self) -> None:
        await asyncio.gather(*self._cleanups, return_exceptions=True)
        session, self._session = self._session, None
        threads, self._threads = self._threads, None
        self._accounts.clear()
        if session is not None:
            await session.close()
        if threads is not None:
            threads.shutdown(wait=False)

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        place = self._placement.of(image_id, owner)
        url, container = place.url, self._container(place)
        rules = self._rules()
        if size is not None and size >= rules.large:
            free = (await container.capacity()).free
            if free is not None and free < size:
                raise errors.Full(f"the quota leaves {free} bytes", store=self.name, url=url)
        upload = Upload(container, Names(image_id, new_upload()), rules, self._executor(), url)
        try:
            return Stored(url, await upload.run(blocks, size))
        except BaseException:
            await self._clean_up(self._undo(upload, container))
            raise

    async def _undo(self, upload: Upload, container: Container) -> None:
        await upload.undo()
        await self._remove_container(container)

    async def _clean_up(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what must be done although the caller is cancelled, or Swift does not answer."""

        async def bounded() -> None:
            with contextlib.suppress(errors.StoreError, TimeoutError):
                async with asyncio.timeout(self._settings.swift_store_cleanup_timeout):
                    await work

        task = asyncio.create_task(bounded())
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        await asyncio.shield(task)

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> Stored:
        if not isinstance(source, SwiftStore):
            raise errors.CannotCopy("copies what is in its Swift", store=self.name)
        place = self._placement.of(image_id, owner)
        container, made = self._container(place), place.url
        origin = source._locate(url)
        original = source._container(origin)
        if not await container.is_near(original):
            raise errors.CannotCopy("is in another Swift", store=self.name)
        found = await stored.find(original, origin.name, url)
        if found.size != size:
            raise errors.CannotCopy(f"{found.size} bytes are there, not {size}", store=self.name)
        names = Names(image_id, new_upload())
        duplicate = Duplicate(container, names, self._rules(), self._executor(), made)
        try:
            return Stored(made, await duplicate.copy(found, on_progress))
        except BaseException:
            await self._clean_up(self._undo(duplicate, container))
            raise

    @contextlib.asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        place = self._locate(url)
        found = await stored.find(self._container(place), place.name, url)
        end = found.size if length is None else min(found.size, offset + length)
        async with contextlib.aclosing(OBJECT.read(found.read, offset, end)) as blocks:
            yield blocks

    async def size(self, url: str) -> int:
        place = self._locate(url)
        return (await stored.find(self._container(place), place.name, url)).size

    async def exists(self, url: str) -> bool:
        place = self._locate(url)
        try:
            await self._container(place).find(place.name, url)
        except errors.NotFound:
            return False
        return True

    async def delete(self, url: str) -> None:
        place = self._locate(url)
        container = self._container(place)
        await stored.remove(container, place.name, url)
        await self._remove_container(container)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        place = self._placement.of(image_id, owner)
        container = self._container(place)
        with contextlib.suppress(errors.NotFound):
            await stored.remove(container, image_id, place.url)
        await container.discard(image_id)  # what a request that is still at work may store
        await self._remove_container(container)

    async def _remove_container(self, container: Container) -> None:
        """In a multi-tenant store each image has its own."""
        if self._settings.swift_store_multi_tenant and container.name.startswith(
            f"{self._settings.swift_store_container}_"
        ):
            await container.remove()

    def held(self, owners: Iterable[str] = ()) -> Pages:
        account, base = self._account(self._default), self._settings.swift_store_container
        if self._settings.swift_store_multi_tenant:
            return listing.of_projects(account, base, self._placement, owners)
        if self._placement.is_spread:
            return listing.in_containers(account, base, self._placement)
        return listing.in_container(Container(account, base), self._placement)

    async def capacity(self) -> Capacity:
        account = self._account(self._default)
        return await Container(account, self._settings.swift_store_container).capacity()

    def owns(self, url: str) -> bool:
        try:
            place = self._locate(url)
        except errors.InvalidLocation:
            return False
        return self._placement.is_ours(place)

    def places(self) -> frozenset[str]:
        default = read_credentials(self.name, self._settings)[
            self._settings.default_swift_reference
        ]
        who = default.project or default.application_credential_id
        address = default.auth_address.rstrip("/")
        return frozenset({f"{address}/{who}/{self._settings.swift_store_container}"})

    def details(self) -> Mapping[str, Any]:
        rules = self._rules()
        return {
            "container": self._settings.swift_store_container,
            "large_object_size": rules.large,
            "large_object_chunk_size": rules.segment,
        }

    # Accounts, containers, locations.

    @property
    def _default(self) -> Credentials:
        return self._references[self._settings.default_swift_reference]

    def _rules(self) -> SegmentRules:
        settings = self._settings
        return SegmentRules(
            large=settings.swift_store_large_object_size * MEGABYTE,
            segment=settings.swift_store_large_object_chunk_size * MEGABYTE,
            # Nobody could make the containers of a multi-tenant store before.
            create_container=settings.swift_store_create_container_on_put
            or settings.swift_store_multi_tenant,
            container_headers=self._placement.container_headers(),
            settle=settings.swift_store_timeout,
        )

    def _account(self, who: Credentials) -> Account:
        if self._session is None:
            raise errors.Unavailable("not started", store=self.name)
        if who not in self._accounts:
            self._accounts[who] = Account(
                self.name, who, self._settings, self._session, self._executor()
            )
        return self._accounts[who]

    def _container(self, place: SwiftLocation) -> Container:
        who = place.credentials
        if who is None:
            who = self._default if place.reference is None else self._references[place.reference]
        return Container(self._account(who), place.container, place.base)

    def _locate(self, url: str) -> SwiftLocation:
        place = locations.parse(url, self._references, store=self.name)
        if place.base is not None and not self._placement.is_near(place.base):
            raise errors.InvalidLocation("is in another Swift", store=self.name)
        return place

    def _executor(self) -> ThreadPoolExecutor:
        if self._threads is None:
            raise errors.Unavailable("not started", store=self.name)
        return self._threads

    def _key_option(self) -> str:
        """The option that is wrong when the credentials are refused."""
        if self._settings.swift_store_config_file:
            return f"swift_store_config_file, [{self._settings.default_swift_reference}]"
        if self._default.application_credential_id:
            return "swift_store_application_credential_secret"
        return "swift_store_user or swift_store_key"

    def _misconfigured(self, option: str, reason: str) -> errors.Misconfigured:
        return errors.Misconfigured(f"{option}: {reason}", store=self.name)
