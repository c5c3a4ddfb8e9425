"""How servers are reached: certificates, proxies, time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Transport:
    """How servers are reached."""

    ca_file: Path | None = None
    """Authorities (PEM) that certificates must come from, instead of the system's."""
    insecure: bool = False
    """Believe any certificate. Has no effect with a ``ca_file``."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """HTTP proxies as URLs, by the scheme of what is fetched. Those of the environment are
    not used. With a proxy, host names are resolved there, and checked by name only."""
    connect_timeout: float = 30.0
    """Seconds to reach one address."""
