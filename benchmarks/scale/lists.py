"""Every filter and every order that the API has, over what :mod:`benchmarks.scale.load` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.contenders.base import ImageService
from imagestore.model.query import SORT_KEYS

ADMIN, BIG, SMALL, NONE, FRIEND = "admin", "big", "project-1", "nobody", "friend"
"""Projects: of an administrator, of one that owns a tenth, some 900, none, and is shared with."""

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class List:
    """A list of 25, or of what else ``query`` says, as ``project`` asks for it.

    ``peer``: Glance is asked as well.
    """

    title: str
    query: str
    project: str = ADMIN
    peer: bool = False

    @property
    def path(self) -> str:
        """With its query."""
        limit = "" if "limit=" in self.query else "limit=25&"
        return f"/v2/images?{limit}{self.query}"


def lists(number: int, marker: str) -> list[List]:
    """All of them among ``number`` images; ``marker``: the id of one in the middle."""
    names = ",".join(f"img-{each}" for each in range(1, 21))
    checksum = f"{10:08x}00000000000000000000ffff"
    since = "updated_at=gt:2025-01-01T00:01:00Z"
    return [
        List("newest first, by one who owns a tenth", "", BIG, peer=True),
        List("newest first, by one who owns some hundred", "", SMALL),
        List("newest first, by one who owns none", "", NONE),
        List("newest first, by an administrator", "", peer=True),
        List("1,000 a page", "limit=1000"),
        List("from the middle", f"marker={marker}", peer=True),
        List("all visibilities", "visibility=all", BIG),
        *(
            List(f"visibility {each}", f"visibility={each}", BIG)
            for each in ("public", "community", "shared", "private")
        ),
        List("shared with me and accepted", "visibility=shared&member_status=accepted", FRIEND),
        List("shared with me, any answer", "visibility=shared&member_status=all", FRIEND),
        List("by id", f"id={marker}"),
        List("by ids", f"id=in:{marker},{UNKNOWN}"),
        List("by name", f"name=img-{number // 4}", peer=True),
        List("by 20 names", f"name=in:{names}"),
        List("by status, all have it", "status=active"),
        List("by status, none has it", "status=queued"),
        List("by disk format, all but few have it", "disk_format=qcow2"),
        List("by disk format, one in 50 has it", "disk_format=vhd"),
        List("by container format, none has it", "container_format=ova"),
        List("by checksum", f"checksum={checksum}"),
        List("by os_hash_value", f"os_hash_value={10:08x}{'a' * 120}"),
        List("by owner, a large one", f"owner={BIG}"),
        List("by owner, a small one", f"owner={SMALL}"),
        List("by size, a narrow range", "size_min=500&size_max=510"),
        List("by min_disk, a quarter has it", "min_disk=3"),
        List("by min_ram, none has it", "min_ram=5000"),
        List("by min_ram, one in 1,000 has it", "min_ram=500"),
        List("protected, none is", "protected=true"),
        List("hidden, none is", "os_hidden=true"),
        List("created after", "created_at=gt:2025-01-01T00:01:00Z"),
        List("changed since, oldest first", f"{since}&sort=updated_at:asc"),
        List("by a property that one has", f"serial=serial-{number // 3}", peer=True),
        List("by a property that many have", "os_distro=distro-3", peer=True),
        List("by a property that many have, small project", "os_distro=distro-3", SMALL),
        List("by two properties that many have", "os_distro=distro-3&os_version=11"),
        List("by two properties that never meet", "hw_disk_bus=bus-1&architecture=arch-9"),
        List("by a tag that few have", "tag=set-77"),
        List("by a tag that many have", "tag=tag-3", peer=True),
        List("by a tag that only public images have", "tag=public-only"),
        List("the same, of what one owns", "tag=public-only&visibility=private", BIG),
        List("by a tag that only the oldest have", "tag=old"),
        List("by two tags that never meet", "tag=tag-3&tag=tag-4"),
        List("by a tag that many have, in order of names", "tag=tag-3&sort=name:asc"),
        *(
            List(
                f"in order of {key}, {way}",
                f"sort={key}:{way}",
                peer=(key, way) in (("size", "desc"), ("name", "asc")),
            )
            for key in sorted(SORT_KEYS)
            for way in ("asc", "desc")
        ),
        List("in order of name and size", "sort=name:asc,size:desc"),
        List("in order of names, large project", "sort=name:asc", BIG),
    ]


def headers(service: ImageService, project: str) -> Mapping[str, str]:
    """How ``project`` asks; the one called :data:`ADMIN` as an administrator."""
    roles = "admin,member,reader" if project == ADMIN else "member,reader"
    if "X-Auth-Token" in service.headers:
        return {"X-Auth-Token": f"{project}:{project}:{roles}"}
    return {
        **service.headers,
        "X-User-Id": project,
        "X-Project-Id": project,
        "X-Roles": roles,
    }


def find_marker(service: ImageService, number: int) -> str:
    """The id of an image in the middle."""
    query = urlencode({"limit": 1, "name": f"img-{number // 4}"})
    images = service.fetch(f"/v2/images?{query}", headers(service, ADMIN))["images"]
    return str(images[0]["id"])
