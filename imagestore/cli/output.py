"""What commands print: tables, or JSON where ``--json`` asks for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def document(record: DataclassInstance) -> dict[str, Any]:
    """The fields of ``record`` as JSON can hold them."""
    return {
        name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(record).items()
    }


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """A cell that is None is left empty."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def print_list(
    things: Sequence[Mapping[str, Any]],
    fields: str,
    headings: Sequence[str] = (),
    *,
    as_json: bool,
) -> None:
    """Several things: all of each as JSON, or the named fields in a table."""
    names = fields.split()
    if as_json:
        print_json(things)
        return
    headings = headings or [name.replace("_", " ") for name in names]
    print_table(headings, ([thing[name] for name in names] for thing in things))


def print_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: each of its fields in a line."""
    if as_json:
        print_json(fields)
    else:
        print_table(("field", "value"), fields.items())
