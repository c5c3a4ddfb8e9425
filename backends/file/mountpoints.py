"""What other services are told of where a file lies (``filesystem_store_metadata_file``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagestore.backends.errors import Misconfigured


class Mountpoints:
    """Metadata of new locations, by the directory that they lie below."""

    def __init__(self, entries: list[Mapping[str, str]]) -> None:
        self._entries = entries

    @classmethod
    def read(cls, store: str, file: str | None) -> Mountpoints:
        """From a JSON file that holds an object with ``id`` and ``mountpoint``, or several."""
        if not file:
            return cls([])
        try:
            content = json.loads(Path(file).read_bytes())
        except (OSError, ValueError) as error:
            raise Misconfigured(f"filesystem_store_metadata_file: {error}", store=store) from error
        entries = [content] if isinstance(content, dict) else content
        if not isinstance(entries, list) or not all(map(_is_entry, entries)):
            raise Misconfigured(
                f"filesystem_store_metadata_file: {file} must hold objects of strings, with "
                "'id' and 'mountpoint'",
                store=store,
            )
        return cls(entries)

    def metadata(self, path: Path) -> Mapping[str, str]:
        """The first entry whose mount point is above ``path``; empty if there is none."""
        for entry in self._entries:
            if path.is_relative_to(entry["mountpoint"]):
                return entry
        return {}


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and {"id", "mountpoint"} <= entry.keys()
        and all(isinstance(value, str) for value in entry.values())
    )
