"""The soak: nodes are killed or frozen and stores stopped at random; then all has to be right."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagestore.catalog.catalog import Catalog
from imagestore.catalog.dependencies import assemble
from imagestore.config.load import load
from imagestore.database import images, jobs, journal
from imagestore.database.engine import Database
from imagestore.model.errors import Unavailable
from imagestore.model.job import JobState
from imagestore.stores.stores import Stores
from tests.soak.clients import Clients, Known
from tests.soak.nodes import Node

PERIODIC = {"replication", "housekeeping", "orphans"}
LOST = "is another worker's by now"
"""What the log says when a worker comes back to a job that was taken over."""
SETTLING = 300.0
"""Seconds in which everything has to be right again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A store or database that can be stopped, and what brings it back.

    ``settle`` waits, on a thread, until another one may be stopped.
    """

    name: str
    stop: Callable[[], object]
    resume: Callable[[], object]
    settle: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Plan:
    """``listed`` gives the ids of the images of which a store holds anything."""

    config: Path
    directory: Path
    faults: Sequence[Fault]
    listed: Mapping[str, Callable[[], Awaitable[Counter[str]]]]
    images: int
    sizes: Sequence[int]
    seconds: float
    nodes: int = 3
    seed: int = 0
    frozen: float = 75.0
    """Seconds for which a node is stopped: longer than its leases last. There is time for that
    in a soak that is longer than twice as much."""


async def run(plan: Plan, say: Callable[[str], object] = print) -> None:
    """Raises ``AssertionError`` with what is wrong in the end."""
    chance = random.Random(plan.seed)
    say(f"seed {plan.seed}, {plan.nodes} nodes, {plan.images} images, {plan.seconds:g} s")
    nodes = [Node(f"node{number}", plan.config, plan.directory) for number in range(plan.nodes)]
    nodes[0].start()
    await nodes[0].ready()
    for node in nodes[1:]:
        node.start()
    clients = Clients(nodes, list(plan.listed), random.Random(plan.seed + 1))
    database = Database(load(["--config-file", str(plan.config)], {}).database)
    await database.connect()
    try:
        for node in nodes:
            await node.ready()
        ending = asyncio.Event()
        uploading = asyncio.create_task(clients.upload_all(plan.images, plan.sizes))
        playing = [asyncio.create_task(clients.play(ending)) for _ in range(3)]
        wrecked = await _wreck(plan, nodes, chance, database)
        say(", ".join(f"{what} {count} times" for what, count in sorted(wrecked.items())))
        await asyncio.wait_for(uploading, SETTLING)
        ending.set()
        await asyncio.wait_for(asyncio.gather(*playing), SETTLING)
        await clients.settle()
        say(f"requests: {dict(sorted(clients.counts.items()))}")
        await _verify(plan, clients, say)
        lost = sum(node.log.read_text(errors="replace").count(LOST) for node in nodes)
        say(f"{lost} times a node noticed that its job was another's by then")
        await clients.download_all()
        assert not clients.wrong, clients.wrong
        say("every client got the bytes of its image")
    finally:
        for fault in plan.faults:
            fault.resume()
        for node in nodes:
            node.stop()
        await database.close()


async def _wreck(
    plan: Plan, nodes: Sequence[Node], chance: random.Random, database: Database
) -> Counter[str]:
    """Kill, freeze and stop for so many seconds, and put everything up again; what was done."""
    done: Counter[str] = Counter()
    begin = time.monotonic()
    down: Fault | None = None
    frozen: Node | None = None
    thaw_at = 0.0
    while (moment := time.monotonic()) < begin + plan.seconds:
        await asyncio.sleep(chance.uniform(0.3, 3.0) if plan.seconds > 60 else 0.7)
        if frozen is not None and moment > thaw_at:
            frozen.thaw()
            frozen = None
        elif frozen is None and moment + 1.5 * plan.frozen < begin + plan.seconds:
            frozen = await _freeze_at_work(database, nodes)
            thaw_at = moment + plan.frozen
            done["a node frozen at work"] += frozen is not None
        if chance.random() < 0.5 or not plan.faults:
            _kill_or_start([node for node in nodes if node is not frozen], chance, done)
        elif down is None:
            down = chance.choice(plan.faults)
            down.stop()
            done[f"{down.name}"] += 1
        else:
            down.resume()
            await asyncio.to_thread(down.settle)
            down = None
    for fault in plan.faults:
        fault.resume()
        await asyncio.to_thread(fault.settle)
    for node in nodes:
        node.thaw()
        if not node.up:
            node.start()
    for node in nodes:
        await node.ready()
    return done


async def _freeze_at_work(database: Database, nodes: Sequence[Node]) -> Node | None:
    """Stop a node that has a copy in hand, if one is met."""
    for node in nodes:
        if not node.up:
            continue
        node.freeze()
        try:
            # What has failed meanwhile shall not stay so while this waits for it.
            async with asyncio.timeout(3):
                running = await database.read(
                    jobs.select_jobs, states=[JobState.RUNNING], kind="copy"
                )
        except (Unavailable, TimeoutError):
            running = []
        owners = {job.lease_owner.split("/")[3] for job in running if job.lease_owner}
        if owners & {str(pid) for pid in node.pids()}:
            return node
        node.thaw()
    return None


def _kill_or_start(nodes: Sequence[Node], chance: random.Random, done: Counter[str]) -> None:
    down = [node for node in nodes if not node.up]
    for node in down:
        node.start()
    if down:
        return
    together = chance.sample(list(nodes), 2 if chance.random() < 0.3 else 1)
    for node in together:
        node.kill()
    done["two nodes killed together" if len(together) > 1 else "a node killed"] += 1


async def _verify(plan: Plan, clients: Clients, say: Callable[[str], object]) -> None:
    settings = load(["--config-file", str(plan.config)], {})
    database, stores = Database(settings.database), Stores(settings.stores)
    await database.connect()
    await stores.start()
    parts = assemble(settings, database, stores=stores)
    try:
        catalog = Catalog(parts)
        begin = time.monotonic()
        await _quiet(catalog, database, clients)
        say(f"quiet after {time.monotonic() - begin:.0f} s")
        copies = 0
        held: dict[str, set[str]] = {name: set() for name in plan.listed}
        for known in clients.images.values():
            row = await database.read(images.get, known.id)
            if known.deleted:
                assert row is None, f"image {known.id} is not deleted"
                continue
            assert row is not None, f"image {known.id} is lost"
            there = sorted(str(location.store) for location in row.image.locations)
            assert there == sorted(_expected(known, plan)), (known, there)
            for location in row.image.locations:
                held[str(location.store)].add(known.id)
                digest = hashlib.sha512()
                async with stores.get(str(location.store)).open(location.url) as blocks:
                    async for block in blocks:
                        digest.update(block)
                assert digest.hexdigest() == known.digest() == row.image.os_hash_value, known
                copies += 1
        for name, listed in plan.listed.items():
            found = set(await listed())
            assert found == held[name], f"{name}: orphans {found - held[name]}"
        failed = [job for job in await catalog.jobs.list(limit=10_000) if job.state == "failed"]
        assert not failed, failed
        kept = sum(not known.deleted for known in clients.images.values())
        say(f"{kept} images, {copies} copies, each where a rule or its upload wants it")
        say("each copy has the right digest; no orphan, no journal row, no job stuck or failed")
    finally:
        await stores.stop()
        await database.close()


def _expected(known: Known, plan: Plan) -> set[str]:
    """The rule wants golden images everywhere; what was uploaded stays."""
    return set(plan.listed) if known.tagged else {known.store}


async def _quiet(catalog: Catalog, database: Database, clients: Clients) -> None:
    """Wait until nothing is under way and nothing is to be done."""
    end = time.monotonic() + SETTLING
    while True:
        active = [
            job
            for job in await catalog.jobs.list(states=[JobState.QUEUED, JobState.RUNNING])
            if job.kind not in PERIODIC
        ]
        rows = await database.read(journal.entries)
        steps = (await catalog.replication.look()).steps
        surplus = [
            known.id
            for known in clients.images.values()
            if not known.deleted
            and not known.tagged
            and (row := await database.read(images.get, known.id)) is not None
            and len(row.image.locations) > 1
        ]
        if not (active or rows or steps or surplus):
            return
        assert time.monotonic() < end, (active, rows, steps, surplus)
        await asyncio.sleep(1)
