"""The alerts as they stand, and how the leader notes what becomes of them.

Each note is a transaction that compares the alert's revision, in a batch that is fenced by
leadership: a channel's note never undoes another channel's, nor what an operator asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crony_ops.model.alert import Alert, Delivery
from crony_ops.store import Txn, absent, get, mod_is, put

if TYPE_CHECKING:
    from crony_ops.alerts.overflow import Overflow
    from crony_ops.store import Batcher, Compare, Op
    from crony_ops.watcher.view import View

MOST_AT_ONCE = 60
"""Alerts in one transaction: below what etcd takes, by number and, each with all its output, by
size."""
_LAG = 0.05

Unnoted = dict[tuple[str, str], tuple[Delivery, Delivery]]
"""By alert and channel: what a delivery was, and what an attempt made of it. It outlives a term of
leadership, but not the process."""


class Outbox:
    def __init__(self, view: View, batcher: Batcher, unnoted: Unnoted) -> None:
        self._view = view
        self._batcher = batcher
        self._unnoted = unnoted
        self._in_hand: set[tuple[str, str]] = set()
        self._set_aside: set[str] = set()

    def alerts(self) -> Iterator[Alert]:
        """In the order in which they were made."""
        seen = sorted(self._view.alerts.items(), key=lambda item: item[1].entry.create_revision)
        return (item.value for _, item in seen)

    def unnoted(self, alert_id: str, channel: str, before: Delivery) -> Delivery | None:
        """What came of an attempt at a delivery that stands as ``before``, if this process knows
        and etcd does not."""
        was, after = self._unnoted.get((alert_id, channel), (None, None))
        return after if was == before else None

    @contextmanager
    def taking(self, alert_id: str, channel: str) -> Iterator[None]:
        """The alert is being sent."""
        self._in_hand.add((alert_id, channel))
        try:
            yield
        finally:
            self._in_hand.discard((alert_id, channel))

    def is_free(self, alert_id: str) -> bool:
        """Whether it may be sent: not while a digest is made of it."""
        return alert_id not in self._set_aside

    def in_hand(self, channel: str) -> set[str]:
        """The alerts that are being sent over the channel this moment."""
        return {alert_id for alert_id, over in self._in_hand if over == channel}

    async def note(self, alert_id: str, channel: str, before: Delivery, after: Delivery) -> None:
        """Until it stands in etcd, or the alert is gone, or its delivery is not as ``before`` any
        more. Raises GuardFailed, and StoreError when etcd is away or will not have it."""
        at = (alert_id, channel)
        self._unnoted[at] = (before, after)
        seen = self._view.alerts.get(alert_id)
        while seen is not None and seen.value.deliveries.get(channel) == before:
            if await self.replace({alert_id: {channel: after}}):
                break
            seen = self._view.alerts.get(alert_id)
        del self._unnoted[at]

    async def replace(self, deliveries: Mapping[str, Mapping[str, Delivery]]) -> bool:
        """Give each of some alerts (by id) these deliveries (by channel), as many at a time as go:
        False, and the rest undone, if one of them has changed meanwhile. Raises as ``note``."""
        ids = list(deliveries)
        for n in range(0, len(ids), MOST_AT_ONCE):
            if not await self._write({a: deliveries[a] for a in ids[n : n + MOST_AT_ONCE]}):
                return False
        return True

    async def add(self, digest: Alert) -> bool:
        """False if one of that id stands. Raises as ``note``."""
        return await self._write({}, digest)

    async def gather(self, found: Sequence[Overflow]) -> None:
        """Make digests of at most MOST_AT_ONCE alerts each. Until all are made, none of what they
        are made of is taken to be sent. Where one of these has changed, its digest is left to the
        next look. Raises as ``note``."""
        aside = {alert_id for one in found for alert_id in one.deliveries}
        self._set_aside |= aside
        try:
            for one in found:
                await self._write(one.deliveries, one.digest)
        finally:
            self._set_aside -= aside

    async def _write(
        self, deliveries: Mapping[str, Mapping[str, Delivery]], digest: Alert | None = None
    ) -> bool:
        keys = self._view.keys
        when: list[Compare] = []
        then: list[Op] = []
        for alert_id, wanted in deliveries.items():
            seen = self._view.alerts.get(alert_id)
            if seen is None:
                return False
            # Over the other channels things went on since it was asked for.
            ways = {**seen.value.deliveries, **wanted}
            alert = seen.value.model_copy(update={"deliveries": ways})
            when.append(mod_is(seen.entry.key, seen.entry.mod_revision))
            then.append(put(seen.entry.key, alert.to_json()))
        if digest is not None:
            when.append(absent(keys.alert(digest.id)))
            then.append(put(keys.alert(digest.id), digest.to_json()))
        txn = Txn(tuple(when), tuple(then), tuple(get(compare.key) for compare in when))
        result = await self._batcher.submit(txn)
        if result.succeeded:
            await self._view.mirror.shows(txn, result.revision)
            return True
        await self._catch_up(result.responses)
        return False

    async def _catch_up(self, found: Sequence[object]) -> None:
        """Wait until the view is up to date with what stood in the way."""
        for entries in found:
            if isinstance(entries, tuple) and entries:
                await self._view.mirror.reached(entries[0].key, entries[0].mod_revision)
        # A deletion has no revision of its own to wait for.
        await asyncio.sleep(_LAG)
