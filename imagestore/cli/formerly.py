"""What did it before: the commands of Glance, and the commands of ours in their place.

:data:`TABLE` is the one list. By it links with the old names are answered, "No such command"
says what to type, and docs/migrating-from-glance.md has its table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagestore.model.errors import ImagestoreError


class Gone(ImagestoreError):
    """The old command has no counterpart; the message says what to do instead."""


@dataclass(frozen=True)
class Former:
    """``program old`` is now ``imagestore new``, or nothing (None), with a note."""

    program: str
    old: str
    new: str | None
    note: str = ""


TABLE = (
    Former("glance-api", "", "serve"),
    Former("glance-registry", "", None, "set registry_bind where something still asks it"),
    Former("glance-control", "", None, "use systemctl start, stop, reload imagestore"),
    Former("glance-manage", "db sync", "db upgrade"),
    Former("glance-manage", "db upgrade", "db upgrade"),
    Former("glance-manage", "db version_control", "db upgrade"),
    Former("glance-manage", "db expand", "db upgrade", "all of the upgrade; older nodes go on"),
    Former("glance-manage", "db migrate", "db check", "nothing is left to do after the upgrade"),
    Former("glance-manage", "db contract", "db contract"),
    Former("glance-manage", "db check", "db check"),
    Former("glance-manage", "db version", "db version"),
    Former("glance-manage", "db load_metadefs", "db load-metadefs"),
    Former("glance-manage", "db unload_metadefs", "db unload-metadefs"),
    Former("glance-manage", "db export_metadefs", "db export-metadefs"),
    Former("glance-manage", "db purge", "db purge"),
    Former("glance-manage", "db purge_images_table", "db purge-images-table"),
    Former("glance-status", "upgrade check", "status upgrade check"),
    Former("glance-cache-manage", "list-cached", "cache list"),
    Former("glance-cache-manage", "list-queued", "cache list"),
    Former("glance-cache-manage", "queue-image", "cache queue"),
    Former("glance-cache-manage", "delete-cached-image", "cache delete"),
    Former("glance-cache-manage", "delete-all-cached-images", "cache delete --all"),
    Former("glance-cache-manage", "delete-queued-image", "cache delete --queued"),
    Former("glance-cache-manage", "delete-all-queued-images", "cache delete --queued --all"),
    Former("glance-cache-prefetcher", "", "cache prefetch", "the service does so by itself"),
    Former("glance-cache-pruner", "", "cache prune", "the service does so by itself"),
    Former("glance-cache-cleaner", "", "cache clean", "the service does so by itself"),
    Former("glance-scrubber", "", "scrub run", "the service does so by itself"),
    Former("glance-scrubber", "--restore", "image restore"),
    Former("glance-scrubber", "--daemon", None, "the service does so by itself, every wakeup_time"),
    Former("glance-replicator", "compare", "site compare", "ends with 3 where something differs"),
    Former("glance-replicator", "livecopy", "site livecopy"),
    Former("glance-replicator", "dump", "site dump"),
    Former("glance-replicator", "load", "site load"),
    Former("glance-replicator", "size", "site size"),
)  # fmt: skip
PROGRAMS = tuple(dict.fromkeys(one.program for one in TABLE))
"""The names under which imagestore answers as these programs did."""


@dataclass(frozen=True)
class Call:
    """What is run for an old command line: words, environment, and codes that differ."""

    words: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[int, int] = field(default_factory=dict)


def translate(program: str, words: Sequence[str]) -> Call:
    """Raises :class:`Gone`."""
    if program in ("glance-control", "glance-registry"):
        raise _gone(program, "")
    if program == "glance-cache-manage":
        return _cache_manage(words)
    environ, where, rest = _common(words)
    if program == "glance-manage":
        return Call([*_manage(rest), *where], environ)
    if program == "glance-scrubber":
        return Call([*_scrubber(rest), *where], environ)
    if program == "glance-replicator":
        # It ends with 1 where others end with 2, and its compare with 0.
        return Call(_replicator(rest), environ, {2: 1, 3: 0})
    if program == "glance-status":
        return Call(["status", *rest, *(where if rest[1:] else [])], environ)
    (one,) = (one for one in TABLE if one.program == program)
    return Call([*str(one.new).split(), *rest, *where], environ)


def advice(words: Sequence[str]) -> str | None:
    """What to type instead of words that are no command of ours but may be one of these."""
    given = " ".join(words).removeprefix("db_")
    for one in TABLE:
        names = {one.program, one.old, f"{one.program} {one.old}", one.old.removeprefix("db ")}
        if given and given in names:
            return _told(one)
    return None


def markdown() -> Iterator[str]:
    """The table for the documentation, a line at a time."""
    yield "| Glance | imagestore | |"
    yield "| --- | --- | --- |"
    for one in TABLE:
        new = f"`imagestore {one.new}`" if one.new else ""
        yield f"| `{f'{one.program} {one.old}'.strip()}` | {new} | {one.note} |"


def _told(one: Former) -> str:
    old = f"{one.program} {one.old}".strip()
    if one.new is None:
        return f"{old} is not needed: {one.note}."
    return f"In place of {old}: imagestore {one.new}."


def _gone(program: str, old: str) -> Gone:
    (one,) = (one for one in TABLE if (one.program, one.old) == (program, old))
    return Gone(_told(one))


class _Parser(argparse.ArgumentParser):
    """Takes the options that it knows, and leaves all others where they are."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)


