"""Where the images of a file store lie: data directories, file names and locations."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagestore.backends.errors import InvalidLocation, Misconfigured
from imagestore.backends.file.settings import FileSettings

# No separator, no leading dot: no path, no "..", and nothing that a hidden temporary
# file could be called. What percent escapes would hide stays outside as well.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", re.ASCII)
_LOCATION = re.compile(r"(?:file|filesystem)://(/.*)/([^/]+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DataDir:
    """One data directory; of several, that with the highest priority is written first."""

    path: str
    """Absolute, without a slash at the end."""
    priority: int = 0

    def url(self, name: str) -> str:
        """The location of the object ``name`` in this directory."""
        return f"file://{self.path}/{name}"


class DataDirs:
    """All data directories of a store, in order of falling priority."""

    def __init__(self, store: str, dirs: Iterable[DataDir]) -> None:
        self._store = store
        self.dirs = sorted(dirs, key=lambda each: -each.priority)
        self._by_name = {each.path: each for each in self.dirs}

    @classmethod
    def configured(cls, store: str, settings: FileSettings) -> DataDirs:
        """As the settings say; ``Misconfigured`` names the option that is wrong."""
        one, several = settings.filesystem_store_datadir, settings.filesystem_store_datadirs
        if bool(one) == bool(several):
            raise Misconfigured(
                "set one of filesystem_store_datadir and filesystem_store_datadirs",
                store=store,
            )
        if one:
            return cls(store, [DataDir(_absolute(one))])
        dirs: dict[str, DataDir] = {}
        for text in several:
            path, colon, priority = text.strip().rpartition(":")
            if not colon:
                path, priority = priority, ""
            try:
                datadir = DataDir(_absolute(path.strip()), int(priority or 0))
            except ValueError:
                raise Misconfigured(
                    f"filesystem_store_datadirs: '{text}' is not 'directory:priority'",
                    store=store,
                ) from None
            if dirs.setdefault(datadir.path, datadir) != datadir:
                raise Misconfigured(
                    f"filesystem_store_datadirs: {datadir.path} has two priorities", store=store
                )
        return cls(store, dirs.values())

    def follow_links(self) -> None:
        """Accept locations by the real paths of the directories as well."""
        for each in self.dirs:
            self._by_name.setdefault(os.path.realpath(each.path), each)

    def check_name(self, image_id: str) -> None:
        """Raise ``InvalidLocation`` unless ``image_id`` can be the name of a file here."""
        if not _NAME.fullmatch(image_id):
            raise InvalidLocation(f"not a name for a file: {image_id!r}", store=self._store)

    def locate(self, url: str) -> Path:
        """The file that a location of this store means. Does no I/O.

        ``InvalidLocation`` unless it names a file directly in one of the
        directories. Nothing in a location is decoded or resolved: ``%2e%2e`` and
        ``..`` are names like others, which no directory has.
        """
        match = _LOCATION.fullmatch(url)
        if match:
            directory, name = match.groups()
            datadir = self._by_name.get(re.sub(r"/{2,}", "/", directory).rstrip("/") or "/")
            if datadir is not None and _NAME.fullmatch(name):
                return Path(datadir.path, name)
        raise InvalidLocation("not a location of this store", store=self._store, url=url)


def _absolute(path: str) -> str:
    if not path:
        raise ValueError("no directory")
    return os.path.abspath(path)
