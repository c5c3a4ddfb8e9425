"""Images whose data lies on somebody's web server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.config.settings import Stores, StoreSection
from imagestore.database import images, locations
from imagestore.model.image import Location
from tests.service.conftest import Person, Service, Start
from tests.services import nginx

DATA = bytes(range(256)) * 5000


@pytest.fixture
def web(tmp_path: Path) -> Iterator[nginx.Nginx]:
    server = nginx.start(tmp_path / "nginx", writable=False)
    yield server
    server.stop()


@pytest.fixture
async def linked(start: Start, tmp_path: Path) -> Service:
    directory = {"filesystem_store_datadir": str(tmp_path / "file1")}
    web = {"http_store_allowed_hosts": ("127.0.0.1",), "http_store_allowed_ports": ()}
    sections = (StoreSection("file1", "file", directory), StoreSection("web", "http", web))
    return await start(stores=Stores(sections, "file1", multiple=True))


@pytest.fixture
def carol(linked: Service) -> Person:
    return linked.person("green")


async def link(service: Service, person: Person, url: str) -> str:
    """An image whose only location is ``url``, as a database has it that Glance has filled."""
    image = (await person.create())["id"]
    assert await person.upload(image, DATA) == 204

    def relocate(conn: Any) -> None:
        row = images.get(conn, image)
        assert row is not None
        (old,) = row.image.locations
        assert old.id is not None
        locations.remove(conn, old.id)
        locations.add(conn, image, Location(url))

    await service.client.app[keys.catalog].recovery._database.write(relocate)
    (service.settings.data_dir / "file1" / image).unlink()
    return str(image)


async def test_are_read_and_outlive_the_image(
    linked: Service, carol: Person, web: nginx.Nginx
) -> None:
    file = web.root / "image.raw"
    file.write_bytes(DATA)
    image = await link(linked, carol, f"{web.url}/image.raw")

    answer = await carol("GET", f"/v2/images/{image}/file")
    assert (answer.status, await answer.read()) == (200, DATA)
    answer = await carol("GET", f"/v2/images/{image}/file", headers={"Range": "bytes=300-309"})
    assert (answer.status, await answer.read()) == (206, DATA[300:310])

    file.rename(web.root / "gone")
    assert (await carol("GET", f"/v2/images/{image}/file")).status == 503
    (web.root / "gone").rename(file)
    file.write_bytes(DATA + b"more")
    assert (await carol("GET", f"/v2/images/{image}/file")).status == 503

    assert (await carol("DELETE", f"/v2/images/{image}")).status == 204
    assert (await carol("GET", f"/v2/images/{image}")).status == 404
    assert file.read_bytes() == DATA + b"more"


async def test_cannot_lead_inside(linked: Service, carol: Person) -> None:
    image = await link(linked, carol, "http://169.254.169.254/latest/meta-data/")
    assert (await carol("GET", f"/v2/images/{image}/file")).status == 503
    assert (await carol("DELETE", f"/v2/images/{image}")).status == 204


async def test_are_not_where_uploads_go(linked: Service, carol: Person) -> None:
    image = (await carol.create())["id"]
    assert await carol.upload(image, DATA, **{"X-Image-Meta-Store": "web"}) == 410
    assert (await carol.show(image))["status"] == "queued"
    created = await carol("POST", "/v2/images", json={})
    assert created.headers["OpenStack-image-store-ids"] == "file1,web"
    assert (await (await carol("GET", "/v2/info/stores")).json())["stores"][1] == {
        "id": "web",
        "read-only": "true",
    }
