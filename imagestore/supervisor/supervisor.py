"""Keeps worker processes alive on sockets that outlive them.

The signals that it obeys:

SIGHUP
    Read the configuration again and replace every worker, one after the other:
    the new one accepts on the same sockets before the old one is told to end.
SIGTERM, SIGINT
    Let all workers end what they are doing, then end. A second one: end at once.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imagestore.config.settings import Settings
from imagestore.model.errors import ConfigurationError
from imagestore.supervisor import orphans, signals, systemd
from imagestore.supervisor.child import Child
from imagestore.supervisor.listeners import Listeners
from imagestore.supervisor.loader import Loader
from imagestore.supervisor.reports import Failure

log = logging.getLogger(__name__)

_STEADY = 10.0
"""Seconds that a worker must have lived for its end not to count as one of a series."""
_BACK_OFF_FIRST, _BACK_OFF_LAST = 0.5, 30.0
_HUNG = 60.0
"""Seconds after which a new worker that is not ready yet is not waited for any longer."""
_ONLY_AT_START = ("bind_host", "bind_port", "metrics_bind", "registry_bind")
_BEYOND_GRACE = 5.0
"""Seconds that a worker gets over its own time limit before it is killed."""


class StartError(Exception):
    """No worker could start; ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True, eq=False)
class _Slot:
    """The place of one worker, who is in it, and who is to replace him."""

    current: Child | None = None
    successor: Child | None = None
    failures: int = 0
    restart_at: float = math.inf


@dataclass(slots=True, eq=False)
class _Leaving:
    """A worker that was told to end."""

    child: Child
    kill_at: float


