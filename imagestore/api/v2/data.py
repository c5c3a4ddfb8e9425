"""``/v2/images/{id}/file``: the bytes of an image, in and out."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator

from aiohttp import web

from imagestore.api import counting, keys, ranges
from imagestore.api.body import read_blocks, refuse_body
from imagestore.api.errors import error_response
from imagestore.api.outlet import Outlet, outlet
from imagestore.api.reply import no_content
from imagestore.api.sendblocks import BlockSender
from imagestore.api.sendfile import FileFault, send_file
from imagestore.backends.base import Buffer
from imagestore.catalog.downloads import Download
from imagestore.model.errors import Invalid, Unsupported
from imagestore.observing import metrics
from imagestore.observing.access_log import sent_directly
from imagestore.serving.responses import hang_up, is_gone
from imagestore.transfer.local_files import LocalFiles
from imagestore.transfer.reading import LocalCopy, Reading

log = logging.getLogger(__name__)

_SIZE = re.compile(r"[0-9]{1,100}")


def require_octets(request: web.Request) -> None:
    """Raise :class:`Unsupported` unless the body is declared as data."""
    # aiohttp takes a missing or malformed type for this one.
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/octet-stream":
        raise Unsupported("The data of an image is sent as application/octet-stream.")


async def upload(request: web.Request) -> web.Response:
    require_octets(request)
    body = read_blocks(request)
    with counting.receiving(body):
        await request.app[keys.catalog].uploads.upload(
            *keys.of_image(request),
            body,
            size=announced_size(request),
            store=request.headers.get("X-Image-Meta-Store"),
            token=request.headers.get("X-Auth-Token"),
        )
    return no_content()


def announced_size(request: web.Request) -> int | None:
    """How many bytes the client says the image has; None if it does not say."""
    declared = request.headers.get("x-openstack-image-size")
    if declared is None:
        return request.content_length
    if not _SIZE.fullmatch(declared.strip()):
        raise Invalid("x-openstack-image-size must be a number of bytes.")
    return int(declared)


async def download(request: web.Request) -> web.StreamResponse:
    refuse_body(request)
    prefer = tuple(name for name in request.query.get("prefer", "").split(",") if name)
    found = await request.app[keys.catalog].downloads.find(*keys.of_image(request), prefer)
    if found is None:
        return no_content()
    image = found.image
    digest = image.os_hash_value or image.checksum
    etag = f'"{digest}"' if digest else None
    answer = ranges.choose(request.headers, found.size, etag)
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    if etag:
        headers["ETag"] = etag
    if answer.status == ranges.Status.PRECONDITION_FAILED:
        return error_response(request, 412, "The data is not what If-Match names.")
    if answer.status == ranges.Status.NOT_MODIFIED:
        return web.Response(status=304, headers=answer.headers)
    headers["Content-Length"] = str(answer.length)
    if image.checksum and answer.length == found.size:
        headers["Content-MD5"] = image.checksum
    response = web.StreamResponse(status=answer.status, headers=headers | answer.headers)
    await send(request, response, found, answer.offset, answer.length)
    return response


async def send(
    request: web.Request, response: web.StreamResponse, found: Download, offset: int, length: int
) -> None:
    """Send the response with ``length`` bytes of the data from ``offset``; for HEAD without."""
    if request.method == "HEAD" or not length:
        await response.prepare(request)
        return
    reading = found.read(offset, length)
    try:
        with counting.transfer("download"):
            await _send(request, response, reading, found.files)
    finally:
        sent = length - reading.left
        request.app[keys.catalog].downloads.sent(
            request[keys.caller], found.image, sent, whole=sent == length
        )
    metrics.BYTES_SENT.inc(length)


async def _send(
    request: web.Request, response: web.StreamResponse, reading: Reading, files: LocalFiles
) -> None:
    """Whatever copy goes on, and however its bytes leave, to the end of the range."""
    while reading.left and _past_the_transport(request):
        local = await reading.file()
        if local is None:
            break
        with local:
            await _send_file(request, response, reading, local, files)
    async with contextlib.aclosing(reading.blocks()) as blocks:
        first = await anext(blocks, None)
        # Only now it is certain that there is something to send.
        if first is not None:
            await _send_blocks(request, response, first, blocks)


def _past_the_transport(request: web.Request) -> bool:
    return request.transport is not None and not request.secure


@contextlib.asynccontextmanager
async def _outlet(request: web.Request, response: web.StreamResponse) -> AsyncIterator[Outlet]:
    """Where the body of a response goes; whoever cannot take it is hung up on.

    The status is sent by then: all that can still be said is that the answer is not whole.
    """
    if not response.prepared:
        await response.prepare(request)
    if request.transport is None:
        raise ConnectionResetError("the client went away")
    # The headers may wait, on a socket whose buffer is still full of the last response.
    request.transport.set_write_buffer_limits(high=0)
    await request.writer.drain()
    if is_gone(request):
        raise ConnectionResetError("the client went away")
    try:
        async with outlet(request.transport) as out:
            yield out
    except OSError as error:
        hang_up(request.protocol, str(error) if isinstance(error, TimeoutError) else "")
        raise


async def _send_blocks(
    request: web.Request,
    response: web.StreamResponse,
    first: Buffer,
    others: AsyncGenerator[Buffer, None],
) -> None:
    if not _past_the_transport(request):
        await response.prepare(request)
        await response.write(first)
        async for block in others:
            await response.write(block)
        return
    async with _outlet(request, response) as out:
        sender = BlockSender(out, patience=_patience(request))
        await sender.send(first)
        _account(request, len(first))
        del first  # it may be used again from now on
        async for block in others:
            await sender.send(block)
            _account(request, len(block))
            del block


async def _send_file(
    request: web.Request,
    response: web.StreamResponse,
    reading: Reading,
    local: LocalCopy,
    files: LocalFiles,
) -> None:
    """Send all that is left, as it comes in; where the file fails, it counts what went out and
    gives it up."""
    # Before the first byte is there it is not certain that there is something to send.
    if not await local.ready(reading.position, reading.left):
        reading.failed(local, "nothing comes in")
        return

    def went_out(count: int) -> None:
        _account(request, count)
        reading.sent(count)

    async with _outlet(request, response) as out:
        try:
            await send_file(
                out,
                local.descriptor,
                reading.position,
                reading.left,
                patience=_patience(request),
                executor=files.executor(local.threads),
                growing=local.growing,
                sent=went_out,
            )
        except FileFault as fault:
            reading.failed(local, str(fault))


def _patience(request: web.Request) -> float:
    return request.app[keys.settings].server.progress_timeout


def _account(request: web.Request, count: int) -> None:
    request[sent_directly] = request.get(sent_directly, 0) + count
