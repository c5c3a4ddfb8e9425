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
from collections.abc import Sequence
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
    def asked(self) -> bool:
        """Whether the client understood the command: it reaches no service otherwise."""
        return self.succeeded or not re.search(
            r"usage:|unrecognized arguments|invalid choice|nothing made", self.text
        )

    @property
    def compared(self) -> tuple[object, ...]:
        return self.succeeded, self.status, self.keys

    def __str__(self) -> str:
        word = "done" if self.succeeded else f"failed {self.status}"
        return f"{word} {','.join(self.keys)}"


def sweep(kind: Kind, directory: Path, commands: Sequence[Command]) -> list[Outcome]:
    """The commands against one service."""
    with cloud(kind, PROFILES["main"], directory, directory / "web") as around:
        known = _ground(around, directory)
        return [_type(command, around, known) for command in commands]


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
    options = {"os-region-name": around.region}
    if program == "openstack":
        options["os-interface"] = "public"
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
    parser.add_argument("--only", default="", help="the commands that begin so")
    given = parser.parse_args()
    commands = [command for command in COMMANDS if command.line.startswith(given.only)]
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="clients-") as directory,
        ThreadPoolExecutor(2) as pool,
    ):
        kinds: tuple[Kind, ...] = ("glance", "imagestore")
        theirs, ours = pool.map(lambda kind: sweep(kind, Path(directory) / kind, commands), kinds)
    differing, unlisted, seen = 0, 0, set()
    unasked: list[str] = []
    for command, there, here in zip(commands, theirs, ours, strict=True):
        if not there.asked:
            unasked.append(f"{command.line[:90]}: {there.text.strip()[-160:]}")
        same = there.compared == here.compared
        listed = next((line for line in DIFFERENCES if command.line.startswith(line)), None)
        if same:
            print(f"same     {command.line[:90]}: {here}"[:160])
            continue
        differing += 1
        unlisted += listed is None
        if listed:
            seen.add(listed)
        print(f"{'listed' if listed else 'DIFFERS'}  {command.line[:120]}")
        print(f"           Glance: {there}\n           here:   {here}")
        if given.verbose:
            print(f"           Glance said: {there.text}\n           here: {here.text}")
    for line in unasked:
        print(f"NOT ASKED  {line}")
    stale = [] if given.only else sorted(DIFFERENCES.keys() - seen)
    for line in stale:
        print(f"listed, but there is none: {line}")
    print(
        f"{len(commands)} commands on both, {differing} differ, {unlisted} of these not listed "
        f"({time.monotonic() - begun:.0f} s)"
    )
    return int(bool(unlisted or unasked))


if __name__ == "__main__":
    sys.exit(main())
