"""``imagestore store``: the configured stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, document, print_json, print_list, print_table, tell
from imagestore.model.errors import ImagestoreError

if TYPE_CHECKING:
    from imagestore.backends.base import Capacity
    from imagestore.catalog.catalog import Catalog
    from imagestore.catalog.integrity.lost import LostCopy
    from imagestore.config.settings import StoreSection
    from imagestore.stores.probe import Result
    from imagestore.stores.stores import Stores

app = Group()


@app.command("list")
def list_stores(where: Configuration) -> None:
    """List the stores: their type, whether they answer, and how much room they have."""
    import asyncio

    from imagestore.stores.stores import Stores

    stores = Stores(where.load().stores)
    answers = asyncio.run(_ask(stores))
    print_list(
        [_told(section, stores, answers[section.name]) for section in stores.sections],
        "store type default weight state free_bytes total_bytes description",
        ("store", "type", "default", "weight", "state", "free", "of", "description"),
    )


@app.command()
def check(
    where: Configuration,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Stores; default: all.")
    ] = None,
    copies: Annotated[
        bool,
        typer.Option("--copies", help="Also ask for every copy: is it there, in its size?"),
    ] = False,
) -> None:
    """Try the stores: connect, write a probe object, read it back, delete it.

    From a store that is not written to, nothing is read either: it may be empty. Then name the
    copies whose locations lead to none of the stores, as when a directory was moved. The exit
    code is 1 if a step failed or a copy is not found.
    """
    import asyncio

    from imagestore.stores.probe import STEPS, probe
    from imagestore.stores.stores import Stores

    stores = Stores(where.load().stores)
    for name in names or ():
        if name not in stores:
            known = ", ".join(section.name for section in stores.sections)
            raise typer.BadParameter(f"There is no store {name!r}; there are {known}.")
    chosen = [each for each in stores if not names or each.name in names]

    async def all_probes() -> list[Result]:
        return await asyncio.gather(*(probe(store) for store in chosen))

    results = asyncio.run(all_probes())

    def row(result: Result) -> Iterator[str | None]:
        yield result.store
        for step in STEPS:
            seconds = result.seconds.get(step)
            yield None if seconds is None else f"{1000 * seconds:,.1f} ms"
        yield result.failure or "good"

    if not as_json.get():
        print_table(("store", *STEPS, "result"), map(row, results))
    lost = [each for each in _lost(where, everywhere=copies) if not names or each.store in names]
    for each in lost:
        named = each.store or "no store"
        tell(f"image {each.image_id}, {named}: {each.url}: {each.reason}")
    if lost:
        tell(
            f"Copies that are not found: {len(lost)}. What was moved as a whole is found again "
            "with: imagestore db relocate OLD NEW"
        )
    if as_json.get():
        told = [document(each) for each in lost]
        print_json({"stores": [document(result) for result in results], "lost": told})
    if lost or any(result.failure for result in results):
        raise typer.Exit(1)


def _lost(where: Configuration, *, everywhere: bool) -> list[LostCopy]:
    """Copies that are not found; none, with a word why, if the database cannot be asked."""

    async def run(catalog: Catalog) -> list[LostCopy]:
        return [each async for each in catalog.lost_copies.search(everywhere=everywhere)]

    try:
        return where.with_catalog(run, stores=True)
    except ImagestoreError as error:
        typer.echo(f"The copies of the images were not looked for: {error.message}", err=True)
        return []


async def _ask(stores: Stores) -> dict[str, Capacity | str]:
    """The capacity of every store, or what is wrong with it."""
    from imagestore.backends.errors import StoreError

    answers: dict[str, Capacity | str] = {}
    for store in stores:
        try:
            await store.start()
            answers[store.name] = await store.capacity()
        except StoreError as error:
            answers[store.name] = error.message
        finally:
            await store.stop()
    return answers


def _told(section: StoreSection, stores: Stores, answer: Capacity | str) -> dict[str, Any]:
    ready = "ready" if stores.is_writable(section.name) else "read-only"
    return {
        "store": section.name,
        "type": section.type,
        "default": section.name == stores.default.name,
        "weight": section.weight,
        "state": answer if isinstance(answer, str) else ready,
        "free_bytes": None if isinstance(answer, str) else answer.free,
        "total_bytes": None if isinstance(answer, str) else answer.total,
        "description": section.description,
    }
