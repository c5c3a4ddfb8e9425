"""The arguments that say where the configuration is, and override some of it.

They are the same for every command and for worker processes, so that a worker
started anew reads the same configuration as the one that it replaces.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from imagestore.model.errors import ConfigurationError

_OVERRIDES = {
    "--data-dir": ("imagestore", "data_dir"),
    "--host": ("DEFAULT", "bind_host"),
    "--port": ("DEFAULT", "bind_port"),
    "--workers": ("DEFAULT", "workers"),
    "--debug": ("DEFAULT", "debug"),
}

PEER_DIRECTORY = "OS_GLANCE_CONFIG_DIR"
"""Environment variable of the directory with the files below, as Glance has it."""
_PEER_FILES = ("glance-image-import.conf", "glance-api.conf")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Files in the order in which they are read, later ones winning; and what beats them all."""

    files: tuple[Path, ...] = ()
    overrides: Mapping[tuple[str, str], str] | None = None
    """Values by section and option."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(message)


def parse(args: Sequence[str], environ: Mapping[str, str]) -> Arguments:
    """Raises :class:`ConfigurationError` for unknown arguments and missing files."""
    parser = _Parser(prog="imagestore", add_help=False, allow_abbrev=False)
    parser.add_argument("--config-file", action="append", default=[], type=Path)
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    for flag in _OVERRIDES:
        if flag == "--debug":
            parser.add_argument(flag, action="store_const", const="true")
        else:
            parser.add_argument(flag)
    given = vars(parser.parse_args(args))

    files = [_file(path.expanduser()) for path in given["config_file"]]
    for directory in given["config_dir"]:
        files += _directory(directory.expanduser())
    if not files and (peer := environ.get(PEER_DIRECTORY)):
        files = _peer_files(Path(peer))

    overrides = {
        place: given[flag.removeprefix("--").replace("-", "_")]
        for flag, place in _OVERRIDES.items()
    }
    return Arguments(
        tuple(files), {place: value for place, value in overrides.items() if value is not None}
    )


def unparse(
    config_file: Iterable[Path] = (),
    config_dir: Iterable[Path] = (),
    **overrides: str | int | bool | Path | None,
) -> list[str]:
    """The arguments that :func:`parse` understands; an override that is None or False is left out.

    Relative paths are made absolute.
    """
    args = []
    for file in config_file:
        args += ["--config-file", str(file.expanduser().absolute())]
    for directory in config_dir:
        args += ["--config-dir", str(directory.expanduser().absolute())]
    for name, value in overrides.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            args.append(flag)
        elif isinstance(value, Path):
            args += [flag, str(value.expanduser().absolute())]
        elif value is not None and value is not False:
            args += [flag, str(value)]
    return args


def _file(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path.absolute()
    except OSError as error:
        raise ConfigurationError(
            f"Configuration file {path} cannot be read: {error.strerror}."
        ) from error


def _directory(path: Path) -> list[Path]:
    if not path.is_dir():
        raise ConfigurationError(f"Configuration directory {path} does not exist.")
    return [_file(file) for file in sorted(path.glob("*.conf"))]


def _peer_files(directory: Path) -> list[Path]:
    if not (directory / _PEER_FILES[-1]).exists():
        raise ConfigurationError(
            f"{PEER_DIRECTORY} names {directory}, where there is no {_PEER_FILES[-1]}."
        )
    return [_file(directory / name) for name in _PEER_FILES if (directory / name).exists()]
