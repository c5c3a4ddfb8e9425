"""What commands print: tables, or JSON where ``--json`` asks for it."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_BYTES = frozenset({"bytes", "size"})
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_LEAST_ROOM = 20
"""Characters below which a column is not folded."""
_MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
as_json: ContextVar[bool] = ContextVar("as_json", default=False)
"""Whether the command that runs was given ``--json``."""


def document(record: DataclassInstance) -> dict[str, Any]:
    """The fields of ``record`` as JSON can hold them."""
    return {
        name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(record).items()
    }


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def say(text: str, /, **fields: Any) -> None:
    """A sentence, or as JSON what it tells."""
    if as_json.get():
        print_json(fields)
    else:
        tell(text)


def tell(text: str) -> None:
    """One line of several, of which JSON is made at the end."""
    if text and not as_json.get():
        typer.echo(text)


def print_table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """A line for each row, without borders; a cell that is None is ``-``.

    Nothing is ever cut, least of all an id. In a terminal the last column is folded into what
    room the others leave, and where they leave none each cell has a line of its own; a pipe gets
    one line a row, whose columns two spaces part.
    """
    from rich.cells import cell_len

    told = [[readable(cell, column) for cell, column in zip_longest(row, columns)] for row in rows]
    head = [column.upper() for column in columns]
    widths = [max(map(cell_len, column)) for column in zip(head, *told, strict=True)]
    taken = sum(widths[:-1]) + 2 * len(widths[:-1])
    room = _terminal_width() - taken
    if told and room < min(_LEAST_ROOM, widths[-1]) and room + taken:
        for row in told:
            typer.echo()
            for name, cell in zip(head, row, strict=True):
                typer.echo(f"{name:<{max(map(len, head))}}  {cell}".rstrip())
        return
    for *others, last in (head, *told):
        before = ""
        for cell, width in zip(others, widths, strict=False):
            before += cell + " " * (width - cell_len(cell) + 2)
        parts = [last]
        if room >= _LEAST_ROOM:
            parts = textwrap.wrap(last, room, break_long_words=False, break_on_hyphens=False)
        for part in parts:
            typer.echo((before + part).rstrip())
            before = " " * taken


def _terminal_width() -> int:
    """0: it is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def readable(value: object, name: str = "") -> str:
    """A value as people read it; ``name``: of the field, which tells what is a number of bytes."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and any(word in _BYTES for word in name.split("_")):
        return size(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    text = _MOMENT.sub(r"\1 \2Z", str(value))
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def size(count: int) -> str:
    """A number of bytes with a unit: ``3.2 GiB``."""
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:,.1f} {_UNITS[power - 1]}"


def print_list(
    things: Sequence[Mapping[str, Any]],
    fields: str,
    headings: Sequence[str] = (),
) -> None:
    """Several things: all of each as JSON, or the named fields in a table."""
    names = fields.split()
    if as_json.get():
        print_json(things)
        return
    headings = headings or [name.replace("_", " ") for name in names]
    print_table(headings, ([readable(thing[name], name) for name in names] for thing in things))


def print_fields(fields: Mapping[str, Any]) -> None:
    """One thing: each of its fields in a line."""
    if as_json.get():
        print_json(fields)
    else:
        rows = ((name, readable(value, name)) for name, value in fields.items())
        print_table(("field", "value"), rows)
