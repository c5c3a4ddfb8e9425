"""Workers are forked of a process that has loaded everything, and become the parent's own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.services import process

_LOADER = """
import json, os, sys, uuid
from imagestore.supervisor import loader, orphans, reports
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
parent, control = int(given["--parent"]), int(given["--control-fd"])
if {refused}:
    loader.refuse_workers(control, reports.Failure("It is away.", 69))
loaded = str(uuid.uuid4())
place = loader.fork_workers(control, [])
orphans.end_with_parent(parent)
told = [loaded, os.getppid(), os.getpgid(0), os.getpid()]
reports.send_failure(place.report, reports.Failure(json.dumps(told), 0))
os._exit(7)
"""
_PARENT = """
import json, os, select, sys, time
from imagestore.supervisor import orphans
from imagestore.supervisor.loader import Loader
orphans.adopt()
loader = Loader([sys.executable, "-c", {loader!r}], [], os.environ, {{}})
children = [loader.fork(fds) for fds in {forks}]
{then}
for child in children:
    while not child.hear():
        select.select([child.pipe], [], [])
while any(child.exit_code() is None for child in children):
    codes = orphans.reap()
    for child in children:
        child.take(codes)
    time.sleep(0.01)
print(json.dumps([os.getpid(), [[c.pid, c.exit_code(), c.failure.message] for c in children]]))
"""


def run(
    *forks: list[int], refused: bool = False, then: str = "loader.close()"
) -> tuple[int, list[Any]]:
    """Process id of the parent; of each worker its id, exit code and words."""
    code = _PARENT.format(
        loader=_LOADER.replace("{refused}", str(refused)), forks=[*forks], then=then
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=process.PATIENCE
    )
    assert answer.returncode == 0, answer.stderr
    parent, children = json.loads(answer.stdout)
    return parent, children


def test_workers_share_what_was_loaded_and_are_the_parents_own() -> None:
    parent, children = run([], [])
    words = [json.loads(message) for _, _, message in children]
    assert len({loaded for loaded, *_ in words}) == 1, "it was loaded more than once"
    for (pid, code, _), (_, ppid, group, own) in zip(children, words, strict=True):
        assert (pid, ppid, group, code) == (own, parent, own, 7)
    assert len({pid for pid, *_ in children}) == 2


def test_why_there_are_no_workers_is_told_to_whoever_asked() -> None:
    _, children = run([], [], refused=True)
    assert children == [[None, 69, "It is away."]] * 2


def test_workers_that_were_never_born_have_ended() -> None:
    _, ((pid, code, message),) = run(
        [], then="os.kill(loader._process.pid, 19); children[0].kill()"
    )
    assert (pid, code) == (None, 1)
    assert "ended while it started" in message
