"""Small requests from a number of clients in one epoll loop, on kept-alive connections.

A job is ``host``, ``port``, ``headers``, ``clients``, ``seconds`` and

- ``flow``: a list of requests that make one unit of work, or a list of such lists, taken
  in turn. A request is ``method``, ``path`` and, where wanted, ``headers``, ``body`` or its
  ``size``, and ``type``. In a path, ``{location}`` is the Location of the answer before it;
- ``count``: end after so many units even if there is time left (optional);
- ``rate``: begin that many units a second, whoever is free, and count latency from the
  moment when a unit was due (optional; else each client begins the next one at once);
- ``delay``: seconds to wait before the first (optional);
- ``grace``: seconds to wait for answers after the end (optional).

At a rate, this process asks for a real-time priority: it needs little, and waiting for a
processor itself it would count as the server's latency. Reports ``realtime``: if it got it.

Where the server closes connections, the next request opens a new one: that is part of
its latency. Reports ``units``, ``elapsed``, ``p50`` and ``p99`` (seconds; of the answered
ones), ``unanswered``, ``failures`` by status code, and ``locations``.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.load import wire
from benchmarks.load.generator import Job, Result, serve

_BUFFER = bytearray(1 << 20)
_HEAD = 1 << 14
"""Bytes that a head is looked for in at once."""


class Flow:
    """One unit of work: its requests, ready to send unless they need a location."""

    def __init__(self, steps: list[dict[str, Any]], headers: dict[str, str]) -> None:
        self._headers = headers
        self._steps = steps
        self._ready = [None if "{location}" in step["path"] else self._make(step) for step in steps]

    def __len__(self) -> int:
        return len(self._steps)

    def request(self, step: int, location: str) -> bytes:
        """The bytes of a step; ``location`` is what the answers before it named last."""
        return self._ready[step] or self._make(self._steps[step], location)

    def _make(self, step: dict[str, Any], location: str = "") -> bytes:
        headers = {**self._headers, **step.get("headers", {})}
        body = b"x" * step["size"] if "size" in step else step.get("body", "").encode()
        if body:
            headers["Content-Type"] = step.get("type", "application/json")
        path = step["path"].replace("{location}", location)
        return wire.request(step["method"], path, headers, body)


class Client:
    """One caller with at most one connection and one request under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._sock: socket.socket | None = None
        self._head = bytearray()
        self._missing: int | None = 0
        self._answer: wire.Head | None = None
        self._flow: Flow | None = None
        self._step = 0
        self._location = ""
        self._since = 0.0

    def begin(self, flow: Flow, since: float) -> None:
        """Start a unit whose latency counts from ``since``."""
        self._flow, self._step, self._location, self._since = flow, 0, "", since
        self._send()

    def _send(self) -> None:
        assert self._flow is not None
        if self._sock is None:
            self._sock = wire.connect(self._load.host, self._load.port)
            self._load.watch(self._sock.fileno(), self)
        self._head.clear()
        self._answer = None
        self._sock.sendall(self._flow.request(self._step, self._location))

    def receive(self) -> None:
        """Take in what has come; may end the request, and with it the unit."""
        assert self._sock is not None
        try:
            if self._answer is None:
                count = self._sock.recv_into(_BUFFER, _HEAD)
            else:
                # the kernel drops the rest of a body: the client costs next to nothing
                count = self._sock.recv_into(_BUFFER, 0, socket.MSG_TRUNC)
        except OSError:
            count = 0
        if count == 0:
            self._closed()
        elif self._answer is not None:
            self._take(self._answer, count)
        else:
            self._head += memoryview(_BUFFER)[:count]
            if found := wire.parse(self._head):
                self._answer, length = found
                self._missing = self._answer.length
                self._take(self._answer, len(self._head) - length)

    def _take(self, answer: wire.Head, count: int) -> None:
        """Count bytes of a body."""
        if self._missing is not None:
            self._missing -= count
            if self._missing <= 0:
                self._answered(answer)

    def _closed(self) -> None:
        """The server closed the connection: the end of a body without length, or a failure."""
        self._hang_up()
        if self._answer is None:
            self._load.failed(self, "closed without an answer")
        elif self._missing is not None:
            self._load.failed(self, "closed within an answer")
        else:
            self._answered(self._answer)

    def _answered(self, answer: wire.Head) -> None:
        assert self._flow is not None
        if answer.close:
            self._hang_up()
        if answer.status >= 300:
            self._load.failed(self, str(answer.status))
            return
        if answer.location:
            self._location = wire.path_of(answer)
        self._step += 1
        if self._step < len(self._flow):
            self._send()
        else:
            self._load.done(self, self._since, self._location)

    def _hang_up(self) -> None:
        if self._sock is not None:
            self._load.forget(self._sock.fileno())
            self._sock.close()
            self._sock = None


