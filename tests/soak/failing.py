"""How the nodes of a database fail, one at a time: killed, frozen, or replaced."""

from __future__ import annotations

from tests.services.galera import Galera
from tests.services.postgresql_pair import Pair
from tests.soak.soak import Fault


def of_galera(cluster: Galera) -> list[Fault]:
    faults: list[Fault] = []
    for node in cluster.nodes:
        faults += [
            Fault("a node of Galera killed", node.kill, node.resume, cluster.settle),
            Fault("a node of Galera frozen", node.freeze, node.resume, cluster.settle),
        ]
    return faults


def of_pair(pair: Pair) -> list[Fault]:
    how = {
        "the primary lost, its standby promoted": pair.lose,
        "the primary read-only, its standby promoted": pair.demote,
        "the primary frozen": pair.freeze,
        "the standby frozen": pair.freeze_standby,
    }
    return [Fault(name, stop, pair.thaw, pair.settle) for name, stop in how.items()]
