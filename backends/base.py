"""The driver interface: everything a store has to do, and what must hold when it fails.

A driver moves bytes between an asynchronous iterator of buffers and one
storage service. It knows nothing of images, HTTP or databases, keeps no retry
loop and no cache; those are wrappers, which are stores too.

Buffers are bytes-like objects (``bytes`` or read-only ``memoryview``) of any
size above zero, at best a few MiB. A buffer stays valid for as long as someone
refers to it, so a driver may hold several in flight; it must never write to one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import MISSING, dataclass, field
from enum import Flag, auto
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from imagestore.backends.errors import NotFound

Buffer = bytes | bytearray | memoryview
Blocks = AsyncIterator[Buffer]

INTERFACE_VERSION = 1
"""Of everything in this module that a driver is written against.

It is counted up when a driver that was right could be so no longer: with a new operation that
every store must have, say, or a promise more. A driver says for which one it was written.
"""

BLOCK_SIZE = 1 << 20
"""Size in bytes of the buffers that imagestore itself hands to drivers."""


class Capability(Flag):
    """What a driver can do beyond the least; absent means do not call it."""

    NONE = 0
    WRITABLE = auto()
    """``add``, ``delete`` and ``discard`` work."""
    RANGED = auto()
    """``open`` honours ``offset`` and ``length`` without reading what lies before."""
    LOCAL_PATH = auto()
    """``local_path`` names a file that the kernel can send by itself."""
    DIRECT_URL = auto()
    """The location is of use to another program (a clone, a redirect)."""
    EXTERNAL = auto()
    """The objects are somebody else's, only pointed to: they stay when an image goes."""
    LISTED = auto()
    """``held`` tells what lies in the store."""
    COPIES = auto()
    """It is a :class:`Copier`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What ``add`` leaves behind: where the object is, how large it is in bytes."""

    url: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Room in bytes; ``None`` where the service does not tell."""

    total: int | None
    free: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """Something that lies in a store under a name that ``add`` gives: made for ``image_id``.

    ``whole``: an object that can be read, not a segment, a part or what an upload left.
    ``size`` in bytes, None where it costs a request to know. ``owner``: as in ``add``.
    """

    image_id: str
    whole: bool
    size: int | None = None
    owner: str | None = None


Pages = AsyncGenerator[Sequence[Held], None]


@runtime_checkable
class Store(Protocol):
    """One configured store. Every method may be called concurrently.

    Errors are those of :mod:`imagestore.backends.errors` and no others, each
    naming this store. Cancelling any call releases what it held.

    A driver may inherit from this, and has what is written out here if it has none of its own.
    """

    name: str
    capabilities: Capability

    async def start(self) -> None:
        """Connect; check the credentials and that the target exists and is ours.

        Raises ``Misconfigured`` naming the wrong option, or ``Unavailable``
        when the service does not answer. May be called again after ``stop``.
        """

    async def stop(self) -> None:
        """Release every connection, thread and descriptor. Never raises."""

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        """Store the concatenated ``blocks`` as the object of ``image_id``.

        All or nothing: nothing can be read before it returns, and when it
        raises or is cancelled nothing readable and no orphan is left behind.
        The bytes are durable before it returns. ``size`` is never needed but
        used where known; a source of another length is ``WrongSize``. An
        object that is already there is ``Exists`` and stays as it was; of two
        concurrent writers of one id at most one succeeds. An error raised by
        ``blocks`` itself passes through unchanged. ``owner`` is the project that the
        image belongs to, for a store that keeps the objects of projects apart.
        """

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        """Read ``length`` bytes from ``offset`` (to the end if ``None``).

        A range beyond the end yields what there is, possibly nothing.
        ``NotFound`` is raised on entering, before the first buffer. Leaving
        the context early releases everything. What is open stays readable to
        its end although it is deleted meanwhile, where the service can do so.
        """

    async def size(self, url: str) -> int:
        """Bytes stored at ``url``; ``NotFound`` if nothing is."""

    async def exists(self, url: str) -> bool:
        """Whether an object is there. ``Unavailable`` rather than a guess."""
        try:
            await self.size(url)
        except NotFound:
            return False
        return True

    async def delete(self, url: str) -> None:
        """Remove the object. ``NotFound`` if there is none, never silence."""

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        """Remove whatever an ``add`` of ``image_id`` left when its process died.

        Segments, parts of an unfinished upload and the finished object alike; ``owner``
        as in ``add``. Called only when nobody is writing that id and no image refers to it.
        Finding nothing is success.
        """

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        """Everything that lies in the store and is called as ``add`` would call it, in pages.

        Also what only ``discard`` would remove, but not what others put there under names of
        their own. ``owners``: the projects in whose accounts to look, for a store that keeps
        the objects of projects apart. However much there is, one page of some thousands at a
        time is in memory. What comes or goes meanwhile may be told of or not, all else once.
        """
        return
        yield ()

    async def capacity(self) -> Capacity:
        """Room in the store now. Asks the service that keeps the bytes, also where it does not
        tell: this is how a store is found to be away (``Unavailable``), and to be back.
        """

    def local_path(self, url: str) -> Path | None:
        """The local file that holds exactly the object, else ``None``. Does no I/O."""
        return None

    def owns(self, url: str) -> bool:
        """Whether ``url`` is a location of this store, as far as that shows without I/O.

        Of several stores of one kind at most one should say so, or be :class:`Selective`.
        """

    def places(self) -> frozenset[str]:
        """Where it keeps objects: a directory, a bucket, a pool, named the same by whoever
        uses it. Two stores of a service must not share one. None where nothing is kept: what
        lies on other people's servers is theirs. Does no I/O.
        """
        return frozenset()

    def details(self) -> Mapping[str, Any]:
        """What administrators are told of the store (``properties`` in ``info/stores/detail``).

        JSON values, no credentials; names are Glance's where it has them. Does no I/O.
        """
        return {}


@runtime_checkable
class Selective(Protocol):
    """A store of URLs that others of its kind could read as well, if they were allowed to."""

    def admits(self, url: str) -> bool:
        """Whether its rules let it read this one, as far as that shows without I/O."""


@runtime_checkable
class Movable(Protocol):
    """A store whose operator can give its places another name: directories that are moved.

    What it had at the former one it opens, measures and removes at locations of then as well.
    """

    def may_have_had(self, url: str) -> bool:
        """Whether ``url`` is none of its locations, and could have been before. Does no I/O."""

    async def moved_to(self, url: str) -> str | None:
        """The location of what ``url`` meant then; None if it is not here, or still there."""


@runtime_checkable
class Copier(Protocol):
    """A store whose service makes an object of another one by itself."""

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> Stored:
        """As ``add``, of the ``size`` bytes at ``url`` in ``source``, which pass by this process.

        ``source`` is a driver, without wrappers. ``CannotCopy``, with nothing done, if it is
        none that the service can read: of another kind, in another cluster. Nobody has seen
        the bytes: whoever asks for the copy reads it before anything relies on it.
        ``on_progress`` is told how many bytes are there, as often as the service tells.
        """


def option(
    default: Any = MISSING,
    *,
    help: str,
    name: str = "",
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    inherits: tuple[str, str] | None = None,
    unit: str = "",
    **more: Any,
) -> Any:
    """A field of a settings class that is an option: ``retries: int = option(3, help="…")``.

    ``name`` is the option in the configuration file, if it is not the field's own. Its type is
    the field's: ``str int bool float``, ``tuple[str, ...]``, or one of these ``| None``. Without
    ``default`` it has to be set. ``inherits`` is section and name of an option of the service
    whose value holds where the store has none of its own. ``unit`` is what a plain number counts,
    ``bytes MiB seconds hours days``: an operator may then write ``10GiB`` or ``30d``.
    ``more`` is kept in the metadata of the field, with all of these but the default.
    """
    metadata = {
        "option": name,
        "help": help,
        "secret": secret,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "inherits": inherits,
        "unit": unit,
        **more,
    }
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Later:
    """What ``module:name`` means, imported when it is first called, and known before."""

    place: str

    def load(self) -> Any:
        module, _, name = self.place.partition(":")
        return getattr(import_module(module), name)

    def __call__(self, *args: Any) -> Any:
        return self.load()(*args)


@dataclass(frozen=True, slots=True)
class Driver:
    """What a driver package offers through the entry-point group ``imagestore.drivers``.

    ``name`` is the type in ``enabled_backends = id:type``. ``settings`` is a frozen
    dataclass whose fields are each an :func:`option`; ``create(id, settings)`` builds a
    store of that id and does no I/O.
    ``schemes`` are the URL schemes of its locations. ``interface`` is the
    :data:`INTERFACE_VERSION` that it was written for, as a number: another one is not loaded.

    ``create`` may be :class:`Later`. ``preload()``, where there is one, imports what its stores
    need when they start: where such stores are configured, and before processes are forked, which
    share what is loaded. It reads files of the program, and starts no thread.
    """

    name: str
    schemes: tuple[str, ...]
    settings: type[Any]
    create: Callable[[str, Any], Store]
    interface: int = field(kw_only=True)
    preload: Callable[[], None] | None = field(default=None, kw_only=True)
