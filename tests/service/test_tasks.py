"""Tasks: the record of imports, and the old door through which administrators import."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from imagestore.database import tasks
from imagestore.model.clock import now
from imagestore.model.task import Task, TaskStatus
from tests.hostile_urls import ANYWHERE, ONE_OF_EACH_KIND
from tests.service.conftest import Person, Service, Start
from tests.service.faults import database
from tests.service.test_imports import (
    DATA,
    assert_active,
    fetching,
    importing,
    site,
    start_import,
    tasks_of,
    web_download,
)
from tests.service.web import Web

__all__ = ["importing", "site"]

PROPERTIES = {"disk_format": "raw", "container_format": "bare", "name": "made", "color": "blue"}


def order(url: Any, **properties: Any) -> dict[str, Any]:
    input_ = {
        "import_from": url,
        "import_from_format": "raw",
        "image_properties": PROPERTIES | properties,
    }
    return {"type": "import", "input": input_}


async def create(person: Person, body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Accept": "application/json"}
    answer = await person("POST", "/v2/tasks", json=body, headers=headers)
    return answer.status, await answer.json()


async def ended(person: Person, task: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            answer = await person("GET", f"/v2/tasks/{task}")
            shown: dict[str, Any] = await answer.json()
            if shown["status"] in ("success", "failure"):
                return shown
            await asyncio.sleep(0.05)


@pytest.mark.every_database
async def test_an_import(importing: Service, site: Web) -> None:
    ops = importing.person("ops", "admin,member,reader")
    status, task = await create(ops, order(site.url + "/image"))
    assert status == 201, task
    assert (task["type"], task["owner"], task["status"]) == ("import", "ops", "pending")
    assert task["self"] == f"/v2/tasks/{task['id']}"
    assert "image_id" not in task
    done = await ended(ops, task["id"])
    assert done["status"] == "success"
    assert done["expires_at"] > done["updated_at"]
    image = done["result"]["image_id"]
    shown = await ops.show(image)
    assert (shown["name"], shown["color"]) == ("made", "blue")
    await assert_active(ops, image, DATA, "file1")
    assert (await ops("DELETE", f"/v2/tasks/{task['id']}")).status == 405


async def test_an_import_that_fails(importing: Service, site: Web) -> None:
    ops = importing.person("ops", "admin,member,reader")
    _, task = await create(ops, order(site.url + "/none"))
    done = await ended(ops, task["id"])
    assert done["status"] == "failure"
    assert "The source cannot be read" in done["message"]
    listed = await (await ops("GET", "/v2/images?name=made")).json()
    assert listed["images"] == []
    assert importing.files() == set()


async def test_what_is_not_understood(importing: Service, site: Web) -> None:
    ops = importing.person("ops", "admin,member,reader")
    good = order(site.url + "/image")
    for body in (
        [],
        {},
        good | {"type": "export"},
        {"type": "import"},
        {"type": "import", "input": []},
        {"type": "import", "input": {"import_from": site.url}},
        order(None),
        order(7),
        order("file:///etc/passwd"),
        order(site.url, disk_format="nonsense"),
        order(site.url, color=1),
        order(site.url, name="\0"),
    ):
        status, answer = await create(ops, body)
        assert status == 400, (body, answer)
    assert (await create(ops, order(site.url, status="active")))[0] == 403
    assert (await ops("GET", "/v2/tasks")).status == 200
    assert (await (await ops("GET", "/v2/tasks")).json())["tasks"] == []
    assert (await (await ops("GET", "/v2/images")).json())["images"] == []


@pytest.mark.every_database
async def test_lists(importing: Service, site: Web) -> None:
    ops = importing.person("ops", "admin,member,reader")
    made = []
    for path in ("/image", "/none", "/image"):
        _, task = await create(ops, order(site.url + path))
        await ended(ops, task["id"])
        made.append(task["id"])

    async def listed(query: str) -> list[str]:
        answer = await ops("GET", f"/v2/tasks?{query}")
        assert answer.status == 200, await answer.text()
        return [task["id"] for task in (await answer.json())["tasks"]]

    assert set(await listed("")) == set(made)
    assert await listed("status=failure") == [made[1]]
    assert await listed("type=import&status=pending") == []
    for key in ("created_at", "expires_at", "id", "status", "type", "updated_at"):
        for direction in ("asc", "desc"):
            query = f"limit=1&sort_key={key}&sort_dir={direction}"
            found, path = [], f"/v2/tasks?{query}"
            while path:
                page = await (await ops("GET", path)).json()
                found += [task["id"] for task in page["tasks"]]
                path = page.get("next")
            assert sorted(found) == sorted(made), (key, direction)
    for query in (
        "limit=-1", "limit=x", "marker=x", f"marker={'0' * 8}-0000-0000-0000-{'0' * 12}",
        "sort_key=owner", "sort_dir=up", "status=lost", "type=export",
    ):  # fmt: skip
        assert (await ops("GET", f"/v2/tasks?{query}")).status == 400, query


async def test_an_import_into_an_image_that_is_there(importing: Service, site: Web) -> None:
    ops = importing.person("ops", "admin,member,reader")
    image = (await ops.create())["id"]
    input_ = {"image_id": image, "import_req": web_download(site), "backend": ["file2"]}
    body = {"type": "api_image_import", "input": input_}
    status, task = await create(ops, body)
    assert status == 201, task
    assert (task["type"], task["image_id"]) == ("api_image_import", image)
    assert (await ended(ops, task["id"]))["status"] == "success"
    await assert_active(ops, image, DATA, "file2")
    assert (await create(ops, body))[0] == 409
    for wrong in (
        {"image_id": image},
        input_ | {"image_id": 1},
        input_ | {"backend": 7},
        input_ | {"import_req": {"method": "web-download"}},
    ):
        assert (await create(ops, body | {"input": wrong}))[0] == 400, wrong
    assert (await create(ops, body | {"input": input_ | {"image_id": "none"}}))[0] == 404
    assert (await create(importing.person("red"), body))[0] == 403
    assert [each["id"] for each in await tasks_of(ops, image)] == [task["id"]]


@pytest.mark.every_database
async def test_the_order_of_tasks(service: Service) -> None:
    """Of an image the oldest first; of all the newest first, and so where a sort key is alike."""
    ops = service.person("ops", "admin,member,reader")
    image = (await ops.create())["id"]
    made = []
    for number in range(4):
        moment = now() + timedelta(seconds=number)
        task = Task(
            f"{7 * number % 4}" + str(uuid.uuid4())[1:], "import", TaskStatus.PENDING, "ops",
            moment, moment, image_id=image,
        )  # fmt: skip
        await database(service).write(tasks.add, task)
        made.append(task.id)
    assert [task["id"] for task in await tasks_of(ops, image)] == made

    async def listed(query: str) -> list[str]:
        answer = await (await ops("GET", f"/v2/tasks{query}")).json()
        return [task["id"] for task in answer["tasks"]]

    assert await listed("") == made[::-1]
    assert await listed("?sort_key=status") == made[::-1]
    assert await listed("?sort_key=type&sort_dir=asc") == made
    assert await listed(f"?sort_key=status&marker={made[2]}") == made[1::-1]


async def test_who_may(importing: Service, site: Web) -> None:
    alice, bob = importing.person("red"), importing.person("blue")
    reader = importing.person("red", "reader")
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x")):
        assert (await alice(method, f"/v2/tasks{path}", json={})).status == 403, method
    ops = importing.person("ops", "admin,member,reader")
    assert (await ops("GET", "/v2/tasks/x")).status == 404
    image = (await alice.create())["id"]
    for person, wanted in ((bob, 404), (reader, 403)):
        answer = await person(
            "PUT", f"/v2/images/{image}/stage", data=b"x",
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert answer.status == wanted
        assert await start_import(person, image, web_download(site)) == wanted
    assert (await bob("GET", f"/v2/images/{image}/tasks")).status == 404
    assert (await reader("GET", f"/v2/images/{image}/tasks")).status == 200
    assert await start_import(alice, image, web_download(site)) == 202
    await assert_active(alice, image, DATA, "file1")
    (task,) = await tasks_of(reader, image)
    assert (task["owner"], task["user_id"]) == ("red", "user-of-red")
    answer = await ops("GET", f"/v2/tasks/{task['id']}")
    assert (await answer.json())["type"] == "api_image_import"


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_hostile_urls(start: Start) -> None:
    service = await start()
    ops = service.person("ops", "admin,member,reader")
    image = (await ops.create())["id"]
    for target in ANYWHERE:
        body = {"method": {"name": "web-download", "uri": target}}
        assert await start_import(ops, image, body) == 400, target
        assert (await create(ops, order(target)))[0] == 400, target
    assert (await ops.show(image))["status"] == "queued"
    assert len((await (await ops("GET", "/v2/images")).json())["images"]) == 1


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_hostile_redirects(start: Start, site: Web) -> None:
    """The first URL is allowed; where it leads to is not."""
    service = await start(**fetching(site))
    ops = service.person("ops", "admin,member,reader")
    made = []
    # The one host that may be fetched from here is the site itself.
    targets = [target for target in ONE_OF_EACH_KIND if target != "http://127.0.0.1/"]
    for number, target in enumerate(targets):
        site.redirects[f"/{number}"] = target
        image = (await ops.create())["id"]
        assert await start_import(ops, image, web_download(site, f"/{number}")) == 202
        made += [task["id"] for task in await tasks_of(ops, image)]
    _, task = await create(ops, order(site.url + "/1"))
    for found in [*made, task["id"]]:
        assert (await ended(ops, found))["status"] == "failure"
    assert len(made) == len(targets)
    assert service.files() == set()
