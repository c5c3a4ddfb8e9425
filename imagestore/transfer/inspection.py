"""What content is accepted for which image, and how large the disk inside is.

For ``container_format`` bare the rules are Glance's, option by option. In every other
container, where Glance looks at nothing, what is recognised must be safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oslo_utils.imageutils.format_inspector import (
    ALL_FORMATS,
    FileInspector,
    LUKSInspector,
    RawFileInspector,
    SafetyCheckFailed,
)

from imagestore.backends.base import Buffer
from imagestore.config.settings import Images
from imagestore.model.errors import Unsupported
from imagestore.transfer.formats import Detector

_KERNEL_FORMATS = frozenset({"aki", "ari", "ami"})
"""Formats that carry the signature of a boot sector but need no valid partitions."""

_MAX_SIZE = (1 << 63) - 1
"""What a database can hold; no disk is larger."""
_RAW = RawFileInspector()


class Inspection:
    """Of one stream: ``feed`` it blocks while it is ``hungry``, then ``finish``.

    Both raise :class:`Unsupported` as soon as it is certain that the content is refused.
    A call may take some milliseconds of CPU.
    """

    def __init__(
        self,
        disk_format: str | None,
        container_format: str | None,
        settings: Images,
        *,
        exact: bool = False,
        of_a_guest: bool = False,
    ) -> None:
        """``exact``: whatever the settings say, it has to be safe and of that format; what is
        of another is not raw. ``of_a_guest``: where raw is declared, what a disk begins with,
        a boot sector or LUKS 2, is its guest's own affair."""
        self._disk_format = disk_format or "raw"
        self._bare = container_format == "bare"
        self._exact = exact
        self._must_match = exact or (self._bare and settings.require_image_format_match)
        self._must_be_safe = (
            exact or settings.reject_unsafe_raw or (self._bare and self._disk_format != "raw")
        )
        self._gpt_tolerated = set(settings.gpt_safety_checks_nonfatal)
        self._of_a_guest = of_a_guest and self._disk_format == "raw"
        if self._disk_format in _KERNEL_FORMATS or self._of_a_guest:
            self._gpt_tolerated.add("mbr")
        self._vmdk_types = {name.lower() for name in settings.vmdk_allowed_types}
        self._detector = Detector()
        self._refusal: Unsupported | None = None

    @property
    def hungry(self) -> bool:
        """Whether it wants the next block; always, once the content was refused."""
        return self._refusal is not None or self._detector.hungry

    @property
    def wants_the_next(self) -> bool:
        """Whether the next bytes matter, and not only the last ones of the stream."""
        return self._detector.wants_the_next

    def skip(self) -> int:
        """Leave out what comes next; so many bytes of the end are still to be fed, at most."""
        return self._detector.skip()

    def feed(self, blocks: Iterable[Buffer]) -> None:
        """Look at the next blocks of the stream."""
        for block in blocks:
            if self._refusal is None and self._detector.hungry:
                self._detector.feed(memoryview(block))
                self._refuse_early()
            if self._refusal is not None:
                raise self._refusal

    def _refuse_early(self) -> None:
        """Remember why the content is refused, if that is certain although more is to come."""
        detector = self._detector
        if not detector.examined:
            return
        try:
            if not detector.hungry:
                self._judge()
            elif self._must_match and detector.excludes(self._disk_format):
                raise Unsupported(f"The content is not of disk format {self._disk_format}.")
        except Unsupported as refusal:
            self._refusal = refusal

    def finish(self, size: int) -> int | None:
        """The bytes of the disk inside, or None where that is not known.

        To be called at the end of the stream, with its whole size in bytes.
        """
        self._detector.finish()
        found = self._judge()
        return None if found is None else self._size_inside(found, size)

    def _size_inside(self, found: FileInspector, size: int) -> int | None:
        try:
            virtual_size = size if self._disk_format == "raw" else _virtual_size(found, size)
        except Exception as error:
            if self._must_match:
                raise Unsupported(f"The {self._disk_format} image is damaged.") from error
            return None
        return virtual_size or None

    def _judge(self) -> FileInspector | None:
        """Raise if the content is refused; return what stands for its format, if it matches."""
        matches = self._detector.matches()
        if matches.keys() == {"iso", "gpt"}:
            del matches["gpt"]  # a CD that boots from a disk as well
        accepted = self._accepted(matches) if self._bare else None
        if self._must_be_safe:
            if self._detector.is_descriptor and "vmdk" not in matches:
                raise Unsupported("The vmdk content is not safe to use: extents.")
            for name, inspector in matches.items():
                # Outside of bare, two bytes that happen to be a boot sector's say nothing.
                if self._bare or name != "gpt":
                    self._check_safety(name, inspector)
        return accepted

    def _accepted(self, matches: Mapping[str, FileInspector]) -> FileInspector | None:
        wanted = self._disk_format
        if len(matches) > 1:
            found = " and ".join(sorted(matches))
        else:
            found, inspector = next(iter(matches.items()), ("raw", _RAW))
            if found == wanted or (wanted == "raw" and not (self._exact and found != "gpt")):
                return inspector
            if found == "raw" and wanted not in ALL_FORMATS:
                return None  # nothing is known of such a format, and nothing speaks against it
        if self._must_match:
            raise Unsupported(f"The content is {found}, which does not match disk format {wanted}.")
        return None

    def _check_safety(self, name: str, inspector: FileInspector) -> None:
        try:
            inspector.safety_check()
            failures: set[str] = set()
        except SafetyCheckFailed as error:
            failures = set(error.failures)
        except Exception:
            failures = {"damaged"}
        if name == "gpt":
            failures -= self._gpt_tolerated
        elif name == "luks" and self._of_a_guest:
            failures.discard("version")
        elif name == "vmdk" and getattr(inspector, "vmdktype", "") not in self._vmdk_types:
            failures.add("subformat")
        if failures:
            checks = ", ".join(sorted(failures))
            raise Unsupported(f"The {name} content is not safe to use: {checks}.")


def _virtual_size(inspector: FileInspector, size: int) -> int:
    """As recorded in a stream of ``size`` bytes; 0 if the format does not say."""
    if isinstance(inspector, LUKSInspector):
        # All but the header, which the inspector can only tell if it sees every byte.
        return size - inspector.header_items["payload_offset"] * 512
    if type(inspector).virtual_size is FileInspector.virtual_size:
        return size  # the bytes that it saw, by which it means all
    virtual_size = inspector.virtual_size
    if not 0 <= virtual_size <= _MAX_SIZE:
        raise ValueError(f"a disk of {virtual_size} bytes")
    return virtual_size
