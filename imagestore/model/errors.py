"""One exception tree: what the catalog says when it does not do what was asked.

Each class stands for a kind of answer, not for an HTTP status; ``api`` maps
kinds to codes. Messages are for the caller: they say what to change, and hold
no path, host or credential of the service.
"""

from __future__ import annotations

from collections.abc import Iterable


class ImagestoreError(Exception):
    """Base of every error that a caller may see."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(ImagestoreError):
    """The input is malformed or not allowed in itself."""


class Unauthenticated(ImagestoreError):
    """It is not known who is asking; ``challenge`` says how to prove it (``WWW-Authenticate``)."""

    def __init__(self, message: str, challenge: str = "Keystone") -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(ImagestoreError):
    """The caller may see the thing but not do this to it."""


class NotFound(ImagestoreError):
    """No such thing, or none that the caller may see."""


class Conflict(ImagestoreError):
    """The thing is not in a state that allows this."""


class Gone(ImagestoreError):
    """It went away while the request was under way, or can never be done here."""


class OverLimit(ImagestoreError):
    """A quota or size limit would be exceeded."""


class Unsupported(ImagestoreError):
    """The media type, or the kind of content, is not accepted."""


class UnsatisfiableRange(ImagestoreError):
    """The range lies outside the data; ``size`` is the length of the whole, in bytes."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class TooSlow(ImagestoreError):
    """The caller has sent nothing for as long as it is waited for."""


class Unavailable(ImagestoreError):
    """A part that is needed does not answer; try again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Corrupt(ImagestoreError):
    """Data is not what it has to be. ``fault``: in which way; ``of``: what is wrong."""

    def __init__(self, fault: str, of: str = "The data") -> None:
        super().__init__(f"{of} is not right: {fault}.")
        self.fault = fault


class ConfigurationError(ImagestoreError):
    """The configuration cannot be used; the message names section and option."""

    def __init__(self, *faults: str, warnings: Iterable[str] = ()) -> None:
        """Each is told in a line of its own, whatever a library has put into it. ``warnings``:
        what was noticed besides."""
        self.warnings = tuple(warnings)
        self.faults = tuple(" ".join(fault.split()) for fault in faults)
        super().__init__("\n".join(self.faults))
