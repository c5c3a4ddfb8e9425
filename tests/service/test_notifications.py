"""Notifications: as the real Glance sends them, and never in the way of a request."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from imagestore.config.arguments import unparse
from imagestore.config.load import load
from imagestore.config.settings import Notifications
from imagestore.model.errors import ConfigurationError
from imagestore.observing.notifier import Notifier
from tests.service.conftest import Person, settings_in
from tests.service.test_metrics import value
from tests.services import glance, process

LOGGER = "oslo.messaging.notification"
OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
TO_THE_LOG = Notifications(driver=("log",))

Ask = Callable[..., Awaitable[tuple[int, bytes]]]


async def a_day(ask: Ask) -> None:
    """Requests of one client, each of which is notified of."""
    draft = {"name": "n", "disk_format": "raw", "container_format": "bare", "k": "v", "tags": ["t"]}
    status, body = await ask("POST", "/v2/images", json=draft)
    assert status == 201, body
    image = f"/v2/images/{json.loads(body)['id']}"
    rename = json.dumps([{"op": "replace", "path": "/name", "value": "m"}])
    namespace = "/v2/metadefs/namespaces"
    for method, path, more, expected in (
        ("PUT", f"{image}/file", {"data": b"data", "headers": OCTETS}, 204),
        ("PATCH", image, {"data": rename, "headers": PATCH}, 200),
        ("GET", f"{image}/file", {}, 200),
        ("PUT", f"{image}/tags/x", {}, 204),
        ("DELETE", f"{image}/tags/x", {}, 204),
        ("POST", f"{image}/members", {"json": {"member": "blue"}}, 200),
        ("DELETE", f"{image}/members/blue", {}, 204),
        ("POST", f"{image}/actions/deactivate", {}, 204),
        ("POST", f"{image}/actions/reactivate", {}, 204),
        ("POST", namespace, {"json": {"namespace": "N", "visibility": "public"}}, 201),
        ("PUT", f"{namespace}/N", {"json": {"namespace": "M", "visibility": "public"}}, 200),
        ("DELETE", f"{namespace}/M", {}, 204),
        ("DELETE", image, {}, 204),
    ):
        status, body = await ask(method, path, **more)
        assert status == expected, (method, path, body)


def plain(message: dict[str, Any], image: str) -> dict[str, Any]:
    """A notification without what no two runs share."""

    def same(name: str, found: Any) -> Any:
        if name in ("created_at", "updated_at", "deleted_at") and found is not None:
            time.strptime(found, "%Y-%m-%dT%H:%M:%SZ")
            return "a time"
        if name == "tags":
            return sorted(found)
        return "the image" if found == image else found

    payload = {name: same(name, found) for name, found in message["payload"].items()}
    kept = ("event_type", "priority", "publisher_id")
    return {name: message[name] for name in kept} | {"payload": payload}


def normal(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    image = messages[0]["payload"]["id"]
    return [plain(message, image) for message in messages]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """What the driver ``log`` has sent so far."""
    caplog.set_level(logging.INFO, LOGGER)

    def messages() -> list[dict[str, Any]]:
        records = [one for one in caplog.records if one.name.startswith(LOGGER)]
        return [json.loads(one.getMessage()) for one in records]

    return messages


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Which database it is makes no difference here."""
    return f"sqlite:///{tmp_path / 'db.sqlite'}"


