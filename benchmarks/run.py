"""One run: starts the contenders, gives each measure to each of them in turn, stops them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks import databases, seed
from benchmarks.contenders import glance, imagestore, nginx
from benchmarks.contenders.base import BenchmarkError, Contender
from benchmarks.databases import DatabaseServer
from benchmarks.measures.base import Bench, Figures, Limit, Measure, Scale, settle
from benchmarks.measures.crowd import Crowd, Trickles
from benchmarks.measures.images import Create, Delete, Patch, Show, SmallUpload
from benchmarks.measures.latency import Latency
from benchmarks.measures.limits import Digests, Disk
from benchmarks.measures.listing import Listing
from benchmarks.measures.memory import LargeUpload, Resident, SlowDownloads, Start
from benchmarks.measures.transfer import ChunkedUpload, Download, Range, Upload
from benchmarks.processes import ProcessTree, Strangers
from benchmarks.results import Results, facts_of_machine

WORKERS = 2
"""Processes of each server."""

MEASURES: tuple[Measure | Limit, ...] = (
    Start(),
    LargeUpload(),  # first, while memory is what it is idle
    SlowDownloads(),
    Crowd(),
    Trickles(),
    Digests(),
    Disk(),
    Upload(),
    ChunkedUpload(),
    Download(),
    Range(),
    Show(),
    Listing(),  # before anything else adds images
    Create(),
    Patch(),
    SmallUpload(),
    Delete(),
    Latency(),
)
NO_MD5 = {"DEFAULT": {"hashing_algorithm": "sha256"}, "imagestore": {"md5_checksum": "false"}}
IMAGESTORES: Mapping[str, tuple[str, str, imagestore.Options]] = {
    "imagestore": ("imagestore", "mariadb", {}),
    "imagestore-sqlite": ("imagestore on SQLite", "sqlite", {}),
    "imagestore-postgresql": ("imagestore on PostgreSQL", "postgresql", {}),
    "imagestore-sha256": ("imagestore without MD5", "mariadb", NO_MD5),
}
"""Title, kind of database and further options; the first is compared with Glance."""
GLANCES = {"glance": ("Glance", 65536), "glance-1m": ("Glance 1 MiB", 1 << 20)}
"""Title and store chunk in bytes; the first is Glance's default."""
CONTENDERS = (*IMAGESTORES, *GLANCES, "nginx")
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Selection:
    """What of all there is shall be measured; by name."""

    measures: Collection[str]
    contenders: Collection[str]


@dataclass(frozen=True, slots=True)
class Places:
    """Empty directories for what the servers keep: their databases, and all images."""

    databases: Path
    images: Path


def run(places: Places, scale: Scale, selection: Selection, report: Report) -> Results:
    """Measure; ``report`` is told what happens."""
    results = Results(facts=facts_of_machine())
    results.facts |= {"rounds": scale.rounds, "imagestore": metadata.version("imagestore")}
    bench = Bench(scale, places.images)
    strangers = Strangers()
    with ExitStack() as running:
        contenders = _start(places, selection, results, report, running)
        for round_ in range(scale.rounds):
            # every other round goes the other way, so that the order favours nobody
            order = contenders if round_ % 2 == 0 else contenders[::-1]
            for measure in _measures(selection, round_, scale.rounds):
                report(f"round {round_ + 1} of {scale.rounds}: {measure.name}")
                if isinstance(measure, Limit):
                    _take(measure.run(bench), "machine", measure.name, results)
                    continue
                for contender in order:
                    if contender.name in measure.contenders:
                        settle()
                        found = measure.run(bench, contender)
                        _take(found, contender.name, measure.name, results)
        results.facts["others_busy"] = round(strangers.cores(), 2)
    results.notes += bench.notes
    return results


def _measures(selection: Selection, round_: int, rounds: int) -> list[Measure | Limit]:
    chosen: list[Measure | Limit] = [
        measure
        for measure in MEASURES
        if measure.name in selection.measures
        and (round_ == 0 or isinstance(measure, Limit) or not measure.once)
    ]
    if round_ == 0:
        chosen.insert(0, Resident("idle"))
    if round_ == rounds - 1:
        chosen += [Resident("after"), Resident("rested")]
    return chosen


def _take(
    found: Iterator[tuple[str, Figures]], contender: str, measure: str, results: Results
) -> None:
    try:
        for row, figures in found:
            results.add(row, contender, figures)
    except (BenchmarkError, RuntimeError, OSError) as error:
        results.notes.append(f"{measure} at {contender} failed: {error}")


def _start(
    places: Places, selection: Selection, results: Results, report: Report, running: ExitStack
) -> list[Contender]:
    """The chosen contenders, stopped when ``running`` closes. Those that fail are noted."""
    started: list[Contender] = []

    def attempt(name: str, start: Callable[[], Contender]) -> None:
        if name not in selection.contenders:
            return
        report(f"starting {name}")
        try:
            contender = start()
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            results.notes.append(f"{name} did not start: {error}")
            return
        running.callback(contender.stop)
        contender.warm_up()
        started.append(contender)

    servers: dict[str, DatabaseServer] = {}

    def database(kind: str, name: str) -> tuple[str, ProcessTree | None]:
        if kind not in servers:
            report(f"starting {databases.TITLES[kind]}")
            servers[kind] = databases.start(kind, places.databases / kind)
            running.callback(servers[kind].stop)
        return servers[kind].database(name.replace("-", "_"))

    for name, (title, kind, options) in IMAGESTORES.items():
        attempt(
            name,
            lambda name=name, title=title, kind=kind, options=options: imagestore.start(  # type: ignore[misc]
                places.databases / name,
                places.images / name,
                workers=WORKERS,
                name=name,
                title=title,
                database=database(kind, name),
                populate=None if options is NO_MD5 else seed.populate,
                options=options,
            ),
        )
    if set(GLANCES) & set(selection.contenders):
        shared = database("mariadb", "glance")
        for name, (title, chunk_size) in GLANCES.items():
            attempt(
                name,
                lambda name=name, title=title, chunk_size=chunk_size: glance.start(  # type: ignore[misc]
                    places.images / name,
                    shared,
                    name=name,
                    title=title,
                    chunk_size=chunk_size,
                    workers=WORKERS,
                ),
            )
        report("seeding Glance")
        seed.populate(shared[0])
    attempt(
        "nginx",
        lambda: nginx.start(places.images / "nginx", workers=WORKERS, document=seed.document(0)),
    )
    return started
