"""HTTP without opinions: paths, headers and bodies go out exactly as they were given."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.conformance.normalise import Answer

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
CHUNK = 7


class Client:
    """One kept-alive connection, made again whenever the server ends it."""

    def __init__(self, url: str, timeout: float = 60) -> None:
        parts = urlsplit(url)
        self.host = f"{parts.scheme}://{parts.netloc}"
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        chunked: bool = False,
    ) -> Answer:
        """Send one request and read the whole answer.

        A length is sent with every body, and a zero with POST, PUT and PATCH without
        one, as clients do; ``chunked`` sends the body in small chunks instead. A server
        that hangs up without a word twice is recorded with the status 0.
        """
        for _ in range(2):
            try:
                return self._ask(method, path, headers, body, chunked=chunked)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._connection.close()
        return Answer(0, {}, b"")

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        chunked: bool,
    ) -> Answer:
        connection = self._connection
        connection.putrequest(method, path, skip_accept_encoding=True)
        given = {name.lower() for name in headers}
        for name, value in headers.items():
            connection.putheader(name, value.encode())
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif "content-length" not in given and (body is not None or method in BODY_METHODS):
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders()
        # A refusal may arrive before the body is out; what counts is the answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(_chunks(body or b"") if chunked else body or b"")
        with contextlib.closing(connection.getresponse()) as response:
            content = response.read()
            answer = Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                content,
            )
        if response.will_close:
            connection.close()
        return answer


def _chunks(body: bytes) -> bytes:
    parts = [body[start : start + CHUNK] for start in range(0, len(body), CHUNK)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
