"""What went wrong while fetching, in a store's words and without anybody's address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from imagestore.backends.errors import StoreError, Unavailable


class Broken(Unavailable):
    """The connection or the server failed for now: what came so far is right, and it may be
    gone on with."""


@contextmanager
def while_fetching(store: str, url: str) -> Iterator[None]:
    """Every error is a :class:`StoreError` of ``store`` about ``url``, which is shown as it is."""
    try:
        yield
    except StoreError as error:
        error.store, error.url = store, url
        raise
    except TimeoutError as error:
        raise Broken("the server did not answer in time", store=store, url=url) from error
    except (aiohttp.ClientError, OSError) as error:
        kind = Broken if isinstance(error, _PASSING) else Unavailable
        raise kind(_reason(error), store=store, url=url) from error
    except ValueError as error:
        raise Unavailable("the server's answer is not HTTP", store=store, url=url) from error


_PASSING = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, "the server's certificate cannot be verified"),
    (aiohttp.ClientConnectorSSLError, "no TLS connection can be made to the server"),
    (aiohttp.ClientConnectorDNSError, "the host name cannot be resolved"),
    (aiohttp.ClientProxyConnectionError, "the proxy cannot be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy refuses"),
    (aiohttp.ClientConnectorError, "the server cannot be reached"),
    (aiohttp.ClientPayloadError, "the server's answer ended early"),
    (aiohttp.ClientConnectionError, "the connection broke"),
    (OSError, "the connection broke"),
)


def _reason(error: BaseException) -> str:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "the server's answer is not HTTP"
