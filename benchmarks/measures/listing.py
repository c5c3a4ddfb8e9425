"""Lists over 10,000 images with five properties and two tags each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from benchmarks import seed
from benchmarks.contenders.base import BenchmarkError, Contender
from benchmarks.measures.base import Bench, Figures, Measure, requests
from benchmarks.measures.images import CLIENTS, EVERY_DATABASE

QUERIES: Mapping[str, Mapping[str, str]] = {
    "plain": {"limit": "25"},
    "name": {"limit": "25", "name": seed.title(4321)},
    "property": {"limit": "25", "os_distro": seed.distribution(4321)},
    "rare": {"limit": "25", "build_id": seed.build(4321)},
    "tag": {"limit": "25", "tag": seed.team(4321)},
    "deep": {"limit": "25", "marker": seed.identifier(4321)},
    "size": {"limit": "25", "sort": "size:desc"},
    "1000": {"limit": "1000"},
}


class Listing(Measure):
    """GET of ``/v2/images`` eight ways, by 16 clients and, where thorough, by 1."""

    name = "list"
    contenders = EVERY_DATABASE

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        for kind, query in QUERIES.items():
            path = f"/v2/images?{urlencode(query)}"
            _compare(bench, contender, kind, path)
            for clients in self._clients(bench, kind):
                _, figures = requests(
                    contender,
                    flow=[{"method": "GET", "path": path}],
                    clients=clients,
                    seconds=bench.scale.seconds,
                )
                yield f"list-{kind}-{clients}", figures

    def _clients(self, bench: Bench, kind: str) -> tuple[int, ...]:
        if bench.scale.thorough:
            return (1, CLIENTS)
        return {"plain": (1, CLIENTS), "1000": (1,)}.get(kind, (CLIENTS,))


def _compare(bench: Bench, contender: Contender, kind: str, path: str) -> None:
    """Raise :class:`BenchmarkError` if it lists other images than the one before it did.

    What measures have uploaded themselves is left out: it differs from one to the other.
    """
    seeded = bench.kept.setdefault(
        ("all", "seeded"), frozenset(map(seed.identifier, range(seed.COUNT)))
    )
    listed = [image["id"] for image in contender.fetch(path)["images"] if image["id"] in seeded]
    known = bench.kept.setdefault(("all", f"list-{kind}"), listed)
    compared = min(len(listed), len(known))
    if not compared or listed[:compared] != known[:compared]:
        raise BenchmarkError(f"{contender.title} lists other images for {path}")