class Load:
    """All clients of a job and the loop that drives them."""

    def __init__(self, job: Job) -> None:
        self.host: str = job["host"]
        self.port: int = job["port"]
        self._seconds: float = job["seconds"]
        self._delay: float = job.get("delay", 0.0)
        self._grace: float = job.get("grace", 120.0)
        self._count: int | None = job.get("count")
        self._rate: float | None = job.get("rate")
        steps = job["flow"]
        flows = [steps] if isinstance(steps[0], dict) else steps
        self._flows = [Flow(one, job["headers"]) for one in flows]
        self._epoll = select.epoll()
        self._by_descriptor: dict[int, Client] = {}
        self._free = [Client(self) for _ in range(job["clients"])]
        self._begun = 0
        self._ended = 0.0
        self._latencies: list[float] = []
        self._failures: Counter[str] = Counter()
        self._locations: list[str] = []

    def watch(self, descriptor: int, client: Client) -> None:
        self._by_descriptor[descriptor] = client
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        del self._by_descriptor[descriptor]

    def done(self, client: Client, since: float, location: str) -> None:
        self._ended = time.perf_counter()
        self._latencies.append(self._ended - since)
        if location:
            self._locations.append(location)
        self._free.append(client)

    def failed(self, client: Client, why: str) -> None:
        self._failures[why] += 1
        self._free.append(client)

    def run(self) -> Result:
        """Work until time or count is up and all that has begun is answered."""
        clients = len(self._free)
        time.sleep(self._delay)
        start = time.perf_counter()
        end = start + self._seconds
        while True:
            now = time.perf_counter()
            busy = len(self._free) < clients
            if now >= end + self._grace or (not busy and self._is_over(now, end)):
                break
            wait = self._begin_what_is_due(start, now, end)
            for descriptor, _ in self._epoll.poll(wait):
                if client := self._by_descriptor.get(descriptor):
                    client.receive()
        return self._report(start, unanswered=clients - len(self._free))

    def _is_over(self, now: float, end: float) -> bool:
        return now >= end or (self._count is not None and self._begun >= self._count)

    def _begin_what_is_due(self, start: float, now: float, end: float) -> float:
        """Begin units for free clients; returns how long nothing else is due."""
        while self._free and not self._is_over(now, end):
            due = now if self._rate is None else start + self._begun / self._rate
            if due > now:
                return min(due - now, 0.1)
            flow = self._flows[self._begun % len(self._flows)]
            self._begun += 1
            self._free.pop().begin(flow, due)
        return 0.1

    def _report(self, start: float, unanswered: int) -> Result:
        latencies = sorted(self._latencies)
        hundredths = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else None
        return {
            "units": len(latencies),
            "elapsed": max(self._ended - start, 1e-9),
            "p50": hundredths[49] if hundredths else None,
            "p99": min(hundredths[98], latencies[-1]) if hundredths else None,
            "unanswered": unanswered,
            "failures": dict(self._failures),
            "locations": self._locations,
        }


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    load = Load(job)
    realtime = "rate" in job and _in_real_time()
    return lambda: load.run() | {"realtime": realtime}


def _in_real_time() -> bool:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(
            0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
        )
        return True
    return False


if __name__ == "__main__":
    serve(prepare)
