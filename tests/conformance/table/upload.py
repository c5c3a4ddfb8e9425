"""Uploading data: sizes, stores, states and callers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import (
    IMAGES,
    OCTETS,
    delete,
    download,
    image,
    patch,
    raw_image,
    remove,
    replace,
    share,
    show,
    upload,
)
from tests.conformance.servers import SIZE_CAP, STORAGE_QUOTA

FILE = f"{IMAGES}/<a>/file"
SIZE = "x-openstack-image-size"
STORE = "X-Image-Meta-Store"

MEDIA = {
    "octets": OCTETS,
    "octets-parameter": f"{OCTETS}; charset=binary",
    "octets-upper-case": OCTETS.upper(),
    "json": "application/json",
    "text": "text/plain",
    "form": "multipart/form-data",
    "octets-list": f"{OCTETS}, text/plain",
    "empty": "",
    "none": "<omit>",
}
SIZES = {
    "right": "10",
    "too-small": "9",
    "too-large": "11",
    "zero": "0",
    "negative": "-1",
    "text": "ten",
    "float": "10.0",
    "empty": "",
    "spaces": " 10 ",
    "plus": "+10",
    "hexadecimal": "0xa",
    "over-cap": str(SIZE_CAP + 1),
    "over-quota": str(STORAGE_QUOTA + 1),
    "huge": "1" + "0" * 30,
}
STORES = {
    "default": "file1",
    "second": "file2",
    "unknown": "file9",
    "empty": "",
    "upper-case": "FILE1",
    "two": "file1,file2",
    "reserved": "os_glance_staging_store",
}
CALLERS = ("colleague", "reader", "writer", "roleless", "invited", "other", "admin", "bare-admin")


def scenes() -> Iterator[Scene]:
    ground = (raw_image(name="fresh"), share("invited"))
    for name, media in MEDIA.items():
        put = upload(headers={"Content-Type": media})
        yield from each(ground, {f"upload/media-{name}": [put, show()]})
    for name, size in SIZES.items():
        put = upload(headers={SIZE: size})
        yield from each(ground, {f"upload/size-{name}": [put, show()]})
    chunked_sizes = ("right", "too-small", "too-large", "text")
    for name in chunked_sizes:
        put = upload(headers={SIZE: SIZES[name]}, chunked=True)
        yield from each(ground, {f"upload/chunked-size-{name}": [put, show()]})
    for name, store in STORES.items():
        put = upload(headers={STORE: store})
        yield from each(ground, {f"upload/store-{name}": [put, show(), download()]})
    for caller in (*CALLERS, "anonymous", "invalid"):
        yield from each(ground, {f"upload/as-{caller}": [upload(caller=caller), show()]})
    yield from each(
        ground,
        {
            "upload/plain": [upload(), show(), download()],
            "upload/chunked": [upload(chunked=True), show(), download()],
            "upload/empty": [upload(data=b""), show(), download()],
            "upload/empty-chunked": [upload(data=b"", chunked=True), show(), download()],
            "upload/empty-no-media": [Request("PUT", FILE), show()],
            "upload/one-byte": [upload(data=b"x"), show(), download()],
            "upload/blocks": [upload(data=bytes(range(256)) * 1024), show(), download()],
            "upload/twice": [upload(), upload(data=b"other"), show(), download()],
            "upload/deleted": [delete(), upload()],
            "upload/at-cap": [upload(data=bytes(SIZE_CAP)), show()],
            "upload/over-cap": [upload(data=bytes(SIZE_CAP + 1)), show(), download()],
            "upload/over-cap-chunked": [
                upload(data=bytes(SIZE_CAP + 1), chunked=True),
                show(),
                upload(),
                show(),
            ],
            "upload/refused-then-good": [upload(headers={SIZE: "9"}), upload(), show(), download()],
            "upload/formats-after": [
                upload(),
                patch(replace("/disk_format", "iso")),
                patch(remove("/container_format")),
            ],
            "upload/post": Request("POST", FILE, body=b"x", headers={"Content-Type": OCTETS}),
            "upload/patch": Request("PATCH", FILE, body=b"x", headers={"Content-Type": OCTETS}),
            "upload/delete": Request("DELETE", FILE),
        },
    )
    unset = {
        "neither": {},
        "disk-only": {"disk_format": "raw"},
        "container-only": {"container_format": "bare"},
    }
    for name, fields in unset.items():
        yield from each(
            (image(**fields),), {f"upload/formats-{name}": [upload(), show(), download()]}
        )
    yield from each(
        (raw_image(protected=True),),
        {"upload/protected": [upload(), show(), upload(data=b"again")]},
    )
    community = (raw_image(visibility="community"),)
    yield from each(community, {"upload/community-as-other": [upload(caller="other"), show()]})
    full = (raw_image("first"), upload("first", bytes(SIZE_CAP)), raw_image())
    over = bytes(STORAGE_QUOTA - SIZE_CAP + 1)
    yield from each(
        full,
        {
            "upload/at-quota": [upload(data=over[1:]), show()],
            "upload/over-quota": [upload(data=over), show()],
            "upload/over-quota-chunked": [upload(data=over, chunked=True), show(), download()],
            "upload/over-quota-by-size": upload(headers={SIZE: str(len(over))}),
            "upload/quota-freed": [delete("first"), upload(data=over), show()],
        },
    )
    yield scene(
        (),
        {
            "upload/missing": upload("never"),
            "upload/missing-media": upload("never", headers={"Content-Type": "text/plain"}),
            "upload/no-uuid": Request(
                "PUT", f"{IMAGES}/x/file", body=b"x", headers={"Content-Type": OCTETS}
            ),
        },
    )
