"""What is imported when it is first used, for options to be known without the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package: which of its modules has a name, by name."""

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find


def load(*modules: str) -> Callable[[], None]:
    """A function that imports ``modules``."""

    def run() -> None:
        for module in modules:
            import_module(module)

    return run


def call(module: str, name: str) -> Callable[..., Any]:
    """A function that calls what is called ``name`` in ``module``."""

    def make(*args: Any) -> Any:
        return getattr(import_module(module), name)(*args)

    return make
