"""Processes forked from one that has loaded what they use.

To load it takes a second or two of a processor, and the tests start hundreds of processes. One
server for all users in a process of the tests: it starts with the first of them.
"""

from __future__ import annotations

import multiprocessing

context = multiprocessing.get_context("forkserver")
"""``context.Process``, ``context.Pipe`` and the like make them."""
_modules: list[str] = []


def preload(*modules: str) -> None:
    """Load ``modules`` before any process is forked; said when the user's module is imported."""
    _modules.extend(modules)
    context.set_forkserver_preload(_modules)
