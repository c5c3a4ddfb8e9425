"""How both servers are configured, so that limits are within reach of the table."""

from __future__ import annotations

from typing import Final

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
