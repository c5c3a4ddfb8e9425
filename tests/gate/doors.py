"""The doors, each with what brings bytes through it: a new one is written here."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from aiohttp import ClientError
from sqlalchemy import Connection, select

from imagestore.database import images, locations, schema
from imagestore.model.image import ImageStatus, Location
from imagestore.model.job import ENDED
from tests.gate.world import GOLDEN, TIN, World, flip, rules
from tests.service.conftest import DRAFT, OCTETS, Person
from tests.service.faults import database

SHA512_OF_OTHERS = hashlib.sha512(b"other bytes").hexdigest()
MD5_OF_OTHERS = hashlib.md5(b"other bytes").hexdigest()
NEW, COPIES = "new", "copies"
"""What a door does: bytes become an image's data, or one more copy of the data that it has."""


@dataclass
class Came:
    """What became of it. ``status``: of the answer, 0 where none is; ``message``: why not."""

    image: str
    status: int
    message: str = ""


@dataclass
class Sent:
    """See :meth:`Door.bring`."""

    data: bytes
    person: Person
    lie: bool
    draft: dict[str, Any]


class Door:
    """``routes`` of the API, ``kinds`` of jobs and ``commands`` that lead here."""

    name: ClassVar[str]
    does: ClassVar[str] = NEW
    routes: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[tuple[str, ...]] = ()
    commands: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Mapping[str, Any]] = {}
    """Arguments of :func:`tests.gate.world.world`."""
    owned: ClassVar[Mapping[str, Any]] = {}
    """What makes the image one of alice's project, where it would not be."""
    writes: ClassVar[bool] = True
    """Whether bytes go into a store."""
    tells_events: ClassVar[frozenset[str]] = frozenset({"image.update"})
    notifies: ClassVar[tuple[str, ...]] = ("image.prepare", "image.upload", "image.activate")
    """Notifications, in their order."""

    def strangers(self, world: World) -> list[Person]:
        """Who may not bring bytes here."""
        return [world.bob, world.service.person("red", "reader")]

    def is_at_it(self, world: World) -> bool:
        """Whether what is written now is what this door writes."""
        return True

    async def bring(
        self,
        world: World,
        data: bytes,
        *,
        person: Person | None = None,
        lie: bool = False,
        **draft: Any,
    ) -> Came:
        """Have ``data`` become the data of a new image of alice's, sent by ``person`` (alice).

        ``lie``: the digest that comes along, or is recorded, is not that of the data.
        """
        return await self.send(world, Sent(data, person or world.alice, lie, draft))

    async def send(self, world: World, sent: Sent) -> Came:
        raise NotImplementedError

    async def image(self, world: World, **draft: Any) -> str:
        return str((await world.alice.create(**draft))["id"])

    async def newest(self, world: World) -> str:
        """The image that was made last, whatever became of it; empty if there is none."""

        def find(conn: Connection) -> str:
            made = schema.images.c
            newest = select(made.id).order_by(made.created_at.desc()).limit(1)
            return str(conn.scalar(newest) or "")

        return await world.database.read(find)

    async def ended(self, world: World, image: str, status: int, text: str = "") -> Came:
        """What came of it when all work on the image has ended."""
        await world.quiet(image)
        answer = await world.admin("GET", f"/v2/images/{image}/tasks")
        tasks = (await answer.json())["tasks"] if answer.status == 200 else []
        return Came(image, status, text + " ".join(str(task["message"]) for task in tasks))


SIGNER = {"X-Auth-Token": "token-of-the-caller"}
"""The token that the key manager of the tests wants to see."""


class Upload(Door):
    name = "PUT file"
    routes = ("PUT /v2/images/{image_id}/file",)

    async def send(self, world: World, sent: Sent) -> Came:
        image = await self.image(world, **sent.draft)
        path, headers = f"/v2/images/{image}/file", OCTETS | SIGNER
        answer = await sent.person("PUT", path, data=sent.data, headers=headers)
        return Came(image, answer.status, await answer.text())


def in_headers(fields: dict[str, Any]) -> dict[str, str]:
    """The fields of an image, as v1 has them."""
    plain = {*DRAFT, "checksum"}
    return {
        f"x-image-meta-{name if name in plain else f'property-{name}'}": str(value)
        for name, value in fields.items()
    }


