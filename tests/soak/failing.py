"""How the nodes of a database fail, one at a time: killed, or frozen."""

from __future__ import annotations

from tests.services.galera import Galera
from tests.soak.soak import Fault


def of_galera(cluster: Galera) -> list[Fault]:
    faults: list[Fault] = []
    for node in cluster.nodes:
        faults += [
            Fault("a node of Galera killed", node.kill, node.resume, cluster.settle),
            Fault("a node of Galera frozen", node.freeze, node.resume, cluster.settle),
        ]
    return faults
