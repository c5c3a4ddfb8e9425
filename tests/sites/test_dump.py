"""A dump by itself: what is written, gone on with, and refused."""

from __future__ import annotations

import resource
import signal
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends.testing.contract import MIB, content, cut, new_id
from imagestore.model.errors import Conflict, Corrupt, OverLimit
from imagestore.sites.dump import Dump
from imagestore.sites.record import from_document

DATA = content(3 * MIB + 17)


class Source:
    """Its ``blocks`` are the data from where what is there already ends."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    async def blocks(self, there: Any) -> AsyncGenerator[Any, None]:
        begun = b"".join([bytes(block) async for block in there]) if there else b""
        assert DATA.startswith(begun)
        async for block in cut(DATA[len(begun) :]):
            yield block
        if self.fault:
            raise self.fault


def record(image_id: str) -> Any:
    return from_document(
        {
            "id": image_id, "status": "active", "visibility": "private", "name": "one",
            "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00Z",
            "size": len(DATA), "min_disk": 0, "min_ram": 0, "protected": False, "tags": [],
        }
    )  # fmt: skip


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may pass 1 MiB, which is an error and not a signal."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


async def test_data_is_written_and_gone_on_with(tmp_path: Path) -> None:
    dump, image = Dump(tmp_path / "new" / "place"), record(new_id())
    await dump.create(image)
    (part := tmp_path / "new/place" / f"{image.id}.img.part").write_bytes(DATA[: MIB + 5])
    await dump.write(image, Source())  # type: ignore[arg-type]
    assert not part.exists()
    assert part.with_suffix("").read_bytes() == DATA
    assert b"".join([bytes(block) async for block in dump.read(image, 10)]) == DATA[10:]


@pytest.mark.parametrize("fault", [Conflict("not right"), Corrupt("not right")])
async def test_data_that_is_not_right_is_not_kept(tmp_path: Path, fault: Exception) -> None:
    dump, image = Dump(tmp_path), record(new_id())
    await dump.create(image)
    with pytest.raises(type(fault)):
        await dump.write(image, Source(fault))  # type: ignore[arg-type]
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


async def test_no_room(tmp_path: Path, small_files: None) -> None:
    dump, image = Dump(tmp_path), record(new_id())
    await dump.create(image)
    with pytest.raises(OverLimit, match="cannot be written"):
        await dump.write(image, Source())  # type: ignore[arg-type]
    assert not (tmp_path / f"{image.id}.img").exists()
