"""Types of option values that oslo.config does not bring along.

Each takes the text of the file, returns the typed value and raises ``ValueError``
with the reason when the text does not fit.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from oslo_config import types

_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB|TB)?", re.IGNORECASE)
_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
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
        return [int(str(types.Port(min=1)(word))) for word in super().__call__(value)]


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


class Size(types.ConfigType):
    """Bytes, or a number with one of the units B KB MB GB TB (powers of 1024)."""

    def __init__(self) -> None:
        super().__init__(type_name="size")

    def __call__(self, value: Any) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value).strip())
        if not match:
            raise ValueError(f"{value!r} is not a number of bytes such as 500 or 10GB")
        return int(match[1]) * _UNITS[(match[2] or "").upper()]

    def _formatter(self, value: Any) -> str:
        return str(value)


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
