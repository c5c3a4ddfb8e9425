"""One pass: what two sites have is compared, and the target made equal to the source.

A pass remembers nothing: what an earlier one has done shows at the target. So it may be
ended at any moment, and the next one goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from imagestore.backends.least_rate import LeastRate
from imagestore.model.errors import Conflict, Forbidden, ImagestoreError, Invalid, Unavailable
from imagestore.model.image import ImageStatus, Visibility
from imagestore.sites.compare import CHANGING, MOVING, Action, Step, compare, wanted
from imagestore.sites.moving import Moving
from imagestore.sites.record import Record, has_same_bytes
from imagestore.sites.rules import SiteRules
from imagestore.sites.site import Moved, Source, Target

log = logging.getLogger(__name__)

_ANY = LeastRate()

_ATTEMPTS = 3
"""For one image, when a site stops answering in between."""
_PATIENCE = 30.0
"""Seconds for an image that is being written: by an earlier pass that was killed, most likely."""


class Watcher(Protocol):
    """Whoever wants to know how a pass gets on."""

    async def planned(self, steps: list[Step]) -> None: ...

    def moved(self, step: Step, count: int) -> None:
        """That many more bytes."""

    async def ended(self, step: Step, error: ImagestoreError | None) -> None: ...


@dataclass
class PassResult:
    """``failed``: why, by image id. ``latest``: of the source's changes, the last that was seen."""

    done: list[Step] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    latest: datetime | None = None

    def counts(self) -> dict[str, int]:
        """How many images of each action, and ``failed``."""
        found: dict[str, int] = {}
        for step in self.done:
            found[step.action] = found.get(step.action, 0) + 1
        return found | ({"failed": len(self.failed)} if self.failed else {})


@dataclass(eq=False)
class _Meter:
    """The bytes of one attempt: told as they come, and taken back if it fails."""

    watcher: Watcher
    step: Step
    count: int = 0

    def __call__(self, more: int) -> None:
        self.count += more
        self.watcher.moved(self.step, more)

    def reset(self) -> None:
        self(-self.count)


