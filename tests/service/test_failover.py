"""A copy that fails is no reason for a download to fail: another one goes on where it ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest

from imagestore.api import keys, sendfile
from imagestore.backends import errors
from imagestore.backends.testing.faulty import Fault, away, hang, nothing, raising
from imagestore.config import drivers
from imagestore.config.settings import Server
from imagestore.database import locations
from tests.database.samples import copies_of
from tests.service.conftest import Person, Service, Start
from tests.service.faults import IMPATIENT, copy_to, database, faulty_driver, inner, stores_in
from tests.service.test_metrics import value

DATA = os.urandom(5_000_001)


@pytest.fixture
async def streamed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Service, str]:
    """A service whose stores are read through the process, and an image in both of them."""
    monkeypatch.setattr(drivers, "get", faulty_driver)
    service = await start(stores=stores_in(tmp_path, IMPATIENT))
    return service, await image_in_both(service)


@pytest.fixture
async def filed(service: Service) -> tuple[Service, str]:
    """A service whose stores are files that the kernel sends, and an image in both of them."""
    return service, await image_in_both(service)


async def image_in_both(service: Service) -> str:
    alice = service.person("red")
    image: str = (await alice.create())["id"]
    assert await alice.upload(image, DATA) == 204
    await copy_to(service, image, "file2")
    return image


async def download(service: Service, image: str, **headers: str) -> bytes:
    answer = await service.person("red")("GET", f"/v2/images/{image}/file", headers=headers)
    assert answer.status in (200, 206), await answer.text()
    return await answer.read()


@pytest.mark.parametrize(
    "faults",
    [
        {"size": [away()]},
        {"open": [away()]},
        {"open": [raising(errors.NotFound("forced"))]},
        {"read": [away()]},
        {"read": [nothing, nothing, away()]},
        {"open": [hang]},
        {"read": [nothing, hang]},
    ],
    ids=["size", "open", "missing", "first block", "third block", "hangs", "hangs later"],
)
async def test_the_next_copy_goes_on(
    streamed: tuple[Service, str], faults: dict[str, list[Fault]]
) -> None:
    service, image = streamed
    counted = 'imagestore_store_failovers_total{store="file1"}'
    before = value(counted)
    for headers, part in (({}, DATA), ({"Range": "bytes=7-4000000"}, DATA[7:4_000_001])):
        inner(service, "file1").fail(faults)
        assert await download(service, image, **headers) == part
        assert not any(inner(service, "file1").faults.values()), "the fault was not met"
    assert value(counted) - before == 2


async def test_a_copy_is_used_again_when_all_have_failed(
    streamed: tuple[Service, str],
) -> None:
    service, image = streamed
    for name in ("file1", "file2"):
        inner(service, name).fail({"read": [nothing, away(), nothing, away()]})
    assert await download(service, image) == DATA


async def test_a_copy_that_is_cut_or_of_another_size(streamed: tuple[Service, str]) -> None:
    service, image = streamed
    path = service.settings.data_dir / "file1" / image

    async def cut() -> None:
        os.truncate(path, 1_500_000)

    inner(service, "file1").fail({"read": [nothing, cut]})
    assert await download(service, image) == DATA
    assert await download(service, image) == DATA  # with the short copy from the beginning
    path.write_bytes(os.urandom(len(DATA) + 1))
    assert await download(service, image) == DATA


async def test_never_silently_short(streamed: tuple[Service, str]) -> None:
    service, image = streamed
    (service.settings.data_dir / "file2" / image).unlink()
    inner(service, "file1").fail({"read": [nothing, nothing, *[away()] * 9]})
    answer = await service.person("red")("GET", f"/v2/images/{image}/file")
    assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await answer.read()


async def test_a_store_that_is_away_is_not_asked(streamed: tuple[Service, str]) -> None:
    service, image = streamed
    first = inner(service, "file1")
    first.fail({"size": [away()] * 3, "capacity": [away()] * 1000})
    for _ in range(3):
        assert await download(service, image) == DATA
    assert not service.client.app[keys.stores].health("file1").healthy
    assert value('imagestore_store_health{store="file1"}') == 0
    first.calls.clear()
    for query in ("", "?prefer=file1"):
        answer = await service.person("red")("GET", f"/v2/images/{image}/file{query}")
        assert await answer.read() == DATA
    assert set(first.calls) <= {"capacity"}
    detail = await service.person("ops", "admin")("GET", "/v2/info/stores/detail")
    states = {each["id"]: each["health"]["state"] for each in (await detail.json())["stores"]}
    assert states == {"file1": "away", "file2": "healthy"}

    first.fail({})
    async with asyncio.timeout(10):
        while not service.client.app[keys.stores].health("file1").healthy:
            await asyncio.sleep(0.02)
    assert await download(service, image) == DATA
    assert "open" in first.calls
    assert value('imagestore_store_health{store="file1"}') == 1


# Files that the kernel sends.


@pytest.mark.parametrize("fault", ["missing", "short", "a directory"])
async def test_a_file_that_is_not_there(filed: tuple[Service, str], fault: str) -> None:
    service, image = filed
    path = service.settings.data_dir / "file1" / image
    if fault == "short":
        os.truncate(path, 1000)
    else:
        path.unlink()
    if fault == "a directory":
        path.mkdir()
    assert await download(service, image) == DATA
    assert await download(service, image, Range="bytes=3-9") == DATA[3:10]


@pytest.mark.parametrize("first", [0, 1_200_000])
@pytest.mark.parametrize("kind", ["error", "cut"])
async def test_a_file_that_fails_while_it_is_sent(
    filed: tuple[Service, str], monkeypatch: pytest.MonkeyPatch, kind: str, first: int
) -> None:
    service, image = filed
    path = service.settings.data_dir / "file1" / image
    system_sendfile = os.sendfile
    calls = 0

    def failing(out: int, file: int, offset: int, count: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return system_sendfile(out, file, offset, min(count, 1_000_000))
        if kind == "error" and calls == 2:
            raise OSError(5, "Input/output error")
        if calls == 2:
            os.truncate(path, 2_300_000)  # beyond what went out, whose pages the kernel still holds
        return system_sendfile(out, file, offset, count)

    monkeypatch.setattr(sendfile.os, "sendfile", failing)
    assert await download(service, image, Range=f"bytes={first}-") == DATA[first:]
    assert calls > 2


async def test_a_disk_that_hangs_while_a_file_is_sent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(server=Server(progress_timeout=0.3))
    image = await image_in_both(service)
    bring_in, hung = sendfile._bring_in, asyncio.Event()
    loop, calls = asyncio.get_running_loop(), 0

    def hangs_once(file: int, begin: int, end: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            asyncio.run_coroutine_threadsafe(hung.wait(), loop).result()
        bring_in(file, begin, end)

    monkeypatch.setattr(sendfile, "_is_resident", lambda *_: False)
    monkeypatch.setattr(sendfile, "_bring_in", hangs_once)
    monkeypatch.setattr(sendfile, "WINDOW", 1 << 20)
    assert await download(service, image) == DATA
    assert calls > 2
    hung.set()


async def test_when_no_file_is_left_the_response_breaks_off(
    service: Service, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, DATA) == 204
    calls = 0
    system_sendfile = os.sendfile

    def failing(out: int, file: int, offset: int, count: int) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            (service.settings.data_dir / "file1" / image).unlink(missing_ok=True)
            raise OSError(5, "Input/output error")
        return system_sendfile(out, file, offset, min(count, 100_000))

    monkeypatch.setattr(sendfile.os, "sendfile", failing)
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await answer.read()


# Which store a copy lies in.


@pytest.mark.parametrize("recorded", [{}, {"store": "gone"}, {"store": "file1"}])
@pytest.mark.every_database
async def test_a_store_that_is_recorded_wrongly_is_put_right(
    service: Service, alice: Person, recorded: dict[str, str]
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, DATA, **{"X-Image-Meta-Store": "file2"}) == 204
    (location,) = await database(service).read(copies_of, image)
    wrong = {**recorded, "colour": "red"}
    await database(service).write(locations.set_metadata, location, wrong)

    assert await download(service, image) == DATA
    async with asyncio.timeout(5):
        while location.metadata != {"store": "file2", "colour": "red"}:
            await asyncio.sleep(0.01)
            (location,) = await database(service).read(copies_of, image)
    assert (await alice.show(image))["stores"] == "file2"


async def test_a_client_that_leaves_while_the_disk_hangs(
    filed: tuple[Service, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, image = filed
    loop, hung, entered = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    bring_in, complaints = sendfile._bring_in, []

    def hangs(file: int, begin: int, end: int) -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(hung.wait(), loop).result()
        bring_in(file, begin, end)

    monkeypatch.setattr(sendfile, "_is_resident", lambda *_: False)
    monkeypatch.setattr(sendfile, "_bring_in", hangs)
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    answer = await service.person("red")("GET", f"/v2/images/{image}/file")
    await entered.wait()
    answer.close()
    await asyncio.sleep(0.3)
    hung.set()
    await asyncio.sleep(0.3)
    assert complaints == []
