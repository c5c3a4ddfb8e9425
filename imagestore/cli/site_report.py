"""What ``imagestore site`` shows: progress on a terminal, and the plan or the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from imagestore.cli.output import as_json, print_json, print_table, size
from imagestore.model.errors import ImagestoreError
from imagestore.sites.compare import Action, Step
from imagestore.sites.replication import PassResult


class Progress:
    """A bar for all bytes, on standard error if that is a terminal."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._whole = self._bars.add_task("looking", total=None)
        self._ended = 0

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    async def planned(self, steps: list[Step]) -> None:
        self.steps = steps
        self._bars.update(self._whole, total=sum(step.bytes for step in steps))
        self._describe()

    def moved(self, step: Step, count: int) -> None:
        self._bars.advance(self._whole, count)

    async def ended(self, step: Step, error: ImagestoreError | None) -> None:
        self._ended += 1
        self._describe()

    def _describe(self) -> None:
        self._bars.update(self._whole, description=f"image {self._ended} of {len(self.steps)}")


def print_plan(steps: Sequence[Step]) -> int:
    """Tell what would be done, or could not be; how many images that is."""
    left = [step for step in steps if step.action is not Action.NOTHING]
    if as_json.get():
        same = len(steps) - len(left)
        print_json({"same": same, "steps": [_document(step) for step in left]})
        return len(left)
    if left:
        print_table(("id", "name", "to do", "bytes", "what differs"), map(_row, left))
    typer.echo(f"{len(left)} of {len(steps)} images differ, {size(_sum(left))} to move.")
    return len(left)


def print_outcome(steps: Sequence[Step], outcome: PassResult) -> None:
    if as_json.get():
        document = {"counts": outcome.counts(), "bytes": outcome.bytes, "failed": outcome.failed}
        print_json(document)
        return
    for image_id, reason in outcome.failed.items():
        typer.echo(f"{image_id}: {reason}", err=True)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(outcome.counts().items()))
    typer.echo(f"{len(steps)} images: {counts or 'none'}; {size(outcome.bytes)} moved.")


def _document(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "name": step.source.fields.get("name"),
        "action": step.action,
        "bytes": step.bytes,
        "differs": _differing(step),
    }


def _differing(step: Step) -> list[str]:
    names = list(step.fields)
    if step.switch:
        names.append("status")
    if step.members is not None:
        names.append("members")
    if step.action is Action.CONFLICT:
        names.append("data")
    return names


def _row(step: Step) -> tuple[object, ...]:
    name, differs = step.source.fields.get("name"), ", ".join(_differing(step))
    return step.id, name, step.action, step.bytes or None, differs


def _sum(steps: Sequence[Step]) -> int:
    return sum(step.bytes for step in steps)
