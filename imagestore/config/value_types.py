"""Types of option values that oslo.config does not bring along.

Each takes the text of the file, returns the typed value and raises ``ValueError``
with the reason when the text does not fit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from oslo_config import types

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)\s*([a-z]*)", re.IGNORECASE)
_SIZES = {
    "b": 1, "byte": 1, "bytes": 1,
    **{
        name: 1 << 10 * power
        for power, letter in enumerate("kmgtp", 1)
        for name in (letter, f"{letter}b", f"{letter}ib")
    },
}  # fmt: skip
"""Powers of 1024 in any spelling, as Glance has it."""
_TIMES = {
    name: seconds
    for seconds, names in (
        (0.001, "ms"), (1, "s sec second seconds"), (60, "m min minute minutes"),
        (3600, "h hour hours"), (86400, "d day days"), (604800, "w week weeks"),
    )
    for name in names.split()
}  # fmt: skip
_UNITS: dict[str, tuple[Mapping[str, float], float, str]] = {
    "": ({}, 1, ""),
    "bytes": (_SIZES, 1, "500 or 10GiB"),
    "MiB": (_SIZES, 1 << 20, "500 or 10GiB"),
    "MB of 1024000 bytes": (_SIZES, 1_024_000, "500 or 10GiB"),
    "seconds": (_TIMES, 1, "90 or 15m"),
    "hours": (_TIMES, 3600, "24 or 7d"),
    "days": (_TIMES, 86400, "30 or 4w"),
}
"""What a plain number may count: the units that it can have instead, its own, and an example."""
_LONGEST_DIGEST = 64
"""Bytes: the database keeps at most 128 hexadecimal digits."""


class Words(types.List):
    """Words separated by commas, with or without brackets around all of them."""

    def __call__(self, value: Any) -> list[str]:
        if isinstance(value, str):
            text = value.strip()
            if text.startswith("[") != text.endswith("]"):
                raise ValueError(f"{value!r} opens or closes a bracket that is not there")
            value = text.removeprefix("[").removesuffix("]")
        return [str(word) for word in super().__call__(value) if word]


class Ports(Words):
    """TCP ports separated by commas, with or without brackets around all of them."""

    def __call__(self, value: Any) -> list[int]:  # type: ignore[override]
        return [int(Quantity(min=1, max=65535)(word)) for word in super().__call__(value)]


class Pairs(types.Dict):
    """``name:value`` pairs separated by commas; the order is kept, a name comes once."""

    def __call__(self, value: Any) -> dict[str, str]:
        if isinstance(value, str):
            names = [pair.partition(":")[0].strip() for pair in value.split(",")]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{', '.join(sorted(twice))} is named twice")
        return dict(super().__call__(value))


class Numbers(Pairs):
    """``name:number`` pairs; numbers from 0."""

    def __call__(self, value: Any) -> dict[str, int]:  # type: ignore[override]
        numbers = super().__call__(value)
        for name, text in numbers.items():
            if not str(text).isdecimal():
                raise ValueError(f"{name}:{text} is not a name with a number")
        return {name: int(text) for name, text in numbers.items()}


class Quantity(types.ConfigType):
    """A number in bounds, which counts ``unit``; a size or a time may name another unit."""

    def __init__(
        self,
        kind: type[int] | type[float] = int,
        *,
        unit: str = "",
        min: float | None = None,
        max: float | None = None,
    ) -> None:
        super().__init__(type_name="number")
        self.kind, self.unit, self.min, self.max = kind, unit, min, max
        self._units, self._one, self._example = _UNITS[unit]

    def __call__(self, value: Any) -> int | float:
        number: int | float = self._number(value) if isinstance(value, str) else value
        if self.min is not None and number < self.min:
            raise ValueError(f"{value} is less than {self.min}, the least that it can be")
        if self.max is not None and number > self.max:
            raise ValueError(f"{value} is more than {self.max}, the most that it can be")
        return number

    def _number(self, text: str) -> int | float:
        whole = "whole number" if self.kind is int else "number"
        match = _QUANTITY.fullmatch(text.strip())
        unit = self._units.get(match[2].lower()) if match and match[2] else self._one
        if match is None or unit is None:
            such = f" of {self.unit} such as {self._example}" if self.unit else ""
            raise ValueError(f"{text.strip()!r} is not a {whole}{such}")
        # Exact: what a float holds is too little for sizes.
        number = Fraction(match[1]) * Fraction(str(unit)) / Fraction(str(self._one))
        if self.kind is float:
            return float(number)
        if number.denominator > 1 and (self._units is not _SIZES or number < 1):
            of = f" of {self.unit}" if self.unit else ""
            raise ValueError(f"{text.strip()!r} is not a whole number{of}")
        return int(number)

    def _formatter(self, value: Any) -> str:
        return str(value)


class Size(Quantity):
    """Bytes, or a number with one of the units KB, KiB and so on."""

    def __init__(self) -> None:
        super().__init__(unit="bytes", min=0)


class HostPort(types.ConfigType):
    """``host:port`` or ``[address]:port``, as a pair."""

    def __init__(self) -> None:
        super().__init__(type_name="host:port")

    def __call__(self, value: Any) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isdecimal() and int(port) < 65536):
            raise ValueError(f"{value!r} is not of the form host:port")
        return host, int(port)

    def _formatter(self, value: Any) -> str:
        return "{}:{}".format(*value)


class HashName(types.ConfigType):
    """A digest that hashlib has, of at most 128 hexadecimal digits."""

    def __init__(self) -> None:
        super().__init__(type_name="digest")

    def __call__(self, value: Any) -> str:
        name = str(value)
        try:
            size = hashlib.new(name, usedforsecurity=False).digest_size
        except ValueError:
            raise ValueError(f"there is no digest named {name!r} on this machine") from None
        if not 0 < size <= _LONGEST_DIGEST:
            raise ValueError(f"{name!r} does not give a digest of at most 128 hexadecimal digits")
        return name

    def _formatter(self, value: Any) -> str:
        return str(value)
