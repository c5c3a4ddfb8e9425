"""Every command that the documentation names is there, with the options that are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from imagestore.cli.main import commands
from tests.packaging.conftest import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
CALL = re.compile(r"(?:^|[$#|/] ?|-- )imagestore ([a-z][^#|>;&]*)")
"""Where a command begins; up to a comment, or to what a shell does with it."""
VALUES = re.compile(r"\[|\]|…|\.\.\.")


def calls(text: str) -> Iterator[str]:
    """What follows ``imagestore`` in blocks of commands and in code within sentences."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("$ ", "# ")):
                yield from CALL.findall(line)
    for code in CODE.findall(BLOCK.sub("", text)):
        first, *others = code.split(" | ")
        for call in CALL.findall(first) if first.startswith(("imagestore ", "runuser ")) else ():
            yield call
            # ``imagestore db hold | release``
            yield from (f"{call.rpartition(' ')[0]} {other}" for other in others)


def wrong(call: str) -> str | None:
    """What there is not of it."""
    command: Any = typer.main.get_command(commands(None))
    words = VALUES.sub("", call).split()
    while words and hasattr(command, "commands"):
        if (name := words.pop(0)) not in command.commands:
            return name if re.fullmatch("[a-z][a-z-]*", name) else None
        command = command.commands[name]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    return next((option for option in sorted(given) if option not in known | {"--help"}), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_are_there(page: Path) -> None:
    found = {call: wrong(call) for call in calls(page.read_text())}
    assert {call: missing for call, missing in found.items() if missing} == {}


def test_enough_is_looked_at() -> None:
    assert sum(len(set(calls(page.read_text()))) for page in PAGES) > 100
    assert wrong("db check --now") == "--now"
    assert wrong("db chek") == "chek"
    assert wrong("job list --state failed") is None