class V1Create(Door):
    name = "v1 POST"
    routes = ("POST /v1/images",)

    def strangers(self, world: World) -> list[Person]:
        return [world.service.person("red", "reader")]  # others make images of their own

    def source(self, world: World, data: bytes) -> tuple[dict[str, str], bytes | None]:
        """Headers and body that say where the data is."""
        return OCTETS, data

    async def send(self, world: World, sent: Sent) -> Came:
        headers, body = self.source(world, sent.data)
        fields = DRAFT | sent.draft | ({"checksum": MD5_OF_OTHERS} if sent.lie else {})
        headers = headers | in_headers(fields) | SIGNER
        answer = await sent.person("POST", "/v1/images", headers=headers, data=body)
        image = await self.newest(world)
        return await self.ended(world, image, answer.status, await answer.text())


class V1Update(Door):
    name = "v1 PUT"
    routes = ("PUT /v1/images/{image_id}",)

    async def send(self, world: World, sent: Sent) -> Came:
        image = await self.image(world, **sent.draft)
        headers = OCTETS | SIGNER | {"x-glance-registry-purge-props": "false"}
        headers |= in_headers({"checksum": MD5_OF_OTHERS} if sent.lie else {})
        answer = await sent.person("PUT", f"/v1/images/{image}", headers=headers, data=sent.data)
        return Came(image, answer.status, await answer.text())


class V1CopyFrom(V1Create):
    name = "v1 copy-from"
    kinds = ("import",)

    def source(self, world: World, data: bytes) -> tuple[dict[str, str], bytes | None]:
        return {"x-glance-api-copy-from": world.web.has(data)}, None


class V1Location(V1Create):
    name = "v1 location"
    writes = False
    notifies = ("image.update",)
    kinds = ("location_import", "location_hash")

    def source(self, world: World, data: bytes) -> tuple[dict[str, str], bytes | None]:
        return {"x-image-meta-location": world.web.has(data)}, None


class RegistryLocation(V1Location):
    name = "registry location"
    routes = ("registry POST /images", "registry PUT /images/{image_id}")

    async def send(self, world: World, sent: Sent) -> Came:
        fields = DRAFT | sent.draft
        body: dict[str, Any] = {name: fields.pop(name) for name in DRAFT}
        body |= {"properties": fields, "location": world.web.has(sent.data)}
        if sent.lie:
            body["checksum"] = MD5_OF_OTHERS
        person = replace(sent.person, client=world.registry)
        answer = await person("POST", "/images", json={"image": body}, headers=SIGNER)
        image = await self.newest(world)
        return await self.ended(world, image, answer.status, await answer.text())


class Import(Door):
    """``POST …/import`` with one of its methods."""

    routes = ("POST /v2/images/{image_id}/import",)
    kinds = ("import",)

    async def method(self, world: World, sent: Sent, image: str) -> dict[str, Any]:
        """Make the source ready; what the request says of it."""
        raise NotImplementedError

    async def send(self, world: World, sent: Sent) -> Came:
        image = await self.image(world, **sent.draft)
        try:
            body = {"method": await self.method(world, sent, image)}
        except Refused as refusal:
            return Came(image, refusal.status, str(refusal))
        headers = {"X-Auth-Token": world.token}
        path = f"/v2/images/{image}/import"
        answer = await sent.person("POST", path, json=body, headers=headers)
        return await self.ended(world, image, answer.status, await answer.text())


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class GlanceDirect(Import):
    name = "glance-direct"
    routes = ("PUT /v2/images/{image_id}/stage", *Import.routes)
    kinds = ("import", "unstage")

    async def method(self, world: World, sent: Sent, image: str) -> dict[str, Any]:
        path = f"/v2/images/{image}/stage"
        answer = await sent.person("PUT", path, data=sent.data, headers=OCTETS)
        if answer.status != 204:
            raise Refused(answer.status, await answer.text())
        return {"name": "glance-direct"}


class WebDownload(Import):
    name = "web-download"

    async def method(self, world: World, sent: Sent, image: str) -> dict[str, Any]:
        return {"name": "web-download", "uri": world.web.has(sent.data)}


