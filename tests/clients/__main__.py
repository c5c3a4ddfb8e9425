"""``make clients``: the same commands against both, their outcomes compared.

Compared are the exit status, what HTTP status an error tells of, and for ``openstack`` the
keys of what was printed. Ends with 1 for a difference that is not listed.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.commands import COMMANDS, Command
from tests.clients.differences import DIFFERENCES
from tests.services.keystone import PROJECTS
from tests.tempest.cloud import Cloud, Kind, cloud
from tests.tempest.profiles import PROFILES

BIN = Path(sys.executable).parent
MIB = 1 << 20
_STATUS = re.compile(r"HTTP (\d{3})|\b(\d{3}) (?:Bad Request|Forbidden|Not Found|Conflict|Gone)")
_ID = re.compile(r"\|\s*id\s*\|\s*([0-9a-f-]{36})\s*\|")


@dataclass(frozen=True, slots=True)
class Outcome:
    succeeded: bool
    status: str
    """Of HTTP, if an error tells of one."""
    keys: tuple[str, ...]
    text: str

    @property
    def compared(self) -> tuple[object, ...]:
        return self.succeeded, self.status, self.keys

    def __str__(self) -> str:
        word = "done" if self.succeeded else f"failed {self.status}"
        return f"{word} {','.join(self.keys)}"


def sweep(kind: Kind, directory: Path) -> list[Outcome]:
    """All commands against one service."""
    with cloud(kind, PROFILES["main"], directory, directory / "web") as around:
        known = _ground(around, directory)
        return [_type(command, around, known) for command in COMMANDS]


def _ground(around: Cloud, directory: Path) -> dict[str, str]:
    file, namespace = directory / "image.raw", directory / "namespace.json"
    file.write_bytes(bytes(MIB))
    namespace.write_text(json.dumps({"namespace": "imported", "tags": [{"name": "t"}]}))
    return {
        "file": str(file),
        "out": str(directory / "out"),
        "namespace": str(namespace),
        "uuid": str(uuid.uuid4()),
        "other": PROJECTS["other"],
        "web": around.web,
    }


def _type(command: Command, around: Cloud, known: dict[str, str]) -> Outcome:
    program, *words = command.line.split()
    try:
        words = [word.format_map(known) for word in words]
    except KeyError as missing:
        return Outcome(False, "", (), f"nothing made {missing}")
    options = {"os-region-name": around.region, "os-interface": "public"}
    if program == "openstack":
        words += _as_json(words)
    elif words[0].startswith("cache-"):
        # These look into no catalog.
        options["os-image-url"] = around.nodes[0]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
        "OS_AUTH_URL": around.keystone.url,
        "OS_USERNAME": "admin",
        "OS_PASSWORD": "adminpw",
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_IDENTITY_API_VERSION": "3",
    }
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    # Anything but a terminal is taken for data to upload.
    controller, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [str(BIN / program), *given, *words],
            stdin=terminal, capture_output=True, text=True, env=environment, timeout=300,
        )  # fmt: skip
    finally:
        os.close(controller)
        os.close(terminal)
    return _outcome(command, done, known)


def _as_json(words: list[str]) -> list[str]:
    printing = {"create", "list", "show", "info", "get"} & set(words[1:6])
    return ["-f", "json"] if printing else []


def _outcome(
    command: Command, done: subprocess.CompletedProcess[str], known: dict[str, str]
) -> Outcome:
    keys: tuple[str, ...] = ()
    printed: Any = None
    if command.line.startswith("openstack") and done.returncode == 0 and done.stdout.strip():
        try:
            printed = json.loads(done.stdout)
        except ValueError:
            printed = None
        first = printed[0] if isinstance(printed, list) and printed else printed
        keys = tuple(sorted(first)) if isinstance(first, dict) else ()
    if command.keeps and done.returncode == 0:
        found = _ID.search(done.stdout)
        made = printed.get("id") if isinstance(printed, dict) else found and found[1]
        if made:
            known[command.keeps] = made
    status = _STATUS.search(done.stderr + done.stdout) if done.returncode else None
    told = next((part for part in status.groups() if part), "") if status else ""
    return Outcome(done.returncode == 0, told, keys, (done.stderr or done.stdout)[-400:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="print what commands said")
    given = parser.parse_args()
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="clients-") as directory,
        ThreadPoolExecutor(2) as pool,
    ):
        kinds: tuple[Kind, ...] = ("glance", "imagestore")
        theirs, ours = pool.map(lambda kind: sweep(kind, Path(directory) / kind), kinds)
    surprises, seen = 0, set()
    for command, there, here in zip(COMMANDS, theirs, ours, strict=True):
        same = there.compared == here.compared
        reason = DIFFERENCES.get(" ".join(_name(command)))
        if same:
            print(f"same     {command.line[:90]}: {here}"[:160])
            continue
        seen.add(" ".join(_name(command)))
        surprises += reason is None
        print(f"{'listed' if reason else 'DIFFERS'}  {command.line[:120]}")
        print(f"           Glance: {there}\n           here:   {here}  {reason or ''}")
        if given.verbose:
            print(f"           Glance said: {there.text}\n           here: {here.text}")
    for name in sorted(DIFFERENCES.keys() - seen):
        print(f"listed, but there is none: {name}")
    print(
        f"{len(COMMANDS)} commands on both, {len(seen)} kinds differ, "
        f"{surprises} differences not listed ({time.monotonic() - begun:.0f} s)"
    )
    return int(bool(surprises))


def _name(command: Command) -> list[str]:
    """The words of a command before its arguments and options."""
    words = command.line.split()
    if words[0] == "glance":
        return words[:2]
    named = []
    for word in words:
        if word.startswith("-") or not word.isalpha() or word in ("ns", "one", "object"):
            break
        named.append(word)
    return named


if __name__ == "__main__":
    sys.exit(main())
