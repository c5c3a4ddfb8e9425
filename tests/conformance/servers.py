"""How both servers are configured, so that limits are within reach of the table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.services import glance

SIZE_CAP: Final = 1_000_000
STORAGE_QUOTA: Final = 1_500_000

OPTIONS: Final = {
    "DEFAULT": {
        "limit_param_default": "5",
        "api_limit_max": "8",
        "image_property_quota": "6",
        "image_tag_quota": "6",
        "image_member_quota": "3",
        "image_size_cap": str(SIZE_CAP),
        "user_storage_quota": str(STORAGE_QUOTA),
    },
    "cors": {"allowed_origin": "https://page.example,https://other.example:8443"},
}
"""Section → option → value, added to the defaults of each server."""


def equipped(directory: Path, flavor: str) -> Mapping[str, Mapping[str, str]]:
    """The options with a store for http, and a cache in ``directory``, whose older routes
    ``flavor`` switches on."""
    return {
        **OPTIONS,
        "DEFAULT": {
            **OPTIONS["DEFAULT"],
            "enabled_backends": "file1:file,file2:file,web:http",
            "image_cache_dir": str(directory),
        },
        "paste_deploy": {"flavor": flavor},
        "oslo_concurrency": {"lock_path": str(directory)},
    }


def start_equipped_glance(directory: Path) -> glance.Glance:
    """A Glance with all that, below ``directory``."""
    place = directory.resolve() / "cache"
    place.mkdir(parents=True, exist_ok=True)
    return glance.start(directory, options=equipped(place, "tokens+cachemanagement"))


def written(options: Mapping[str, Mapping[str, str]]) -> str:
    """Options as lines of a configuration file."""
    lines = []
    for section, values in options.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
    return "\n".join(lines) + "\n"
