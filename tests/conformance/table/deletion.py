"""Deleting images, and what is left to see."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import (
    IMAGES,
    JSON,
    action,
    answer,
    delete,
    download,
    get,
    image,
    listing,
    patch,
    raw_image,
    replace,
    share,
    show,
    tag,
    upload,
)


def scenes() -> Iterator[Scene]:
    yield from each(
        (raw_image(name="doomed", tags=["x"]),),
        {
            "deletion/queued": [delete(), show(), listing("owner=<owner>")],
            "deletion/twice": [delete(), delete()],
            "deletion/then-patch": [delete(), patch(replace("/name", "back"))],
            "deletion/then-upload": [delete(), upload()],
            "deletion/then-tag": [delete(), tag("PUT", "y")],
            "deletion/then-members": [delete(), get(f"{IMAGES}/<a>/members")],
            "deletion/then-deactivate": [delete(), action("deactivate")],
            "deletion/body": Request("DELETE", f"{IMAGES}/<a>", json={"sure": True}),
            "deletion/body-empty-object": Request("DELETE", f"{IMAGES}/<a>", json={}),
            "deletion/body-text": Request("DELETE", f"{IMAGES}/<a>", body=b"sure"),
            "deletion/length-zero": Request(
                "DELETE", f"{IMAGES}/<a>", headers={"Content-Length": "0"}
            ),
            "deletion/by-colleague": delete(caller="colleague"),
            "deletion/by-reader": delete(caller="reader"),
            "deletion/by-writer": delete(caller="writer"),
            "deletion/by-roleless": delete(caller="roleless"),
            "deletion/by-other": [delete(caller="other"), show()],
            "deletion/by-admin": delete(caller="admin"),
            "deletion/by-anonymous": delete(caller="anonymous"),
        },
    )
    yield from each(
        (raw_image(), upload()),
        {
            "deletion/active": [delete(), show(), download()],
            "deletion/admin-view": [delete(), show(caller="admin"), download(caller="admin")],
            "deletion/deactivated": [action("deactivate"), delete()],
        },
    )
    yield from each(
        (image(protected=True),),
        {
            "deletion/protected": [delete(), show()],
            "deletion/protected-by-admin": delete(caller="admin"),
            "deletion/protected-by-other": delete(caller="other"),
            "deletion/unprotected": [patch(replace("/protected", False)), delete()],
        },
    )
    shared = (image(), share("invited"), answer("accepted"))
    yield from each(
        shared,
        {
            "deletion/by-member": [delete(caller="invited"), show(caller="invited")],
            "deletion/shared": [delete(), show(caller="invited"), get(f"{IMAGES}/<a>/members")],
        },
    )
    community = (image(visibility="community"),)
    yield from each(community, {"deletion/community-by-other": delete(caller="other")})
    public = (image(caller="admin", visibility="public"),)
    yield from each(public, {"deletion/public-by-other": delete(caller="other")})
    unowned = (image(caller="admin", owner=None),)
    yield from each(unowned, {"deletion/unowned": [show(), delete()]})
    yield scene(
        (),
        {
            "deletion/missing": delete("never"),
            "deletion/missing-json": Request("DELETE", f"{IMAGES}/<never>", headers=JSON),
            "deletion/no-uuid": Request("DELETE", f"{IMAGES}/debian"),
            "deletion/all": Request("DELETE", IMAGES),
        },
    )
