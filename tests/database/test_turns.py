from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from imagestore.database.turns import Turns

TURNS = 40


def take_turns(path: Path, log: Path, name: str, together: Barrier) -> None:
    turns = Turns(path, 30)
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    together.wait()
    for _ in range(TURNS):
        with turns.mine():
            os.write(file, f"{name} begins\n".encode())
            time.sleep(0.002)
            os.write(file, f"{name} ends\n".encode())


def test_processes_alternate(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    processes = [
        context.Process(target=take_turns, args=(tmp_path / "turn", log, name, together))
        for name in ("one", "two")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    words = [line.split() for line in log.read_text().splitlines()]
    assert len(words) == 4 * TURNS
    names = []
    for (begins, what), (ends, end) in zip(words[::2], words[1::2], strict=True):
        assert (what, end, begins) == ("begins", "ends", ends)
        names.append(begins)
    # Neither has the file to itself for long while the other one waits.
    longest = max(len(run) for run in "".join(name[0] for name in names[:-TURNS]).split("t"))
    assert longest < TURNS // 2


def hold(path: Path, held: Barrier) -> None:
    with Turns(path, 30).mine():
        held.wait()
        time.sleep(60)


def test_a_turn_that_does_not_come_is_taken(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Barrier(2)
    holder = context.Process(target=hold, args=(tmp_path / "turn", held))
    holder.start()
    try:
        held.wait(30)
        turns = Turns(tmp_path / "turn", 0.1)
        began = time.monotonic()
        with turns.mine():
            assert 0.1 <= time.monotonic() - began < 50
    finally:
        holder.kill()
        holder.join()
    began = time.monotonic()
    with Turns(tmp_path / "turn", 60).mine():
        assert time.monotonic() - began < 50


def test_the_file_must_be_writable(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Turns(tmp_path / "missing" / "turn", 1)
