"""``imagestore replication``: what the rules ask for, what is missing, and doing it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, document, print_json, print_list, print_table

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog
    from imagestore.catalog.copies.replication import Findings
    from imagestore.model.job import JobState

app = Group()


@app.command()
def status(where: Configuration) -> None:
    """Tell of each rule for how many images it is, and how many copies are missing."""

    async def run(catalog: Catalog) -> tuple[Findings, Mapping[tuple[str, JobState], int]]:
        return await catalog.replication.look(), await catalog.jobs.counts()

    findings, counts = where.with_catalog(run)
    copies = {state.value: number for (kind, state), number in counts.items() if kind == "copy"}
    rules = {name: document(count) for name, count in findings.counts.items()}
    if as_json.get():
        print_json({"rules": rules, "jobs": copies})
        return
    print_table(
        ("rule", "images", "copies asked for", "missing", "images below min_copies"),
        (
            (name, *(count[key] for key in ("images", "wanted", "missing", "short")))
            for name, count in rules.items()
        ),
    )
    states = ", ".join(f"{number} {state}" for state, number in sorted(copies.items()))
    typer.echo(f"Copies as jobs: {states or 'none'}.")


@app.command()
def plan(where: Configuration) -> None:
    """List what a pass would do now: copies to make and to remove, digests to fill in."""
    steps = where.with_catalog(lambda catalog: catalog.replication.look()).steps
    headings = ("action", "image", "store", "rule")
    told = [document(step) for step in steps]
    print_list(told, "action image_id store rule", headings)


@app.command()
def run(where: Configuration) -> None:
    """Have the nodes begin a pass over all images now."""
    where.queue(lambda catalog: catalog.replication.run_now())
