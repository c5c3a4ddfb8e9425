"""v1 has no rule, row or store of its own: it asks the catalogue alone."""

from __future__ import annotations

from pathlib import Path

import imagestore.api.v1 as package

BELOW = ("imagestore.database", "imagestore.backends", "imagestore.transfer")


def test_there_is_no_second_door() -> None:
    files = [*Path(package.__path__[0]).glob("*.py")]
    assert files
    for file in files:
        assert not [name for name in BELOW if name in file.read_text()], file
