"""Digests alone: how fast hashlib is here. A job is ``size`` and ``algorithms``, one thread each.

Reports ``elapsed``, the seconds until the slowest is done.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.load.generator import Job, Result, serve

BLOCK = 1 << 20


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    algorithms: list[str] = job["algorithms"]
    blocks = job["size"] // BLOCK
    # several blocks, so that the data comes from memory as in life and not from the cache
    data = [bytes([number]) * BLOCK for number in range(64)]

    def digest(algorithm: str) -> None:
        state = hashlib.new(algorithm, usedforsecurity=False)
        for number in range(blocks):
            state.update(data[number % len(data)])
        state.digest()

    def work() -> Result:
        begun = time.perf_counter()
        with ThreadPoolExecutor(len(algorithms)) as pool:
            list(pool.map(digest, algorithms))
        return {"elapsed": time.perf_counter() - begun}

    return work


if __name__ == "__main__":
    serve(prepare)
