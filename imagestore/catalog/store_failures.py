"""What a caller is told when a store fails: which one and why, never its paths, hosts or addresses.

Those stand in the messages of drivers, which are for the log.
"""

from __future__ import annotations

import os
import socket

from imagestore.backends import errors
from imagestore.model.errors import Conflict, ImagestoreError, Invalid, OverLimit, Unavailable


def as_upload_failure(error: errors.StoreError, store: str) -> ImagestoreError:
    """Of an operation that writes into ``store``."""
    match error:
        case errors.Full():
            return OverLimit(f"Store '{store}' has no room for this image.")
        case errors.WrongSize():
            return Invalid("The data is not as long as was announced.")
        case errors.Exists():
            return Conflict(f"Store '{store}' already holds data for this image.")
    return Unavailable(f"Store '{store}' cannot be written to at the moment{_because(error)}.")


def as_deletion_failure(error: errors.StoreError, image_id: str) -> ImagestoreError:
    """Of an operation that removes bytes of the image."""
    match error:
        case errors.Busy():
            return Conflict(f"The data of image {image_id} is in use.")
        case errors.Unavailable():
            return Unavailable(
                f"A store of image {image_id} does not answer. It is deleted when the store does."
            )
    return Unavailable(f"A store of image {image_id} cannot delete its data.")


def as_reason(error: errors.StoreError) -> str:
    """Of a job, for its operator and for whoever reads its task."""
    store = f"Store '{error.store}'" if error.store else "A store"
    return f"{store} failed: {type(error).__name__}{_because(error)}."


def _because(error: errors.StoreError) -> str:
    if isinstance(error, errors.Refused):
        # Of the wrappers of the store; what follows the colon is a driver's message.
        said = error.message.partition(":")[0]
        return ": it is away" if said == "away" else f": {said}"
    if isinstance(error, errors.ReadOnly):
        return ": it does not allow writing"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return ": it does not answer in time"
        if isinstance(cause, socket.gaierror):
            return ": its address is not known"
        if isinstance(cause, OSError) and cause.errno:
            return f": {os.strerror(cause.errno)}"
        cause = cause.__cause__
    return ""
