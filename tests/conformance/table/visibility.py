"""Who sees and changes what, by visibility and caller."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import CALLERS, Scene, each, scene
from tests.conformance.requests import (
    answer,
    download,
    image,
    listing,
    patch,
    raw_image,
    replace,
    share,
    show,
    upload,
)

VISIBILITIES = ("private", "shared", "community", "public")


def scenes() -> Iterator[Scene]:
    ground = (
        *(raw_image(word, "admin", owner="<owner>", visibility=word) for word in VISIBILITIES),
        *(upload(word, b"bytes of " + word.encode()) for word in VISIBILITIES),
        share("invited", "shared"),
        share("second", "shared"),
        answer("rejected", "second", "second", "shared"),
    )
    cases = {}
    for caller in CALLERS:
        for word in VISIBILITIES:
            cases[f"visibility/{word}-shown-to-{caller}"] = show(word, caller)
            cases[f"visibility/{word}-data-for-{caller}"] = download(word, caller)
        cases[f"visibility/listed-for-{caller}"] = listing("owner=<owner>", caller)
        cases[f"visibility/all-listed-for-{caller}"] = listing(
            "owner=<owner>&visibility=all", caller
        )
    yield scene(ground, cases)

    for before in ("private", "shared", "community"):
        for after in VISIBILITIES:
            change = patch(replace("/visibility", after))
            ordinary = {f"visibility/{before}-to-{after}": [change, show(caller="other")]}
            yield from each((image(visibility=before),), ordinary)
    for before, after in (("public", "private"), ("community", "public"), ("public", "public")):
        change = patch(replace("/visibility", after), caller="admin")
        by_admin = {f"visibility/admin-{before}-to-{after}": [change, show(caller="other")]}
        yield from each((image(caller="admin", visibility=before),), by_admin)
    taken_back = [patch(replace("/visibility", "private")), show(caller="other")]
    made_public = (image(caller="admin", owner="<owner>", visibility="public"),)
    yield from each(made_public, {"visibility/owner-takes-back-public": taken_back})

    unowned = (raw_image("a", "admin", owner=None), upload("a", b"free", "admin"))
    yield scene(
        unowned,
        {
            "visibility/unowned-shown": show(),
            "visibility/unowned-data": download(),
            "visibility/unowned-changed": patch(replace("/name", "mine")),
            "visibility/unowned-listed": listing("visibility=shared"),
        },
    )
