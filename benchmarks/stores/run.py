"""One run: each store in turn, and in every round each contender, one after the other."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import databases
from benchmarks.contenders import glance, imagestore, nginx
from benchmarks.contenders.base import BenchmarkError, ImageService
from benchmarks.databases import DatabaseServer
from benchmarks.measures.base import Bench, Figures, settle
from benchmarks.measures.limits import Digests
from benchmarks.measures.transfer import Upload
from benchmarks.results import Results
from benchmarks.run import WORKERS
from benchmarks.stores.measure import by_tool, through
from benchmarks.stores.places import Place, Places
from tests.services import link_ceph
from tests.services.glance import venv

CONTENDERS = ("imagestore", "glance", "tool")
GLANCE_CHUNK = 65536
FAILURES = (BenchmarkError, RuntimeError, OSError, subprocess.CalledProcessError)


@dataclass(frozen=True, slots=True)
class Run:
    """What is measured with how much, and where the figures go."""

    bench: Bench
    directory: Path
    stores: Collection[str]
    contenders: Collection[str]
    results: Results
    report: Callable[[str], None] = field(repr=False)

    def all(self) -> None:
        """Measure; what fails is noted in the results, and the rest goes on."""
        self.report("digests")
        for row, figures in Digests().run(self.bench):
            self.results.add(row, "machine", figures)
        self.report("nginx")
        with ExitStack() as running:
            receiver = nginx.start(self.bench.directory / "nginx", workers=WORKERS, document=None)
            running.callback(receiver.stop)
            for row, figures in Upload().run(self.bench, receiver):
                self.results.add(row, "nginx", figures)
        with ExitStack() as running:
            # What is deleted the store removes later.
            room = 16 * self.bench.scale.one_stream
            places = Places(self.directory, self.bench.directory, running, room)
            for name in self.stores:
                self.report(f"starting {name}")
                try:
                    place = places.start(name)
                except FAILURES as error:
                    self.results.notes.append(f"{name} did not start: {error}")
                    continue
                with ExitStack() as services:
                    self._measure(place, self._contenders(place, services))

    def _contenders(
        self, place: Place, services: ExitStack
    ) -> dict[str, Callable[[Path], Iterator[tuple[str, Figures]]]]:
        """How each contender moves an image in and out of ``place``; those that start."""
        directory = self.directory / f"{place.name}-services"
        server = databases.start("mariadb", directory / "mariadb")
        services.callback(server.stop)
        starters: dict[str, Callable[[], ImageService]] = {
            "imagestore": lambda: imagestore.start(
                directory / "imagestore",
                directory / "none",
                workers=WORKERS,
                database=server.database("imagestore"),
                store=(place.type, place.options),
            ),
            "glance": lambda: self._glance(directory / "glance", place, server),
        }
        found: dict[str, Callable[[Path], Iterator[tuple[str, Figures]]]] = {}
        for name, start in starters.items():
            if name not in self.contenders:
                continue
            self.report(f"starting {name} on {place.name}")
            try:
                service = start()
                services.callback(service.stop)
                service.warm_up()
            except FAILURES as error:
                self.results.notes.append(f"{name} did not start on {place.name}: {error}")
            else:
                found[name] = partial(through, service, place)
        if "tool" in self.contenders:
            found["tool"] = partial(by_tool, place)
        return found

    def _glance(self, directory: Path, place: Place, server: DatabaseServer) -> ImageService:
        if place.type == "rbd":
            python = venv("uwsgi") / "bin" / "python"
            subprocess.run([python, link_ceph.__file__], check=True)
        return glance.start(
            directory,
            server.database("glance"),
            name="glance",
            title="Glance",
            chunk_size=GLANCE_CHUNK,
            workers=WORKERS,
            store=(place.type, place.options),
        )

    def _measure(
        self, place: Place, contenders: dict[str, Callable[[Path], Iterator[tuple[str, Figures]]]]
    ) -> None:
        body = self.bench.source(self.bench.scale.one_stream)
        for round_ in range(self.bench.scale.rounds):
            # every other round goes the other way, so that the order favours nobody
            order = list(contenders)[:: 1 if round_ % 2 == 0 else -1]
            for name in order:
                self.report(f"{place.name}: round {round_ + 1}: {name}")
                settle()
                try:
                    for row, figures in contenders[name](body):
                        self.results.add(row, name, figures)
                except FAILURES as error:
                    self.results.notes.append(f"{name} on {place.name} failed: {error}")
