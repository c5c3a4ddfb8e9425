"""``imagestore status``: whether an upgrade can go on, as ``glance-status`` told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, print_json, print_table
from imagestore.model.errors import ImagestoreError

if TYPE_CHECKING:
    from imagestore.config.settings import Settings
    from imagestore.database.engine import Database
    from imagestore.database.migrations import State

SUCCESS, WARNING, FAILURE, ERROR = 0, 1, 2, 255
_WORDS = {SUCCESS: "Success", WARNING: "Warning", FAILURE: "Failure"}

app = Group()
upgrade = Group()
app.add_typer(upgrade, name="upgrade", help="Before and after an upgrade.")


@upgrade.command()
def check(where: Configuration) -> None:
    """Say whether configuration and tables are ready for this release.

    Exit code 0 if so, 1 with warnings, 2 if something has to be done first, 255 if that cannot
    be told: those of [bold]glance-status upgrade check[/bold].
    """

    async def look(database: Database, settings: Settings) -> tuple[State, tuple[str, ...]]:
        return await database.check(), tuple(settings.warnings)

    try:
        state, warnings = where.with_database(look)
    except ImagestoreError as error:
        typer.echo(f"imagestore: {error.message}", err=True)
        raise typer.Exit(ERROR) from error
    checks = [
        ("Configuration", WARNING if warnings else SUCCESS, " ".join(warnings)),
        ("Tables", *((FAILURE, state.advice) if state.exit_code else (SUCCESS, ""))),
    ]
    if as_json.get():
        told = [{"check": name, "result": code, "details": text} for name, code, text in checks]
        print_json({"name": "Upgrade Check Results", "checks": told})
    else:
        rows = ((name, _WORDS[code], text) for name, code, text in checks)
        print_table(("check", "result", "details"), rows)
    if code := max(code for _, code, _ in checks):
        raise typer.Exit(code)