@dataclass(eq=False)
class Replication:
    """Passes from one site to another."""

    source: Source
    target: Target
    rules: SiteRules
    transfers: int = 2
    """Images that are worked on at once."""
    least: LeastRate = _ANY
    """What has to come of one."""

    async def plan(
        self, since: datetime | None = None, known: Collection[str] | None = None
    ) -> tuple[list[Step], datetime | None]:
        """What is to be done, and the time of the last change at the source.

        ``since``: only what changed there then or later; nothing is deleted then. ``known``:
        the only images at the target that may be deleted; None for all that match.
        """
        rules = self.rules
        there = None if since is not None else await self._all(self.target)
        steps, seen, latest = [], set(), since
        async with contextlib.aclosing(self.source.records(since)) as records:
            async for record in records:
                seen.add(record.id)
                # In whole seconds, as the list of a site can be asked for.
                changed = record.updated_at.replace(microsecond=0)
                latest = max(latest or changed, changed)
                if record.has_data and rules.match(record):
                    target = (
                        await self.target.record(record.id)
                        if there is None
                        else there.get(record.id)
                    )
                    steps.append(
                        await self._with_members(compare(record.without(rules.skip), target, rules))
                    )
        if rules.delete and there is not None:
            extra = [
                record
                for record in there.values()
                if record.id not in seen
                and (rules.match(record) if known is None else record.id in known)
            ]
            if extra and not seen:
                raise Conflict(
                    f"{self.source.label} has no image at all: nothing is deleted for that."
                )
            steps += [Step(Action.DELETE, record, record) for record in extra]
        return steps, latest

    async def run(
        self,
        watcher: Watcher,
        since: datetime | None = None,
        known: Collection[str] | None = None,
    ) -> PassResult:
        """Do what is to be done. What fails for one image keeps no other from its turn."""
        steps, latest = await self.plan(since, known)
        await watcher.planned(steps)
        outcome = PassResult(latest=latest)
        waiting = iter(steps)

        async def work() -> None:
            for step in waiting:
                error = await self._attempt(step, watcher, outcome)
                if error is None:
                    outcome.done.append(step)
                else:
                    outcome.failed[step.id] = error.message
                await watcher.ended(step, error)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.transfers):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            # One ended the others: that one tells the caller what to do.
            raise errors.exceptions[0] from errors
        return outcome

    async def _all(self, site: Source) -> dict[str, Record]:
        async with contextlib.aclosing(site.records()) as records:
            return {record.id: record async for record in records}

    async def _with_members(self, step: Step) -> Step:
        if (
            not self.rules.members
            or step.source.fields.get("visibility") != Visibility.SHARED
            or step.action in (Action.CONFLICT, Action.LEAVE)
        ):
            return step
        is_there = step.target is not None and (
            step.target.fields.get("visibility") == Visibility.SHARED
        )
        try:
            after = await self.source.members(step.id)
            before = await self.target.members(step.id) if is_there else {}
        except Unavailable:
            raise
        except ImagestoreError as error:
            # It went, or is not ours to look into; the others have to go on.
            log.warning("the members of image %s are not compared: %s", step.id, error)
            return step
        if before == after:
            return step
        action = Action.CHANGE if step.action is Action.NOTHING else step.action
        return replace(step, action=action, members=after, members_before=before)

    async def _attempt(
        self, step: Step, watcher: Watcher, outcome: PassResult
    ) -> ImagestoreError | None:
        for attempt in range(1, _ATTEMPTS + 1):
            meter = _Meter(watcher, step)
            try:
                await self._carry_out(step, meter)
                outcome.bytes += meter.count
                return None
            except Unavailable as error:
                meter.reset()
                if attempt == _ATTEMPTS:
                    return error
                log.warning("image %s is tried again: %s", step.id, error)
                await asyncio.sleep(0.5 * 2**attempt)
                if step.action in CHANGING and step.action is not Action.DELETE:
                    # What came of the first attempt is not known.
                    try:
                        found = await self.target.record(step.id)
                    except ImagestoreError as other:
                        return other
                    again = compare(step.source, found, self.rules)
                    step = replace(again, members=step.members, members_before=step.members_before)
            except ImagestoreError as error:
                meter.reset()
                return error
            except OSError as error:
                meter.reset()
                return Invalid(f"Image {step.id}: {error}")
        raise AssertionError

    async def _carry_out(self, step: Step, moved: Moved) -> None:
        match step.action:
            case Action.CONFLICT:
                raise Conflict(
                    f"{self.target.label} has other data under the id {step.id}; "
                    "the data of an image cannot change."
                )
            case Action.WAIT:
                await self._wait(step, moved)
                return
            case Action.DELETE:
                await self._delete(step)
                return
            case Action.CREATE:
                await self.target.create(step.source)
            case Action.FILL | Action.CHANGE if step.fields:
                assert step.target is not None
                fields = wanted(step.source, step.target, self.rules)
                await self.target.change(step.target, fields)
        if step.action in MOVING and self.rules.data:
            await self._fill(step, moved)
        if step.members is not None:
            await self.target.set_members(step.id, step.members_before, step.members)
        deactivated = step.source.status == ImageStatus.DEACTIVATED
        if step.switch or (deactivated and step.action in MOVING and self.rules.data):
            await self.target.switch(step.id, active=not deactivated)

    async def _fill(self, step: Step, moved: Moved) -> None:
        source = step.source
        await self.target.write(source, Moving(self.source, source, moved, self.least))
        written = await self.target.record(step.id)
        if written is None:
            raise Conflict(f"Image {step.id} was deleted at {self.target.label} meanwhile.")
        if not written.has_data or not has_same_bytes(source, written):
            if written.has_data:
                await self.target.switch(step.id, active=False)
            raise Conflict(
                f"{self.target.label} has stored other data for image {step.id} than it was "
                "sent; the image is deactivated there."
            )

    async def _wait(self, step: Step, moved: Moved) -> None:
        found = step
        try:
            async with asyncio.timeout(_PATIENCE):
                while found.action is Action.WAIT:
                    await asyncio.sleep(0.5)
                    target = await self.target.record(step.id)
                    found = compare(step.source, target, self.rules)
        except TimeoutError:
            raise Conflict(
                f"Image {step.id} is being given its data at {self.target.label} by somebody else."
            ) from None
        found = replace(found, members=step.members, members_before=step.members_before)
        await self._carry_out(found, moved)

    async def _delete(self, step: Step) -> None:
        if await self.source.record(step.id) is not None:
            # It came back, or the list had a gap.
            return
        if step.source.fields.get("protected"):
            raise Forbidden(f"Image {step.id} is protected at {self.target.label}.")
        await self.target.remove(step.id)