class GlanceDownload(Import):
    name = "glance-download"
    needs = MappingProxyType({"peer": True, "keystone": True})

    async def method(self, world: World, sent: Sent, image: str) -> dict[str, Any]:
        shape = {name: value for name, value in sent.draft.items() if name == "disk_format"}
        source = await at_peer(world, sent.data, lie=sent.lie, **shape)
        return {
            "name": "glance-download",
            "glance_region": world.region,
            "glance_image_id": source,
        }


class Task(Door):
    name = "POST tasks"
    routes = ("POST /v2/tasks",)
    kinds = ("import",)

    def strangers(self, world: World) -> list[Person]:
        return [world.bob]  # it is for administrators, as which alice asks here

    async def send(self, world: World, sent: Sent) -> Came:
        person = world.admin if sent.person.project == "red" else sent.person
        input_ = {
            "import_from": world.web.has(sent.data),
            "import_from_format": "raw",
            "image_properties": DRAFT | sent.draft,
        }
        answer = await person("POST", "/v2/tasks", json={"type": "import", "input": input_})
        text = await answer.text()
        await world.quiet()
        if answer.status == 201:
            shown = await world.admin("GET", f"/v2/tasks/{(await answer.json())['id']}")
            text = (await shown.json())["message"]
        return Came(await self.newest(world), answer.status, text)


class LocationPost(Door):
    name = "POST locations"
    writes = False
    notifies = ("image.update",)
    routes = ("POST /v2/images/{image_id}/locations",)
    kinds = ("location_import", "location_hash")

    async def send(self, world: World, sent: Sent) -> Came:
        image = await self.image(world, **sent.draft)
        body: dict[str, Any] = {"url": world.web.has(sent.data)}
        if sent.lie:
            body["validation_data"] = {"os_hash_algo": "sha512", "os_hash_value": SHA512_OF_OTHERS}
        answer = await sent.person("POST", f"/v2/images/{image}/locations", json=body)
        return await self.ended(world, image, answer.status, await answer.text())


class LocationPatch(Door):
    name = "PATCH locations"
    writes = False
    notifies = ("image.update",)
    routes = ("PATCH /v2/images/{image_id}",)
    kinds = ("location_hash",)

    async def send(self, world: World, sent: Sent) -> Came:
        image = await self.image(world, **sent.draft)
        value: dict[str, Any] = {"url": world.web.has(sent.data), "metadata": {}}
        if sent.lie:
            value["validation_data"] = {
                "os_hash_algo": "sha512",
                "os_hash_value": SHA512_OF_OTHERS,
                "checksum": MD5_OF_OTHERS,
            }
        step = {"op": "add", "path": "/locations/-", "value": value}
        answer = await sent.person.patch(image, step)
        return await self.ended(world, image, answer.status, await answer.text())


async def at_peer(world: World, data: bytes, *, lie: bool = False, **draft: Any) -> str:
    """A new image of the peer, of bytes that its own gate need not let pass."""
    assert world.peer is not None
    image = str((await world.peer.person("x").create(**draft))["id"])
    path = world.peer.settings.data_dir / "file1" / image
    path.write_bytes(data)
    values = {
        "size": len(data),
        "checksum": MD5_OF_OTHERS if lie else hashlib.md5(data).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": SHA512_OF_OTHERS if lie else hashlib.sha512(data).hexdigest(),
    }

    def record(conn: Connection) -> None:
        images.transition(conn, image, {ImageStatus.QUEUED}, ImageStatus.ACTIVE, **values)
        locations.add(conn, image, Location(f"file://{path}", {"store": "file1"}))

    await database(world.peer).write(record)
    return image


class Pull(Door):
    name = "site, pull"
    kinds = ("site",)
    needs = MappingProxyType({"peer": True, "sites": {"direction": "pull"}})
    owned = MappingProxyType({"owner": "red"})

    async def send(self, world: World, sent: Sent) -> Came:
        image = await at_peer(world, sent.data, lie=sent.lie, visibility="public", **sent.draft)
        return Came(image, 0, await world.passed(image))


class Copy(Door):
    """Of an image that is active: it is uploaded first. A lie is a damage of what is stored."""

    does = COPIES
    notifies = ("image.prepare", "image.upload")

    async def assert_not_taken(self, world: World, came: Came) -> None:
        """What is damaged did not become another copy."""

    async def send(self, world: World, sent: Sent) -> Came:
        image = await self.stored(world, sent)
        if sent.lie:
            flip(world.path("file1", image))
        return await self.copy(world, image, sent.person)

    async def stored(self, world: World, sent: Sent) -> str:
        image = await self.image(world, **sent.draft)
        assert await world.alice.upload(image, sent.data, **SIGNER) == 204
        await world.quiet(image)
        return image

    async def copy(self, world: World, image: str, person: Person) -> Came:
        raise NotImplementedError