async def test_they_are_those_of_glance(
    start: Any, told: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    service = await start(notifications=TO_THE_LOG)
    person = Person(service.client, "red", "admin,member,reader")

    async def ours(method: str, path: str, **more: Any) -> tuple[int, bytes]:
        answer = await person(method, path, **more)
        return answer.status, await answer.read()

    await a_day(ours)
    await until(lambda: told() and told()[-1]["event_type"] == "image.delete")
    theirs = normal(await glances(tmp_path))
    mine = normal(told())
    for one in mine:
        if "receiver_user_id" in one["payload"]:
            one["payload"]["receiver_user_id"] = "u"
    assert [one["event_type"] for one in mine] == [one["event_type"] for one in theirs]
    assert mine == theirs


async def imports(ask: Ask, ready: Callable[[str, str], Awaitable[None]]) -> None:
    """One image staged and imported into two stores; another copied into the second of them."""
    draft = {"name": "n", "disk_format": "raw", "container_format": "bare"}
    data = {"data": b"data", "headers": OCTETS}

    async def image() -> str:
        status, body = await ask("POST", "/v2/images", json=draft)
        assert status == 201, body
        return str(json.loads(body)["id"])

    async def bring_in(image_id: str, method: str, stores: list[str]) -> None:
        document = {"method": {"name": method}, "stores": stores}
        status, body = await ask("POST", f"/v2/images/{image_id}/import", json=document)
        assert status == 202, body
        await ready(image_id, ",".join(["file1", "file2"]))

    staged = await image()
    assert (await ask("PUT", f"/v2/images/{staged}/stage", **data))[0] == 204
    await bring_in(staged, "glance-direct", ["file1", "file2"])
    copied = await image()
    assert (await ask("PUT", f"/v2/images/{copied}/file", **data))[0] == 204
    await bring_in(copied, "copy-image", ["file2"])
    assert (await ask("DELETE", f"/v2/images/{copied}"))[0] == 204


def until_it_is_in(ask: Ask) -> Callable[[str, str], Awaitable[None]]:
    async def ready(image_id: str, stores: str) -> None:
        async with asyncio.timeout(60):
            while True:
                found = json.loads((await ask("GET", f"/v2/images/{image_id}"))[1])
                there = ",".join(sorted(found.get("stores", "").split(",")))
                if there == stores and not found.get("os_glance_import_task"):
                    return
                await asyncio.sleep(0.1)

    return ready


def of_the_data(messages: list[dict[str, Any]]) -> dict[int, list[tuple[str, str]]]:
    """By image, in turn: what was told of its bytes. How often an image that is being imported
    is saved is a matter of each service, and so is whether the stores take turns."""
    found: dict[str, list[tuple[str, str]]] = {}
    for message in messages:
        payload, kind = message["payload"], message["event_type"]
        if kind in ("image.prepare", "image.upload", "image.activate"):
            assert message["priority"] == "INFO"
            found.setdefault(payload["id"], []).append((kind, payload.get("backend", "")))
    return {number: sorted(each) for number, each in enumerate(found.values())}


async def test_imports_and_copies_are_told_of_as_glance_does(
    start: Any, told: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    service = await start(notifications=TO_THE_LOG)
    person = Person(service.client, "red", "admin,member,reader")

    async def ours(method: str, path: str, **more: Any) -> tuple[int, bytes]:
        answer = await person(method, path, **more)
        return answer.status, await answer.read()

    await imports(ours, until_it_is_in(ours))
    await until(lambda: told() and told()[-1]["event_type"] == "image.delete")
    mine = told()
    theirs = await glances(tmp_path, lambda ask: imports(ask, until_it_is_in(ask)))
    assert of_the_data(mine) == of_the_data(theirs)
    # The image is told of as it was when it was recorded, and nothing before that.
    shown = [one["payload"] for one in mine if one["event_type"] == "image.activate"]
    assert [(one["status"], one["size"]) for one in shown] == [("active", 4), ("active", 4)]
    saved = [one["payload"]["status"] for one in mine if one["event_type"] == "image.update"]
    for status in ("uploading", "importing", "saving", "active"):
        assert status in saved, status


async def glances(
    tmp_path: Path, day: Callable[[Ask], Awaitable[None]] = a_day
) -> list[dict[str, Any]]:
    """What the real Glance sends on the same day."""
    directory = tmp_path / "glance"
    directory.mkdir()
    options = {"oslo_messaging_notifications": {"driver": "log"}}
    running = await asyncio.to_thread(glance.start, directory, options=options)
    try:
        async with ClientSession(headers={"X-Auth-Token": "u:red:admin,member,reader"}) as client:

            async def ask(method: str, path: str, **more: Any) -> tuple[int, bytes]:
                async with client.request(method, running.url + path, **more) as answer:
                    return answer.status, await answer.read()

            await day(ask)
        log = directory / "log" / "glance-api.log"
        await until(lambda: f"{LOGGER}.image.delete" in log.read_text())
        lines = [line for line in log.read_text().splitlines() if LOGGER in line]
        return [json.loads(line[line.index("{") :]) for line in lines]
    finally:
        await asyncio.to_thread(process.stop, running.pid)


async def test_some_are_not_wanted(start: Any, told: Callable[[], list[dict[str, Any]]]) -> None:
    unwanted = ("image.update", "metadef_namespace", "image.member.create")
    service = await start(
        notifications=Notifications(driver=("log",), disabled_notifications=unwanted)
    )
    alice = service.person("red")
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    await until(lambda: told() and told()[-1]["event_type"] == "image.delete")
    assert [one["event_type"] for one in told()] == [
        "image.create", "image.prepare", "image.upload", "image.activate", "image.delete",
    ]  # fmt: skip


async def test_an_upload_that_fails(start: Any, told: Callable[[], list[dict[str, Any]]]) -> None:
    service = await start(notifications=TO_THE_LOG)
    alice = service.person("red")
    image = (await alice.create(disk_format="qcow2"))["id"]
    assert await alice.upload(image, b"no qcow2") >= 400
    await until(lambda: told() and told()[-1]["event_type"] == "image.upload")
    assert told()[-1]["priority"] == "ERROR"
    assert image in told()[-1]["payload"]


async def test_a_dead_bus_holds_nobody_up(start: Any) -> None:
    # Takes connections, and never says a word.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = await _with_a_silent_bus(start, silent.getsockname()[1])
    # What is still queued is for nobody: the thread ends with what it is at.
    await asyncio.to_thread(sender.join, 120)
    assert not sender.is_alive()


async def _with_a_silent_bus(start: Any, port: int) -> threading.Thread:
    dead = Notifications(
        driver=("messagingv2",), transport_url=f"rabbit://guest:guest@127.0.0.1:{port}/"
    )
    service = await start(notifications=dead)
    alice = service.person("red")
    # As many as the queue holds, and more: nobody waits for room in it.
    from imagestore.api import keys

    notifier = service.client.app[keys.catalog].images._notify._notifier
    for _ in range(10_010):
        notifier.tell("image.test", {})
    before = value('imagestore_notifications_total{outcome="dropped"}')
    async with asyncio.timeout(30):
        image = (await alice.create())["id"]
        assert await alice.upload(image, b"data") == 204
        assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    assert value('imagestore_notifications_total{outcome="dropped"}') > before
    sender: threading.Thread = notifier._thread
    await asyncio.to_thread(notifier.stop)
    return sender


async def test_without_a_driver_nothing_is_sent(
    start: Any, told: Callable[[], list[dict[str, Any]]]
) -> None:
    service = await start()
    await service.person("red").create()
    assert told() == []


def test_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "glance-api.conf"
    file.write_text(
        "[DEFAULT]\ntransport_url = rabbit://u:secret@host/\n"
        "disabled_notifications = task, image.send\n"
        "[oslo_messaging_notifications]\ndriver = log\ndriver = noop\ntopics = a, b\n"
        "[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n"
    )
    settings = load(unparse([file], []), {})
    found = settings.notifications
    assert found.driver == ("log", "noop")
    assert found.topics == ("a", "b")
    assert found.disabled_notifications == ("task", "image.send")
    assert found.transport_url == "rabbit://u:secret@host/"
    assert "secret" not in repr(found)
    assert not [warning for warning in settings.warnings if "oslo_messaging" in warning]
    wrong = Notifications(driver=("messagingv2",), transport_url="nonsense://u:secret@host/")
    with pytest.raises(ConfigurationError) as raised:
        Notifier(wrong)
    assert "secret" not in str(raised.value)
    assert settings_in(tmp_path).notifications.driver == ()
