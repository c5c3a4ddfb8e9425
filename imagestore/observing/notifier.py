"""Notifications to other services (Ceilometer, Searchlight, Designate …), by oslo.messaging.

Sent by a thread of its own from a queue with an end: a message bus that is slow or away holds
up no request. What does not fit in the queue is dropped, counted and logged.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from oslo_config import cfg

from imagestore.config.settings import Notifications
from imagestore.model.errors import ConfigurationError
from imagestore.observing import metrics

log = logging.getLogger(__name__)

_SECTION = "oslo_messaging_notifications"
_MOST_WAITING = 10_000
_LAST_ONES = 5.0
"""Seconds in which what is queued may still be sent when the process ends."""
_BETWEEN_COMPLAINTS = 60.0

Payload = dict[str, Any] | str
Message = tuple[str, str, Payload]


class Bus(Protocol):
    """What sends: ``oslo_messaging.Notifier``."""

    def info(self, ctxt: dict[str, Any], event_type: str, payload: Payload) -> None: ...

    def error(self, ctxt: dict[str, Any], event_type: str, payload: Payload) -> None: ...


class Notifier:
    """Without a driver in the settings nothing is sent, and nothing is imported for it."""

    def __init__(self, settings: Notifications | None = None) -> None:
        """Does no I/O. Raises :class:`ConfigurationError` if notifications are to be sent
        and cannot be."""
        self._settings = settings or Notifications()
        self._queue: queue.Queue[Message | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._given_up = threading.Event()
        """Set when what is still queued is for nobody any more."""
        self._complained = 0.0
        self._connect: Callable[[], Bus] | None = None
        if set(self._settings.driver) - {"noop"}:
            self._connect = _bus(self._settings)

    def start(self) -> None:
        """Begin to send."""
        if self._connect is not None and self._thread is None:
            self._thread = threading.Thread(target=self._send, name="notifications", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send what is queued if that goes quickly. Blocks for some seconds at the most."""
        if self._thread is None:
            return
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_LAST_ONES)
            self._thread.join(_LAST_ONES)
        if self._thread.is_alive():
            log.error("%d notifications are not sent: their bus is away", self._queue.qsize())
            self._given_up.set()
        self._thread = None

    def wants(self, event_type: str) -> bool:
        """Whether notifications of that type are sent at all: by its name or its group."""
        return self._thread is not None and not (
            {event_type, event_type.partition(".")[0]} & {*self._settings.disabled_notifications}
        )

    def tell(self, event_type: str, payload: Payload, *, priority: str = "info") -> None:
        """Queue a notification, if it is wanted. Never blocks."""
        if not self.wants(event_type):
            return
        try:
            self._queue.put_nowait((priority, event_type, payload))
        except queue.Full:
            metrics.NOTIFICATIONS.labels("dropped").inc()
            if time.monotonic() - self._complained > _BETWEEN_COMPLAINTS:
                self._complained = time.monotonic()
                log.error("notifications are dropped: their bus does not keep up, or is away")

    def _send(self) -> None:
        assert self._connect is not None
        bus: Bus | None = None
        while (message := self._queue.get()) is not None and not self._given_up.is_set():
            priority, event_type, payload = message
            try:
                bus = bus or self._connect()
                getattr(bus, priority)({}, event_type, payload)
            except Exception as error:
                # Drivers raise whatever their libraries do.
                metrics.NOTIFICATIONS.labels("failed").inc()
                log.error("the notification %s was not sent: %r", event_type, error)
            else:
                metrics.NOTIFICATIONS.labels("sent").inc()


def _bus(settings: Notifications) -> Callable[[], Bus]:
    """What makes the bus, when called on the thread that is to use it."""
    with warnings.catch_warnings():
        # It loads a library that says of itself that it is deprecated, and does not use it.
        warnings.simplefilter("ignore")
        try:
            import oslo_messaging
        except ImportError as error:
            raise ConfigurationError(
                f"[{_SECTION}] driver: notifications need oslo.messaging: "
                "pip install 'imagestore[notifications]'."
            ) from error
    conf = cfg.ConfigOpts()
    # The sections of the bus's own drivers are read by themselves.
    conf([], default_config_files=[str(file) for file in settings.files], default_config_dirs=[])
    oslo_messaging.set_transport_defaults(control_exchange="glance")
    try:
        transport = oslo_messaging.get_notification_transport(
            conf, url=settings.transport_url or None
        )
    except (cfg.Error, ValueError, oslo_messaging.MessagingException) as error:
        raise ConfigurationError(f"[{_SECTION}] transport_url: {_plain(error)}") from error
    conf.set_override("driver", [*settings.driver], _SECTION)

    def connect() -> Bus:
        bus: Bus = oslo_messaging.Notifier(
            transport,
            publisher_id=settings.default_publisher_id,
            topics=[*settings.topics],
            retry=settings.retry,
        )
        return bus

    return connect


def _plain(error: Exception) -> str:
    """The reason without the URL, which holds a password."""
    return f"it cannot be used ({type(error).__name__})"
