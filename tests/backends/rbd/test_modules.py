"""Where Ceph's modules are missing."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

from tests.services import process

PROGRAM = """
import asyncio
from imagestore.backends.errors import Misconfigured
from imagestore.backends.rbd import driver

async def main():
    store = driver.create("ceph", driver.settings())
    try:
        await store.start()
    except Misconfigured as error:
        print(error)
    await store.stop()

asyncio.run(main())
"""


def test_a_message_says_what_to_install(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    done = subprocess.run(
        [tmp_path / "bin" / "python", "-c", PROGRAM],
        env={"PYTHONPATH": str(process.CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "python3-rados" in done.stdout
    assert "docs/stores.md" in done.stdout
