"""An option is declared in one place, and every place in a file is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from imagestore.backends import base
from imagestore.backends.base import Driver
from imagestore.backends.testing.memory import MemoryStore
from imagestore.config import store_options
from imagestore.config.option import declared, option
from imagestore.config.options import OPTIONS, SECTIONS


def test_every_option_is_declared_once() -> None:
    places = Counter((option.group, option.opt.name) for option in OPTIONS)
    assert [place for place, count in places.items() if count > 1] == []
    assert list(dict.fromkeys(option.group for option in OPTIONS)) == list(SECTIONS)


def test_every_option_says_what_it_means() -> None:
    assert [option.opt.name for option in OPTIONS if not option.opt.help.endswith(".")] == []


@dataclass(frozen=True)
class Odd:
    when: complex = option(0j, help="A type that no file can have.")


@dataclass(frozen=True)
class Needed:
    path: str = base.option(help="Has no default.")
    retries: int = base.option(3, help="Has one.", name="tries", minimum=0, maximum=9)
    hosts: tuple[str, ...] = base.option(("a", "b"), help="Several.")


def test_an_option_of_an_unknown_type_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="type that no option can have"):
        list(declared(Odd, "DEFAULT"))


def test_what_a_driver_declares() -> None:
    driver = Driver("odd", (), Needed, lambda name, _: MemoryStore(name), interface=1)
    path, retries, hosts = store_options.of(driver)
    assert (path.field, path.opt.name, path.opt.default) == ("path", "path", None)
    assert (retries.field, retries.opt.name, retries.opt.default) == ("retries", "tries", 3)
    assert (retries.opt.type.min, retries.opt.type.max) == (0, 9)
    assert hosts.to_setting(hosts.opt.default) == ("a", "b")
    with pytest.raises(TypeError, match="path"):
        Needed()
