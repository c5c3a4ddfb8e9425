"""Where the images of a file store lie: data directories, file names and locations."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagestore.backends import private
from imagestore.backends.errors import Full, InvalidLocation, Misconfigured, Unavailable
from imagestore.backends.file.settings import FileSettings
from imagestore.backends.ids import is_id

# No separator, no leading dot: no path, no "..", and nothing that a hidden temporary
# file could be called. What percent escapes would hide stays outside as well.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", re.ASCII)
_ONE, _SEVERAL = "filesystem_store_datadir", "filesystem_store_datadirs"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT}
_LOCATION = re.compile(r"(?:file|filesystem)://(/.*)/([^/]+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DataDir:
    """One data directory; of several, that with the highest priority is written first."""

    path: Path
    """Absolute, but with symbolic links as configured."""
    priority: int = 0

    def url(self, name: str) -> str:
        """The location of the object ``name`` in this directory."""
        return f"file://{self.path}/{name}"


class DataDirs:
    """All data directories of a store, in order of falling priority."""

    def __init__(self, store: str, option: str, dirs: Iterable[DataDir]) -> None:
        self._store = store
        self._option = option
        self.dirs = sorted(dirs, key=lambda each: -each.priority)
        self._by_name = {str(each.path): each for each in self.dirs}

    @classmethod
    def configured(cls, store: str, settings: FileSettings) -> DataDirs:
        """As the settings say; ``Misconfigured`` names the option that is wrong."""
        one, several = settings.filesystem_store_datadir, settings.filesystem_store_datadirs
        if bool(one) == bool(several):
            raise Misconfigured(f"set one of {_ONE} and {_SEVERAL}", store=store)
        if one:
            return cls(store, _ONE, [DataDir(_absolute(one))])
        dirs: dict[Path, DataDir] = {}
        for text in several:
            path, colon, priority = text.strip().rpartition(":")
            if not colon:
                path, priority = priority, ""
            try:
                datadir = DataDir(_absolute(path.strip()), int(priority or 0))
            except ValueError:
                raise Misconfigured(
                    f"{_SEVERAL}: '{text}' is not 'directory:priority'", store=store
                ) from None
            if dirs.setdefault(datadir.path, datadir) != datadir:
                raise Misconfigured(f"{_SEVERAL}: {datadir.path} has two priorities", store=store)
        return cls(store, _SEVERAL, dirs.values())

    def prepare(self, permissions: int | None) -> None:
        """Make missing directories and see that all can be written to. Blocks.

        Where files get ``permissions`` for group or others, so that another service
        can read them, the directories let these pass.
        """
        for each in self.dirs:
            try:
                private.make_directory(each.path, private.DIRECTORY | _passage(permissions))
                with tempfile.TemporaryFile(dir=each.path):
                    pass
            except OSError as error:
                if error.errno in _FULL:
                    continue  # what is stored can still be read
                kind = Unavailable if error.errno in _PASSING else Misconfigured
                raise kind(
                    f"{self._option}: cannot write to {each.path}: {error.strerror}",
                    store=self._store,
                ) from error
            _let_pass(each.path, permissions)
            # Locations by the real path are accepted as well.
            self._by_name.setdefault(str(each.path.resolve()), each)

    def candidates(self, size: int | None, *, thin: bool) -> list[DataDir]:
        """The directories to try for an object of ``size`` bytes, best first. Blocks.

        ``Full`` if it cannot fit anywhere; where holes are left for zeros, it may.
        """
        if len(self.dirs) == 1 and (size is None or thin):
            return self.dirs
        room = {each: _free(each.path) for each in self.dirs}
        order = sorted(self.dirs, key=lambda each: (-each.priority, -room[each]))
        fitting = [each for each in order if room[each] >= max(size or 0, 1)]
        if fitting:
            return fitting
        if size is not None and not thin:
            raise Full(f"no room for {size} bytes", store=self._store)
        return [max(order, key=lambda each: room[each])]

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
        directory, name = _split(url)
        datadir = self._by_name.get(directory)
        if datadir is not None and _NAME.fullmatch(name):
            return datadir.path / name
        raise InvalidLocation("not in a directory of this store", store=self._store, url=url)

    def may_have_had(self, url: str) -> bool:
        """Whether it names a file as this store does, in another directory. Does no I/O."""
        directory, name = _split(url)
        return bool(directory) and directory not in self._by_name and is_id(name)

    def find(self, url: str) -> Path:
        """The same as :meth:`locate`, also of a location from before the directories were moved.

        The layout says where the file is now: in one of them, under its name. Only if nothing is
        at the old place, which may be another service's. Blocks.
        """
        if self.may_have_had(url):
            directory, name = _split(url)
            for each in () if os.path.lexists(f"{directory}/{name}") else self.dirs:
                if os.path.lexists(each.path / name):
                    return each.path / name
        return self.locate(url)


def _split(url: str) -> tuple[str, str]:
    """Directory and name of a location, as written but for doubled slashes; else empty."""
    match = _LOCATION.fullmatch(url)
    if match is None:
        return "", ""
    directory, name = match.groups()
    return re.sub(r"/{2,}", "/", directory).rstrip("/") or "/", name


def _absolute(path: str) -> Path:
    if not path:
        raise ValueError("no directory")
    return Path(path).absolute()


def _free(path: Path) -> int:
    """Bytes that are left; none if the directory cannot be asked."""
    try:
        status = os.statvfs(path)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize


def _passage(permissions: int | None) -> int:
    """What a directory has to allow so that files of these permissions can be reached."""
    group, others = (permissions or 0) & stat.S_IRWXG, (permissions or 0) & stat.S_IRWXO
    return (stat.S_IXGRP if group else 0) | (stat.S_IXOTH if others else 0)


def _let_pass(path: Path, permissions: int | None) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    wanted = mode | _passage(permissions)
    if wanted != mode:
        with contextlib.suppress(PermissionError):  # the owner's to do
            path.chmod(wanted)
