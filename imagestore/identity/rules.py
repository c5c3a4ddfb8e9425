"""The policy rules of the Images API and who passes them when no policy file says otherwise.

Names and defaults are those of the Images API service of OpenStack (2026.1 with
``enforce_new_defaults``), so that its ``policy.yaml`` files keep their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Operation = tuple[str, str]
"""An HTTP method and a path."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, its default in the language of oslo.policy, what it guards."""

    name: str
    check: str
    description: str
    operations: tuple[Operation, ...] = ()
    project_scoped: bool = True
    """Refused to callers whose token is for a domain or the whole system."""


ADMIN = "rule:context_is_admin"
_OF_PROJECT = "project_id:%(project_id)s"
_OF_MEMBER = "project_id:%(member_id)s"
_PUBLIC = "'public':%(visibility)s"
_ANY_TIE = (
    f"({_OF_PROJECT} or {_OF_MEMBER} or 'community':%(visibility)s or {_PUBLIC}"
    " or 'shared':%(visibility)s)"
)

OWNER = f"{ADMIN} or (role:member and {_OF_PROJECT})"
OWNER_READER = f"{ADMIN} or (role:reader and {_OF_PROJECT})"
CREATOR = f"{ADMIN} or (role:member and {_OF_PROJECT} and project_id:%(owner)s)"
VIEWER = f"{ADMIN} or (role:reader and {_ANY_TIE})"
USER_OF_DATA = f"{ADMIN} or (role:member and {_ANY_TIE})"
SHARING_READER = f"{ADMIN} or role:reader and ({_OF_PROJECT} or {_OF_MEMBER})"
SHARING_MEMBER = f"{ADMIN} or (role:member and {_OF_MEMBER})"
SERVICE = "rule:service_api"
NAMESPACE_READER = f"{ADMIN} or (role:reader and ({_OF_PROJECT} or {_PUBLIC}))"
METADEF_ADMIN = "rule:metadef_admin"
EVERYONE = "rule:default"

_IMAGES = "/v2/images"
_IMAGE = "/v2/images/{image_id}"
_MEMBERS = f"{_IMAGE}/members"
_MEMBER = f"{_MEMBERS}/{{member_id}}"
_NAMESPACES = "/v2/metadefs/namespaces"
_NAMESPACE = f"{_NAMESPACES}/{{namespace_name}}"

_BASE = (
    Rule(
        "default",
        "",
        "What other rules refer to that are open to everyone.",
        project_scoped=False,
    ),
    Rule("context_is_admin", "role:admin", "Who is an administrator.", project_scoped=False),
    Rule(
        "service_api",
        "role:service or role:admin",
        "Who may use calls that are made for other services.",
        project_scoped=False,
    ),
)

