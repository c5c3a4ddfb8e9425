"""The identity filter of a test Glance: stands where keystonemiddleware's auth_token would.

``X-Auth-Token: user:project:role,role`` is taken at its word; the project may be
empty. Any other token, or none, is passed on as ``X-Identity-Status: Invalid``, as
auth_token does under ``delay_auth_decision = true``. Identity headers that a client
sent itself are dropped. Runs inside Glance's own virtual environment: standard
library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

IDENTITY_PREFIXES = (
    "HTTP_X_IDENTITY_",
    "HTTP_X_USER",
    "HTTP_X_PROJECT",
    "HTTP_X_TENANT",
    "HTTP_X_DOMAIN",
    "HTTP_X_ROLE",
    "HTTP_X_SERVICE_",
)


def identity(token: str) -> dict[str, str]:
    """The environment entries that stand for ``token``."""
    # python-glanceclient quotes the values of headers.
    parts = unquote(token).split(":")
    if len(parts) != 3 or not parts[0]:
        return {"HTTP_X_IDENTITY_STATUS": "Invalid"}
    user, project, roles = parts
    entries = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "HTTP_X_USER_ID": user,
        "HTTP_X_USER_NAME": user,
        "HTTP_X_ROLES": roles,
    }
    if project:
        entries |= dict.fromkeys(("HTTP_X_PROJECT_ID", "HTTP_X_TENANT_ID"), project)
    return entries


def filter_factory(global_conf: Any, **local_conf: str) -> Callable[[Application], Application]:
    """The entry point that the paste file names."""

    def wrap(application: Application) -> Application:
        def tokens(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            for key in [key for key in environ if key.startswith(IDENTITY_PREFIXES)]:
                del environ[key]
            environ.update(identity(environ.get("HTTP_X_AUTH_TOKEN", "")))
            return application(environ, start_response)

        return tokens

    return wrap
