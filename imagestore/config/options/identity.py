"""Who is asking, and what they may."""

from __future__ import annotations

from oslo_config import cfg

from imagestore.config import key_manager, keystone_authtoken, oslo_limit
from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.option import fill as _fill
from imagestore.config.settings import Identity

OPTIONS: tuple[Option, ...] = (
    # Who is asking.
    _also(
        "paste_deploy", "flavor", cfg.StrOpt,
        "How callers are told apart. Empty: not at all, every caller is an administrator. "
        "keystone: by a Keystone token. trusted-headers: by the identity headers that an "
        "authenticating proxy in front of the service sets. "
        "A cache is asked for by +caching or +cachemanagement.", "",
    ),
    _fill(
        Identity, "imagestore", "allow_unauthenticated_remote", cfg.BoolOpt,
        "Serve the empty flavor on other addresses than loopback: "
        "everyone who reaches the port is an administrator.",
    ),
    _fill(
        Identity, "DEFAULT", "allow_anonymous_access", cfg.BoolOpt,
        "Let callers without a token read public images.",
    ),
    _fill(
        Identity, "oslo_policy", "policy_file", cfg.StrOpt,
        "Rules that differ from the built-in ones; a relative name is looked for beside the "
        "configuration files. Without it, policy.yaml beside them is used if it is there.",
    ),
    _also(
        "oslo_policy", "policy_dirs", cfg.MultiStrOpt,
        "Directory with further policy files; may be given several times.", ["policy.d"],
    ),
    *keystone_authtoken.OPTIONS,
    *oslo_limit.OPTIONS,
    *key_manager.OPTIONS,
)  # fmt: skip