_IMAGE_RULES = (
    Rule("add_image", CREATOR, "Create an image", (("POST", _IMAGES),)),
    Rule("delete_image", OWNER, "Delete an image", (("DELETE", _IMAGE),)),
    Rule("get_image", VIEWER, "Show an image", (("GET", _IMAGE),)),
    Rule("get_images", OWNER_READER, "List images", (("GET", _IMAGES),)),
    Rule("modify_image", OWNER, "Change an image, its properties and tags", (("PATCH", _IMAGE),)),
    Rule(
        "publicize_image",
        ADMIN,
        "Make an image visible to everyone",
        (("POST", _IMAGES), ("PATCH", _IMAGE)),
    ),
    Rule(
        "communitize_image",
        OWNER,
        "Make an image visible to everyone who asks for it",
        (("POST", _IMAGES), ("PATCH", _IMAGE)),
    ),
    Rule("download_image", USER_OF_DATA, "Download image data", (("GET", f"{_IMAGE}/file"),)),
    Rule(
        "download_from_store",
        USER_OF_DATA,
        "Download image data from stores of the caller's choice",
        (("GET", f"{_IMAGE}/file"),),
    ),
    Rule("upload_image", OWNER, "Upload image data", (("PUT", f"{_IMAGE}/file"),)),
    Rule("delete_image_location", ADMIN, "Remove a location of an image", (("PATCH", _IMAGE),)),
    Rule("get_image_location", OWNER_READER, "See where image data lies", (("GET", _IMAGE),)),
    Rule("set_image_location", OWNER, "Set the locations of an image", (("PATCH", _IMAGE),)),
    Rule(
        "add_image_location",
        f"{SERVICE} or (role:member and {_OF_PROJECT} and project_id:%(owner)s)",
        "Add a location to an image",
        (("POST", f"{_IMAGE}/locations"),),
    ),
    Rule(
        "fetch_image_location",
        SERVICE,
        "List all locations of an image",
        (("GET", f"{_IMAGE}/locations"),),
    ),
    Rule("add_member", OWNER, "Share an image with a project", (("POST", _MEMBERS),)),
    Rule("delete_member", OWNER, "Stop sharing with a project", (("DELETE", _MEMBER),)),
    Rule("get_member", SHARING_READER, "Show a member of an image", (("GET", _MEMBER),)),
    Rule("get_members", SHARING_READER, "List the members of an image", (("GET", _MEMBERS),)),
    Rule("modify_member", SHARING_MEMBER, "Accept or reject a share", (("PUT", _MEMBER),)),
    Rule("manage_image_cache", ADMIN, "Use the older calls that manage the cache"),
    Rule(
        "deactivate",
        OWNER,
        "Withhold the data of an image",
        (("POST", f"{_IMAGE}/actions/deactivate"),),
    ),
    Rule(
        "reactivate",
        OWNER,
        "Release the data of an image again",
        (("POST", f"{_IMAGE}/actions/reactivate"),),
    ),
    Rule("copy_image", ADMIN, "Copy an image to other stores", (("POST", f"{_IMAGE}/import"),)),
    Rule(
        "list_cached_nodes",
        ADMIN,
        "See which nodes have an image in their cache",
        (("GET", "/v2/cache/nodes/{image_id}"),),
    ),
)

_TASK_RULES = (
    Rule("get_task", EVERYONE, "Show a task, internally too", (("GET", "/v2/tasks/{task_id}"),)),
    Rule("get_tasks", EVERYONE, "List tasks, internally too", (("GET", "/v2/tasks"),)),
    Rule("add_task", EVERYONE, "Create a task, internally too", (("POST", "/v2/tasks"),)),
    Rule("modify_task", EVERYONE, "Without effect", (("DELETE", "/v2/tasks/{task_id}"),)),
    Rule(
        "tasks_api_access",
        ADMIN,
        "Use the tasks API at all",
        (
            ("GET", "/v2/tasks/{task_id}"),
            ("GET", "/v2/tasks"),
            ("POST", "/v2/tasks"),
            ("DELETE", "/v2/tasks/{task_id}"),
        ),
    ),
)


def _metadef_rules() -> Iterator[Rule]:
    yield Rule("metadef_default", "", "Kept for policy files that use it.", project_scoped=False)
    yield Rule("metadef_admin", ADMIN, "Who may change metadata definitions.", project_scoped=False)
    yield Rule(
        "get_metadef_namespace", NAMESPACE_READER, "Show a namespace", (("GET", _NAMESPACE),)
    )
    yield Rule("get_metadef_namespaces", OWNER_READER, "List namespaces", (("GET", _NAMESPACES),))
    for verb, method, path, words in (
        ("modify", "PUT", _NAMESPACE, "Change a namespace"),
        ("add", "POST", _NAMESPACES, "Create a namespace"),
        ("delete", "DELETE", _NAMESPACE, "Delete a namespace"),
    ):
        yield Rule(f"{verb}_metadef_namespace", METADEF_ADMIN, words, ((method, path),))
    yield from _metadef_kind("object", "objects", "delete")
    yield Rule(
        "list_metadef_resource_types",
        NAMESPACE_READER,
        "List resource types",
        (("GET", "/v2/metadefs/resource_types"),),
    )
    resource_types = f"{_NAMESPACE}/resource_types"
    yield Rule(
        "get_metadef_resource_type",
        NAMESPACE_READER,
        "List the resource types of a namespace",
        (("GET", resource_types),),
    )
    yield Rule(
        "add_metadef_resource_type_association",
        METADEF_ADMIN,
        "Tie a resource type to a namespace",
        (("POST", resource_types),),
    )
    yield Rule(
        "remove_metadef_resource_type_association",
        METADEF_ADMIN,
        "Untie a resource type from a namespace",
        (("DELETE", f"{resource_types}/{{name}}"),),
    )
    yield from _metadef_kind("property", "properties", "remove")
    yield from _metadef_kind("tag", "tags", "delete")
    tags = f"{_NAMESPACE}/tags"
    yield Rule("add_metadef_tags", METADEF_ADMIN, "Set all tags of a namespace", (("POST", tags),))
    yield Rule("delete_metadef_tags", METADEF_ADMIN, "Delete all its tags", (("DELETE", tags),))


