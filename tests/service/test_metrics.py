"""What Prometheus is told of requests and transfers."""

from __future__ import annotations

from imagestore.observing import metrics
from tests.service.conftest import Person, Service


def value(line: str) -> float:
    """The value of a sample by its name and labels; 0 before it was counted."""
    for sample in metrics.render().decode().splitlines():
        if sample.startswith(line + " "):
            return float(sample.rpartition(" ")[2])
    return 0.0


async def test_requests_and_bytes_are_counted(alice: Person) -> None:
    shows = 'imagestore_requests_total{method="GET",route="/v2/images/{image_id}",status="%s"}'
    before = {line: value(line) for line in (shows % 200, shows % 404)}
    received = value("imagestore_received_bytes_total")
    sent = value("imagestore_sent_bytes_total")
    image = (await alice.create())["id"]
    assert await alice.upload(image, bytes(5_000_000)) == 204
    await alice.show(image)
    await alice("GET", f"/v2/images/{'0' * 36}")
    await (await alice("GET", f"/v2/images/{image}/file", headers={"Range": "bytes=0-9"})).read()
    assert value(shows % 200) - before[shows % 200] == 1
    assert value(shows % 404) - before[shows % 404] == 1
    assert value("imagestore_received_bytes_total") - received == 5_000_000
    assert value("imagestore_sent_bytes_total") - sent == 10
    assert value('imagestore_transfers{direction="upload"}') == 0


async def test_operations_on_stores_are_counted(service: Service, alice: Person) -> None:
    operations = 'imagestore_store_operations_total{operation="%s",outcome="%s",store="file2"}'
    lines = [
        operations % each for each in (("add", "ok"), ("delete", "ok"), ("delete", "NotFound"))
    ]
    lines += [
        'imagestore_store_bytes_total{operation="add",store="file2"}',
        'imagestore_store_seconds_count{operation="add",store="file2"}',
    ]
    before = [value(line) for line in lines]
    for _ in range(2):
        image = (await alice.create())["id"]
        assert await alice.upload(image, bytes(70_000), **{"X-Image-Meta-Store": "file2"}) == 204
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    (service.settings.data_dir / "file2" / image).write_bytes(b"")
    other = next(iter(service.files() - {image}))
    (service.settings.data_dir / "file2" / other).unlink()
    assert (await alice("DELETE", f"/v2/images/{other}")).status == 204
    after = [value(line) for line in lines]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1, 1, 140_000, 2]
    assert value('imagestore_store_health{store="file2"}') == 1
