"""A part of a contract: for a second service that differs from the first one in a few things."""

from __future__ import annotations

from typing import Any, TypeVar

Contract = TypeVar("Contract")


def excerpt(contract: type[Contract], *tests: str) -> Any:
    """``contract`` with those of its tests alone."""
    names = {name for name in dir(contract) if name.startswith("test_")}
    assert names.issuperset(tests), set(tests) - names
    # What is not callable is not collected.
    left_out = dict.fromkeys(names.difference(tests))
    return type(f"Excerpt{contract.__name__}", (contract,), left_out)
