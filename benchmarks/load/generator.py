"""How the benchmark talks to its load generators: a job in, a starting gun, a result out.

The job is a line of JSON on standard input. The generator prepares, writes ``ready``,
waits for any further line, works, and writes its result as a line of JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

Job = Mapping[str, Any]
Result = dict[str, Any]


def serve(prepare: Callable[[Job], Callable[[], Result]]) -> None:
    """Be a generator: ``prepare(job)`` returns what runs after the starting gun.

    Adds ``client_cpu``, the seconds of CPU that the work took, to its result.
    """
    work = prepare(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    before = _cpu()
    result = work()
    result["client_cpu"] = _cpu() - before
    print(json.dumps(result), flush=True)


class Generator:
    """The benchmark's end of one load generator, prepared and waiting when made."""

    def __init__(self, module: str, job: Job) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.load.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell(json.dumps(job))
        self._hear()

    def go(self) -> None:
        """Start the work and return at once."""
        self._tell("go")

    def result(self) -> Result:
        """Wait for the end of the work."""
        answer: Result = json.loads(self._hear())
        self._process.wait()
        return answer

    def run(self) -> Result:
        """Start the work and wait for its end."""
        self.go()
        return self.result()

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"load generator {self.module} failed ({self._process.wait()})")
        return line


def _cpu() -> float:
    """Seconds of CPU of this process and of the programs that it has run."""
    found = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in found)
