"""One run: each database in turn, with more images each time, and Glance beside it on MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import databases
from benchmarks.contenders import glance, imagestore
from benchmarks.contenders.base import BenchmarkError, ImageService
from benchmarks.databases import DatabaseServer
from benchmarks.results import Results
from benchmarks.run import WORKERS
from benchmarks.scale import load, measure
from benchmarks.scale.lists import List, find_marker, lists

FAILURES = (BenchmarkError, RuntimeError, OSError)
TENFOLD = 12
"""How many times longer an answer of Glance's may take among ten times as many images."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. ``seconds``: of each list. ``glance``: whether it is asked."""

    sizes: Sequence[int]
    kinds: Collection[str]
    seconds: float
    glance: bool
    only: str = ""
    """What a list's title has to contain."""


@dataclass(slots=True)
class Run:
    """Rows of the results are titles of lists; who was asked is ``DATABASE-NUMBER``, or
    ``glance-NUMBER``."""

    scale: Scale
    directory: Path
    results: Results
    report: Callable[[str], None]
    keep: Callable[[], None]
    """Called when the results have grown: a full run takes long, and may be broken off."""

    def all(self) -> None:
        """Measure; what fails is noted, and the rest goes on."""
        for kind in self.scale.kinds:
            with ExitStack() as running:
                server = databases.start(kind, self.directory / kind)
                running.callback(server.stop)
                for number in self.scale.sizes:
                    self.report(f"{server.title}, {number:,} images")
                    try:
                        self._imagestore(server, number)
                        if kind == "mariadb" and self.scale.glance:
                            self._glance(server, number)
                    except FAILURES as error:
                        self.results.notes.append(f"{server.title}, {number:,}: {error}")
                    self.keep()

    def _imagestore(self, server: DatabaseServer, number: int) -> None:
        contender = f"{server.kind}-{number}"
        directory = self.directory / contender
        url, tree = server.database(f"imagestore_{number}")
        with ExitStack() as running:

            def populate(url: str) -> None:
                loaded = load.fill(url, number)
                everything, own = measure.sizes(url)
                self.results.add(
                    "loading",
                    contender,
                    {
                        "seconds": loaded.seconds,
                        "indexing": loaded.indexing,
                        "size": everything / number,
                        "own_size": own / number,
                    },
                )
                self.report(f"{server.title}, {number:,}: filled in {loaded.seconds:.0f} s")

            service = imagestore.start(
                directory,
                directory / "images",
                workers=WORKERS,
                title=f"imagestore on {server.title}",
                database=(url, tree),
                populate=populate,
            )
            running.callback(service.stop)
            service.warm_up()
            for one in self._lists(service, number):
                self._ask(service, one, contender)
            # At last, as what is made here would be listed.
            if not self.scale.only:
                seconds = 4 * self.scale.seconds
                self.results.add("create", contender, measure.creations(service, seconds))
                load.drop_indexes(url)
                figures = measure.creations(service, seconds)
                self.results.add("create, without own indexes", contender, figures)

    def _glance(self, server: DatabaseServer, number: int) -> None:
        database = server.database(f"glance_{number}")
        service = glance.start(
            self.directory / f"glance-{number}",
            database,
            name="glance",
            title="Glance",
            chunk_size=65536,
            workers=WORKERS,
        )
        try:
            load.fill(database[0], number, own_indexes=False)
            smaller = max((each for each in self.scale.sizes if each < number), default=0)
            for one in self._lists(service, number):
                before = self.results.get(one.title, f"glance-{smaller}", "p50") or 0.0
                if one.peer and before * TENFOLD * number / 10 / max(smaller, 1) < measure.PATIENCE:
                    self._ask(service, one, f"glance-{number}")
        finally:
            service.stop()

    def _lists(self, service: ImageService, number: int) -> list[List]:
        marker = find_marker(service, number)
        return [one for one in lists(number, marker) if self.scale.only in one.title]

    def _ask(self, service: ImageService, one: List, contender: str) -> None:
        try:
            figures = measure.answers(service, one, self.scale.seconds)
        except TimeoutError:
            note = f"{service.title} took more than {measure.PATIENCE:g} s: {one.title}"
            self.results.notes.append(note)
        except BenchmarkError as error:
            self.results.notes.append(str(error))
        else:
            self.results.add(one.title, contender, figures)
