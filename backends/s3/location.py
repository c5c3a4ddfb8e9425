"""Where the objects of a store are: its endpoint, its bucket, and the URLs of locations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagestore.backends.errors import InvalidLocation, Misconfigured
from imagestore.backends.s3.settings import S3Settings

_SCHEMES = ("s3", "s3+http", "s3+https")
_DEFAULT_REGION = "us-east-1"
_AMAZON = re.compile(r"(?:^|\.)s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com")
_LOCATION = re.compile(
    # A secret in an old location may contain slashes, what follows it no "@".
    r"(?P<scheme>[^:]+)://(?:.*@)?(?P<host>[^@\s?#]+)/(?P<bucket>[^/@\s?#]+)"
    r"/(?P<key>[A-Za-z0-9_-][A-Za-z0-9._-]*)"
)


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket on an endpoint. ``host`` may have a port and a path, as in locations."""

    store: str
    secure: bool
    host: str
    bucket: str

    @classmethod
    def configured(cls, store: str, settings: S3Settings) -> S3Location:
        """As the options say; ``Misconfigured`` naming the option that is missing or wrong."""
        scheme, separator, rest = (settings.s3_store_host or "").rpartition("://")
        host = rest.strip("/")
        if not host or scheme not in ("http", "https", "") or (separator and not scheme):
            raise Misconfigured(
                "s3_store_host: set it to http://host[:port] or https://host[:port]", store=store
            )
        if not settings.s3_store_bucket:
            raise Misconfigured("s3_store_bucket is not set", store=store)
        return cls(store, scheme == "https", host, settings.s3_store_bucket)

    @property
    def endpoint(self) -> str:
        """The URL that requests go to."""
        return f"{'https' if self.secure else 'http'}://{self.host}"

    def url(self, key: str) -> str:
        """The location of an object, as Glance writes it."""
        return f"{'s3+https' if self.secure else 's3'}://{self.host}/{self.bucket}/{key}"

    def key(self, url: str) -> str:
        """The key of a location in this bucket, else ``InvalidLocation``.

        As in Glance only the bucket and the key count: the endpoint is the configured
        one, so that a server may get another name. Credentials in locations of Glance
        before 5.0 are ignored too; those of the options are used.
        """
        found = self._match(url)
        if found is None or found["host"] in (".", ".."):
            raise InvalidLocation(
                f"not an object in bucket {self.bucket}", store=self.store, url=redacted(url)
            )
        return found["key"]

    def owns(self, url: str) -> bool:
        """Whether ``url`` is in this bucket on this endpoint; http and https are the same one."""
        found = self._match(url)
        return found is not None and _name(found["host"]) == _name(self.host)

    def _match(self, url: str) -> re.Match[str] | None:
        """The parts of a location in a bucket of that name, wherever."""
        found = _LOCATION.fullmatch(url)
        is_ours = found and found["scheme"] in _SCHEMES and found["bucket"] == self.bucket
        return found if is_ours else None

    def region(self) -> str:
        """The region that the host itself names, else the one that any server takes."""
        found = _AMAZON.search(self.host)
        return found[1] if found else _DEFAULT_REGION

    def identity(self) -> str:
        """The bucket as every store names it that uses it."""
        return f"s3://{_name(self.host)}/{self.bucket}"


def redacted(url: str) -> str:
    """``url`` without credentials, for messages and logs."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _name(host: str) -> str:
    """A host without what can be left out: the port that its scheme has anyway."""
    name, _, path = host.lower().partition("/")
    return f"{re.sub(r':(80|443)$', '', name)}/{path}".strip("/")
