"""Run by the interpreter of tests.services.registry_client: calls of Glance's client, as JSON."""

import collections
import collections.abc
import json
import sys

collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]

from glance.registry.client.v1.client import (  # type: ignore[import-not-found] # noqa: E402
    RegistryClient,
)

HOST, PORT, SECRET, LOCATION = sys.argv[1:]
WHO = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "alice",
    "X-Tenant-Id": "red",
    "X-Roles": "member,reader",
}


def client(secret: str) -> RegistryClient:
    return RegistryClient(HOST, int(PORT), auth_token=secret, identity_headers=WHO)


def refused() -> str:
    try:
        client("false").get_images()
    except Exception as error:
        return type(error).__name__
    return "let in"


def calls() -> dict[str, object]:
    registry = client(SECRET)
    draft = {"name": "made", "disk_format": "raw", "container_format": "bare"}
    made = registry.add_image(draft | {"properties": {"distro": "Ubuntu"}, "is_public": False})
    placed = registry.add_image(draft | {"status": "active", "location": LOCATION, "size": 5})
    more = {"min_ram": 512, "properties": {"release": "trusty"}}
    registry.add_member(made["id"], "blue", can_share=True)
    return {
        "refused": refused(),
        "made": made,
        "placed": placed,
        "listed": registry.get_images(filters={"name": "made"}, sort_key="size", sort_dir="desc"),
        "detailed": registry.get_images_detailed(filters={"status": "active"}),
        "kept": registry.update_image(made["id"], more),
        "purged": registry.update_image(made["id"], more, purge_props=True, from_state="queued"),
        "members": registry.get_image_members(made["id"]),
        "shared": registry.get_member_images("blue"),
        "replaced": registry.replace_members(made["id"], {"member_id": "green"}),
        "left": registry.delete_member(made["id"], "green"),
        "deleted": registry.delete_image(made["id"]),
        "sent_back": registry.update_image(placed["id"], placed),
        "found": registry.get_image(placed["id"]),
    }


print(json.dumps(calls()))