def _common(words: Sequence[str]) -> tuple[dict[str, str], list[str], list[str]]:
    """The environment and the options that stand for oslo's, and all other words."""
    parser = _Parser()
    parser.add_argument("--config-file", action="append", default=[])
    parser.add_argument("--config-dir", action="append", default=[])
    for name in ("debug", "use-syslog", "use-json", "use-journal"):
        field_of: dict[str, Any] = {"dest": name.replace("-", "_"), "action": "store_const"}
        parser.add_argument(f"--{name}", const="true", **field_of)
        parser.add_argument(f"--no{name}", const="false", **field_of)
    parser.add_argument("-d", dest="debug", action="store_const", const="true")
    parser.add_argument("--log-file", "--logfile")
    parser.add_argument("--log-dir", "--logdir")
    parser.add_argument("--syslog-log-facility")
    parser.add_argument("--verbose", "-v", action="store_true", dest="ignored")
    known, rest = parser.parse_known_args(list(words))
    options = vars(known)
    del options["ignored"]
    where = [f"--config-file={each}" for each in options.pop("config_file")]
    where += [f"--config-dir={each}" for each in options.pop("config_dir")]
    environ = {f"OS_DEFAULT__{name.upper()}": value for name, value in options.items() if value}
    if not where and Path("/etc/glance/glance-api.conf").is_file():
        where = ["--config-file=/etc/glance/glance-api.conf"]
    return environ, where, list(rest)


def _manage(words: list[str]) -> list[str]:
    """``db_sync 5`` as ``db sync 5``; ``db_load_metadefs PATH MERGE …`` by its options."""
    if not words or not words[0].startswith("db_"):
        return words
    command, given = words[0].removeprefix("db_"), words[1:]
    if command in ("load_metadefs", "export_metadefs") and given and not given[0].startswith("-"):
        flags = zip(("--merge", "--prefer_new", "--overwrite"), given[1:], strict=False)
        given = ["--path", given[0], *(flag for flag, value in flags if value.lower() == "true")]
    return ["db", command, *given]


def _scrubber(words: list[str]) -> list[str]:
    parser = _Parser()
    parser.add_argument("--daemon", "-D", action="store_true")
    parser.add_argument("--nodaemon", action="store_true")
    parser.add_argument("--restore")
    known, rest = parser.parse_known_args(words)
    if known.daemon:
        raise _gone("glance-scrubber", "--daemon")
    return ["image", "restore", known.restore, *rest] if known.restore else ["scrub", "run", *rest]


_REPLICATOR = {
    "compare": "DmtMS",
    "livecopy": "cDmtMS",
    "dump": "DmtM",
    "load": "cDmtS",
    "size": "tM",
}
"""Which of the options, that stood before the command as well, mean something to each."""


def _replicator(words: list[str]) -> list[str]:
    parser = _Parser()
    parser.add_argument("--metaonly", "-m", action="store_true", dest="m")
    parser.add_argument("--nometaonly", action="store_false", dest="m")
    for name, short in (("chunksize", "c"), ("dontreplicate", "D"), ("token", "t"),
                        ("mastertoken", "M"), ("slavetoken", "S")):  # fmt: skip
        parser.add_argument(f"--{name}", f"-{short}", dest=short)
    known, rest = parser.parse_known_args(words)
    if not rest or rest[0] == "help":
        return ["site", *rest[1:], "--help"]
    options: list[str] = []
    for short in _REPLICATOR.get(rest[0], ""):
        value = getattr(known, short)
        options += [f"-{short}"] if value is True else [f"-{short}", value] if value else []
    return ["site", rest[0], *options, *rest[1:]]


def _cache_manage(words: Sequence[str]) -> Call:
    """It asked a node by HTTP; ours works on the cache of the node where it is run."""
    parser = _Parser()
    parser.add_argument("--host", "-H", default="127.0.0.1")
    for short, flag in (("v", "verbose"), ("d", "debug"), ("k", "insecure"), ("f", "force")):
        parser.add_argument(f"-{short}", f"--{flag}", action="store_true")
    for name in ("--port", "--os-auth-token", "--os-username", "--os-password", "--os-region-name",
                 "--os-project-id", "--os-project-name", "--os-user-domain-id",
                 "--os-project-domain-id", "--os-domain-id", "--os-auth-url"):  # fmt: skip
        parser.add_argument(name, *(["-p"] if name == "--port" else []))
    for short in ("-A", "-S"):
        parser.add_argument(short, dest="ignored")
    known, rest = parser.parse_known_args(list(words))
    if known.host not in ("0.0.0.0", "127.0.0.1", "::1", "localhost"):  # noqa: S104
        raise Gone(f"imagestore cache is about the node where it is run: run it on {known.host}.")
    environ, where, rest = _common(rest)
    by_name = {one.old: str(one.new) for one in TABLE if one.program == "glance-cache-manage"}
    asks_help = rest[:1] == ["help"]
    command = rest[1:2] if asks_help else rest[:1]
    if not command or command[0] not in by_name:
        told = ["--help"] if asks_help else command
        return Call(["cache", *told], environ, {2: 1} if command else {})
    new = by_name[command[0]].split()
    return Call([*new, "--help"] if asks_help else [*new, *rest[1:], *where], environ, {2: 1})