class CopyImage(Copy):
    name = "copy-image"
    routes = ("POST /v2/images/{image_id}/import",)
    kinds = ("import",)

    def strangers(self, world: World) -> list[Person]:
        return [world.bob]

    async def copy(self, world: World, image: str, person: Person) -> Came:
        person = world.admin if person.project == "red" else person  # as the policy has it
        body = {"method": {"name": "copy-image"}, "stores": ["file2"]}
        answer = await person("POST", f"/v2/images/{image}/import", json=body)
        return Came(image, answer.status, await answer.text())


class RuleCopy(Copy):
    name = "copy by rule, sent"
    kinds = ("copy", "replication")

    async def copy(self, world: World, image: str, person: Person) -> Came:
        answer = await person("PUT", f"/v2/images/{image}/tags/{GOLDEN}")
        return Came(image, answer.status)


class ServerSideCopy(RuleCopy):
    name = "copy by rule, by the store"
    needs = MappingProxyType({"replication": replace(rules(), server_side=True)})


class Repair(Copy):
    name = "repair by the patrol"
    repairing = False
    kinds = ("patrol", "fill-digests")
    tells_events = frozenset({"image.repaired"})
    notifies = ("image.repaired",)

    async def stored(self, world: World, sent: Sent) -> str:
        self.repairing = False
        image = await super().stored(world, sent)
        await CopyImage().copy(world, image, world.alice)
        await world.quiet(image)
        flip(world.path("file2", image))
        self.repairing = True
        return image

    async def assert_not_taken(self, world: World, came: Came) -> None:
        answer = await world.alice("GET", f"/v2/images/{came.image}/file")
        assert answer.status == 410

    def is_at_it(self, world: World) -> bool:
        return self.repairing

    async def copy(self, world: World, image: str, person: Person) -> Came:
        job = await world.catalog.patrol.start(rate=0, image_id=image)
        async with asyncio.timeout(60):
            while (await world.catalog.jobs.show(job.id)).state not in ENDED:
                await asyncio.sleep(0.02)
        return Came(image, 0)


class CacheFill(Copy):
    name = "fill of the cache"
    routes = ("PUT /v2/cache/{image_id}", "PUT /v2/queued_images/{image_id}")
    kinds = ("cache",)

    def strangers(self, world: World) -> list[Person]:
        return [world.bob]  # who may read, may fill the cache by it

    async def assert_not_taken(self, world: World, came: Came) -> None:
        answer = await world.admin("GET", "/v2/cache")
        assert came.image not in await answer.text()

    async def copy(self, world: World, image: str, person: Person) -> Came:
        answer = await person("GET", f"/v2/images/{image}/file")
        with contextlib.suppress(ClientError):
            await answer.read()
        return Came(image, answer.status)


class Push(Copy):
    name = "site, push"
    kinds = ("site",)
    needs = MappingProxyType(
        {"peer": True, "sites": {"direction": "push", "match": (f"tag={TIN}",)}}
    )

    async def assert_not_taken(self, world: World, came: Came) -> None:
        assert world.peer is not None
        assert await world.passed(came.image, to_fail=True)
        row = await database(world.peer).read(images.get, came.image)
        assert row is None or row.image.status is not ImageStatus.ACTIVE

    async def copy(self, world: World, image: str, person: Person) -> Came:
        answer = await person("PUT", f"/v2/images/{image}/tags/{TIN}")
        return Came(image, answer.status)


ALL: tuple[Door, ...] = (
    Upload(), V1Create(), V1Update(), GlanceDirect(), WebDownload(), GlanceDownload(),
    V1CopyFrom(), Task(), LocationPatch(), LocationPost(), V1Location(),
    RegistryLocation(), Pull(),
    CopyImage(), RuleCopy(), ServerSideCopy(), Repair(), CacheFill(), Push(),
)  # fmt: skip
BY_NAME = {door.name: door for door in ALL}
