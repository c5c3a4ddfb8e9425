"""haproxy in front of database nodes, and what it asks whether a node may be used.

``python -m tests.services.database_checks CHECK:DATABASE …``: at each first port a page that
is 200 while the Galera node at the second takes statements, and 503 else: what clustercheck
does for operators.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncmy

from tests.services import mariadb, process
from tests.services.proxies import program

SECONDS = 2.0
"""How long a node may take to answer."""

_HAPROXY = """\
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 3s
    timeout client 1h
    timeout server 1h
listen database
    bind 127.0.0.1:{port}
    balance leastconn
    option httpchk
    default-server inter 500ms fall 2 rise 2 on-marked-down shutdown-sessions
"""


def in_front(directory: Path, name: str, port: int, nodes: Sequence[int]) -> list[int]:
    """Serve the nodes that may be used at one port; the processes, to be stopped by the caller."""
    checks = [process.free_port() for _ in nodes]
    pairs = [f"{check}:{node}" for check, node in zip(checks, nodes, strict=True)]
    command = [sys.executable, "-m", "tests.services.database_checks", *pairs]
    environment = {"PYTHONPATH": str(process.CHECKOUT)}
    checking = process.spawn(command, directory / "checks.log", environment=environment)
    lines = _HAPROXY.format(port=port)
    for number, (check, node) in enumerate(zip(checks, nodes, strict=True)):
        lines += f"    server node{number} 127.0.0.1:{node} check port {check}\n"
    configuration = directory / f"{name}.cfg"
    configuration.write_text(lines)
    found = program("haproxy")
    if found is None:
        raise process.StartError("haproxy is not installed")
    log = directory / "haproxy.log"
    proxy = process.spawn([found, "-db", "-f", configuration], log)
    process.wait_until(lambda: asyncio.run(_is_usable(port)), proxy, log)
    return [proxy.pid, checking.pid]


async def _is_usable(port: int) -> bool:
    who = {"user": mariadb.USER, "password": mariadb.PASSWORD}
    try:
        async with (
            asyncio.timeout(SECONDS),
            asyncmy.connect(host="127.0.0.1", port=port, **who) as conn,
            conn.cursor() as cursor,
        ):
            await cursor.execute("SHOW STATUS LIKE 'wsrep_local_state'")
            row = await cursor.fetchone()
            return row is not None and row[1] == "4"
    except Exception:  # whatever it is: it may not be used
        return False


async def _serve(pairs: Sequence[str]) -> None:
    async def answer(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            status = "200 OK" if await _is_usable(port) else "503 Service Unavailable"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    for pair in pairs:
        check, port = map(int, pair.split(":"))
        await asyncio.start_server(
            lambda reader, writer, port=port: answer(port, reader, writer), "127.0.0.1", check
        )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