class Supervisor:
    """The parent process; :meth:`run` is its whole life."""

    def __init__(
        self,
        settings: Settings,
        listeners: Listeners,
        load: Callable[[], Loader],
        reread: Callable[[], Settings],
        ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        """``load`` starts a process of which workers can be forked.

        ``reread`` gives the settings as they are now, at SIGHUP. ``ended`` is told
        the process id of every worker that is no more, and of who forked it.
        """
        self._settings = self._former = settings
        self._listeners = listeners
        self._load = load
        self._loader: Loader | None = None
        self._reread = reread
        self._tell_ended = ended
        self._selector = selectors.DefaultSelector()
        self._slots: list[_Slot] = []
        self._leaving: list[_Leaving] = []
        self._to_replace: list[_Slot] = []
        self._once_ready = self._announced = self._stopping = self._reload_again = False
        self._failure: Failure | None = None

    def run(self) -> None:
        """Serve until told to end. :class:`StartError` if the first worker cannot start."""
        self._listeners.listen()
        with self._selector, signals.as_bytes() as signal_pipe:
            self._selector.register(signal_pipe, selectors.EVENT_READ)
            self._slots = [_Slot() for _ in range(self._settings.server.workers)]
            # One alone first: if it cannot start none can, and it says why only once.
            self._start(self._slots[0])
            while self._leaving or not self._stopping:
                for key, _ in self._selector.select(self._until_next_deadline()):
                    if key.fd == signal_pipe:
                        self._on_signals(os.read(signal_pipe, 4096))
                    elif key.fileobj in self._selector.get_map():
                        self._hear(key.data)
                self._on_time()
        if self._failure is not None:
            raise StartError(self._failure)

    # What happens.

    def _on_signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGHUP:
                self._reload()
            else:
                self._stop()

    def _on_time(self) -> None:
        now = time.monotonic()
        for leaving in self._leaving:
            if leaving.kill_at <= now:
                log.warning("worker %s did not end in time and is killed", leaving.child.pid)
                leaving.child.kill()
                leaving.kill_at = math.inf
        for slot in self._slots:
            if slot.restart_at <= now:
                slot.restart_at = math.inf
                self._start(slot)
        if self._once_ready and not self._to_replace:
            self._let_loader_go()

    def _until_next_deadline(self) -> float | None:
        nearest = min(
            [each.kill_at for each in self._leaving] + [slot.restart_at for slot in self._slots],
            default=math.inf,
        )
        return None if nearest == math.inf else max(nearest - time.monotonic(), 0.0)

    def _hear(self, child: Child) -> None:
        """Take in what a worker reports, if it has come to its end."""
        if not child.hear():
            return
        self._selector.unregister(child.pipe)
        for slot in self._slots:
            if child is slot.current:
                self._on_start(child)
            elif child is slot.successor:
                self._on_succession(slot, child)
        if child.exit_code() is not None:
            # It was never born, and no signal tells of its end.
            self._reap()

    def _on_start(self, child: Child) -> None:
        if child.failure is not None:
            if self._once_ready:
                log.error("a worker cannot start: %s", child.failure.message)
            return  # what follows from it, follows when it has ended
        log.info("worker %d is ready after %.2f s", child.pid, child.age)
        if not self._once_ready:
            self._once_ready = True
            for slot in self._slots:
                if slot.current is None:
                    self._start(slot)
        self._announce()

    def _on_succession(self, slot: _Slot, child: Child) -> None:
        slot.successor = None
        if child.failure is not None:
            self._leave(child)
            self._give_up_reload(child.failure.message)
            return
        log.info("worker %d takes over", child.pid)
        old, slot.current = slot.current, child
        slot.failures, slot.restart_at = 0, math.inf
        if old is not None:
            self._leave(old)
        self._replace_next()

    def _reap(self) -> None:
        """See which workers have ended, and what follows from that."""
        codes = orphans.reap()
        for child in [*self._children()]:
            if child.pid is None:
                self._last_words(child)
            child.take(codes)
        for pid in codes:
            self._tell_ended(pid)
        for slot in self._slots[:]:
            if slot.successor is not None and slot.successor.exit_code() is not None:
                self._last_words(slot.successor)
            if slot.current is not None and slot.current.exit_code() is not None:
                self._last_words(slot.current)
                self._on_end(slot, slot.current)
        for leaving in self._leaving[:]:
            if leaving.child.exit_code() is not None:
                self._leaving.remove(leaving)
                self._forget(leaving.child)

    def _on_end(self, slot: _Slot, child: Child) -> None:
        slot.current = None
        self._forget(child)
        if not self._once_ready:
            self._failure = child.failure
            self._stop()
            return
        delay = self._put_off(slot, child.age)
        log.error(
            "worker %s has ended (%s); another starts in %.1f s",
            child.pid or "(not born)",
            _ending(child.exit_code()),
            delay,
        )

    def _children(self) -> Iterator[Child]:
        for slot in self._slots:
            yield from (each for each in (slot.current, slot.successor) if each is not None)
        yield from (leaving.child for leaving in self._leaving)

    # What is done.

    def _start(self, slot: _Slot) -> None:
        try:
            slot.current = self._spawn(slot)
        except OSError as error:
            log.error("no worker can be started: %s", error)
            self._put_off(slot)

    def _spawn(self, slot: _Slot) -> Child:
        number = self._slots.index(slot)
        # A slot beyond the new number of workers is about to go, and keeps what it had.
        count = max(self._settings.server.workers, number + 1)
        sockets = self._listeners.of(number, count)
        if self._loader is None:
            self._loader = self._load()
        try:
            child = self._loader.fork([each.fileno() for each in sockets])
        except OSError:
            self._let_loader_go()
            raise
        self._selector.register(child.pipe, selectors.EVENT_READ, child)
        return child

    def _let_loader_go(self) -> None:
        """Who is forked from now on, is with code and configuration as they are then."""
        if self._loader is not None:
            self._loader.close()
            self._loader = None

    def _put_off(self, slot: _Slot, age: float = 0.0) -> float:
        """Have a worker started in this slot after a time that grows with every failure."""
        slot.failures = 0 if age > _STEADY else slot.failures + 1
        delay = 0.0
        if slot.failures > 1:
            delay = min(_BACK_OFF_FIRST * 2.0 ** (slot.failures - 2), _BACK_OFF_LAST)
        slot.restart_at = time.monotonic() + delay
        return delay

    def _reload(self) -> None:
        """Begin to replace all workers; if that is under way, once more when it has ended."""
        if self._stopping or not self._once_ready:
            return
        starting = [slot.successor for slot in self._slots if slot.successor is not None]
        if any(child.age < _HUNG for child in starting):
            # To begin anew each time would, with signals in quick succession, replace nobody.
            self._reload_again = True
            return
        try:
            settings = self._reread()
            self._listeners.grow(settings.server.workers)
        except ConfigurationError as error:
            log.error("the reload is given up: %s", error.message)
            return
        self._former, self._settings = self._settings, settings
        for name in _ONLY_AT_START:
            if getattr(settings.server, name) != getattr(self._former.server, name):
                log.warning("%s has changed; that takes effect at the next start", name)
        log.info("reloading: every worker is replaced")
        systemd.notify(systemd.reloading())
        for slot in self._slots:
            if slot.successor is not None:
                self._leave(slot.successor)
                slot.successor = None
        wanted = self._settings.server.workers
        self._slots += [_Slot() for _ in range(wanted - len(self._slots))]
        self._to_replace = self._slots[:wanted]
        self._let_loader_go()
        self._replace_next()

    def _replace_next(self) -> None:
        if self._stopping:
            return
        if not self._to_replace:
            self._reloaded()
            return
        slot = self._to_replace.pop(0)
        slot.restart_at = math.inf
        try:
            slot.successor = self._spawn(slot)
        except OSError as error:
            self._give_up_reload(str(error))

    def _reloaded(self) -> None:
        # All sockets are in new hands: workers beyond the new number may go.
        for slot in self._slots[self._settings.server.workers :]:
            if slot.current is not None:
                self._leave(slot.current)
        del self._slots[self._settings.server.workers :]
        log.info("reloaded")
        self._after_reload()

    def _give_up_reload(self, reason: str) -> None:
        log.error("the reload is given up, the former workers go on: %s", reason)
        self._to_replace.clear()
        self._settings = self._former
        self._slots = [
            slot
            for number, slot in enumerate(self._slots)
            if number < self._settings.server.workers or slot.current is not None
        ]
        for slot in self._slots:
            if slot.current is None and slot.restart_at == math.inf:
                self._put_off(slot)
        self._after_reload()

    def _after_reload(self) -> None:
        systemd.notify("READY=1")
        if self._reload_again:
            self._reload_again = False
            self._reload()

    def _stop(self) -> None:
        """First call: ask all workers to end. Second: make them."""
        if self._stopping:
            for leaving in self._leaving:
                leaving.child.kill()
            return
        self._stopping = True
        self._let_loader_go()  # it has the sockets too
        # Whoever connects from now on is refused, and does not wait for nobody.
        self._listeners.close()
        if self._once_ready:
            log.info("stopping; transfers under way are brought to their end")
        systemd.notify("STOPPING=1")
        for slot in self._slots:
            for child in (slot.current, slot.successor):
                if child is not None:
                    self._leave(child)
            slot.current = slot.successor = None
        self._slots.clear()
        self._reap()

    def _leave(self, child: Child) -> None:
        child.terminate()
        grace = self._settings.server.graceful_shutdown_timeout + _BEYOND_GRACE
        self._leaving.append(_Leaving(child, time.monotonic() + grace))

    def _last_words(self, child: Child) -> None:
        """Hear what a worker that has ended had to say, if that is still in the pipe."""
        if child.pipe in self._selector.get_map():
            self._hear(child)

    def _forget(self, child: Child) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.pipe)
        child.close()

    def _announce(self) -> None:
        if self._announced or not all(
            slot.current is not None and slot.current.ready for slot in self._slots
        ):
            return
        self._announced = True
        scheme = "https" if self._settings.server.cert_file else "http"
        log.info(
            "serving %s://%s with %d worker(s), data in %s",
            scheme,
            self._listeners.address,
            len(self._slots),
            self._settings.data_dir,
        )
        systemd.notify("READY=1")


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