def _metadef_kind(one: str, many: str, removal: str) -> Iterator[Rule]:
    """The five rules that objects, properties and tags of a namespace all have."""
    path = f"{_NAMESPACE}/{many}"
    item = f"{path}/{{{one}_name}}"
    add = ("POST", item if one == "tag" else path)
    yield Rule(f"get_metadef_{one}", NAMESPACE_READER, f"Show a metadef {one}", (("GET", item),))
    yield Rule(f"get_metadef_{many}", NAMESPACE_READER, f"List metadef {many}", (("GET", path),))
    yield Rule(f"modify_metadef_{one}", METADEF_ADMIN, f"Change a metadef {one}", (("PUT", item),))
    yield Rule(f"add_metadef_{one}", METADEF_ADMIN, f"Create a metadef {one}", (add,))
    yield Rule(
        f"{removal}_metadef_{one}", METADEF_ADMIN, f"Delete a metadef {one}", (("DELETE", item),)
    )


_CACHE_RULES = (
    Rule("cache_image", ADMIN, "Queue an image for the cache", (("PUT", "/v2/cache/{image_id}"),)),
    Rule("cache_list", ADMIN, "List the cache", (("GET", "/v2/cache"),)),
    Rule(
        "cache_delete",
        ADMIN,
        "Drop images from the cache or its queue",
        (("DELETE", "/v2/cache"), ("DELETE", "/v2/cache/{image_id}")),
    ),
    Rule("cache_clean", ADMIN, "Remove broken entries", (("POST", "/v2/cache/clean"),)),
    Rule("cache_prune", ADMIN, "Shrink the cache to its limit", (("POST", "/v2/cache/prune"),)),
)

_DISCOVERY_RULES = (
    Rule(
        "stores_info_detail",
        f"{ADMIN} or {SERVICE}",
        "See details of the stores",
        (("GET", "/v2/info/stores/detail"),),
    ),
)

_OWN_RULES = (
    Rule(
        "get_events",
        OWNER_READER,
        "Watch what happens to the images that one may see, and to one's jobs (not in Glance)",
        (("GET", "/v2/events"),),
    ),
    Rule(
        "copy_from",
        OWNER,
        "Have the data of an image copied from a URL by the Images API v1, beside modify_image "
        "and upload_image (a rule of Glance until v1 was dropped)",
        (("POST", "/v1/images"), ("PUT", "/v1/images/{image_id}")),
    ),
)

RULES: tuple[Rule, ...] = (
    *_BASE,
    *_IMAGE_RULES,
    *_TASK_RULES,
    *_metadef_rules(),
    *_CACHE_RULES,
    *_DISCOVERY_RULES,
    *_OWN_RULES,
)


def sample() -> str:
    """A policy file with every rule at its default, commented out."""
    parts = [
        "# Who may do what, in the language of oslo.policy. Uncomment a rule to change it;\n"
        "# rules that are not named keep the default shown. A change is in force within\n"
        "# a second or two, without a restart.\n"
    ]
    for rule in RULES:
        lines = [rule.description]
        lines += [f"{method}  {path}" for method, path in rule.operations]
        comment = "".join(f"# {line}\n" for line in lines)
        parts.append(f'{comment}#"{rule.name}": "{rule.check}"\n')
    return "\n".join(parts)
