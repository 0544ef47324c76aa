"""The watcher's life: register, stand by, lead, and start over after any loss."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from typing import TYPE_CHECKING

from crony_ops import __version__
from crony_ops.daemon.contact import Contact, contact
from crony_ops.daemon.logs import in_words
from crony_ops.errors import GuardFailed, LeaseLost, StoreError
from crony_ops.model.cluster import Leader, Watcher
from crony_ops.model.node import Node
from crony_ops.store import (
    Batcher,
    Change,
    Etcd,
    LeaseKeeper,
    Mirror,
    boottime,
    create_is,
)
from crony_ops.store.keys import Keys
from crony_ops.watcher.clocks import LEADER, ClockSamples, judge_clocks
from crony_ops.watcher.delivery import Delivery
from crony_ops.watcher.interest import Interest, interest_in
from crony_ops.watcher.key_space import meet_key_space
from crony_ops.watcher.leadership import step_down, win_election
from crony_ops.watcher.reconcile import Reconciler
from crony_ops.watcher.spreading import Spreading
from crony_ops.watcher.view import View
from crony_ops.watcher.vitals import Vitals, fleet_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from crony_ops.watcher.metrics import WatcherMetrics
    from crony_ops.watcher.outbox import Unnoted
    from crony_ops.watcher.settings import WatcherSettings

log = logging.getLogger(__name__)

COALESCE = 0.02
RETRY = 0.5


class WatcherDaemon:
    """One watcher. ``run`` goes on until cancelled, through every failure of etcd."""

    def __init__(self, settings: WatcherSettings, metrics: WatcherMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._keys = Keys(settings.etcd.prefix)
        self._etcd = Etcd(settings.etcd)
        self._mirror = Mirror(self._etcd, View.prefixes(self._keys), on_change=self._changed)
        self._keeper: LeaseKeeper | None = None
        self._leads_by: View | None = None
        self._delivery: Delivery | None = None
        self._unnoted: Unnoted = {}
        self._wake = asyncio.Event()
        self._look = True
        self._held: Collection[str] | None = ()
        self._look_by = 0.0
        self._leadership = asyncio.Event()
        self._led_before: Leader | None = None
        self._clocks = ClockSamples()
        self._seen_listings = 0

    async def run(self) -> None:
        """Raises NewerKeySpace or UnreadableKeySpace; nothing else ends it but a cancellation."""
        mirror = self._mirror
        async with self._etcd as etcd:
            await meet_key_space(etcd, self._keys, self._settings.cluster)
            async with asyncio.TaskGroup() as group:
                group.create_task(mirror.run())
                await mirror.synced()
                while True:
                    try:
                        await self._live(etcd, mirror)
                    except* LeaseLost as lost:
                        log.warning("registering again: %s", in_words(lost))
                    except* StoreError as failure:
                        log.warning("etcd: %s", in_words(failure))
                        await asyncio.sleep(RETRY)

    def contact(self) -> Contact:
        return contact(
            deadline=self._keeper.deadline if self._keeper else 0.0,
            boottime=boottime(),
            fresh_at=self._mirror.fresh_at,
            monotonic=time.monotonic(),
        )

    def vitals(self) -> Vitals:
        at, view = self.contact(), self._leads_by
        return Vitals(at, fleet_numbers(view) if view is not None and at.lease_margin > 0 else None)

    def in_words(self) -> str:
        role = "leads" if self._leads_by is not None else "stands by"
        return "; ".join([*self.contact().ailments(self._settings.ttl), role])

    def stalled(self) -> float:
        """Seconds since the last renewal was tried, or since a leader's look was due."""
        due = [self._keeper.tried_at] if self._keeper is not None else []
        if self._leads_by is not None:
            due.append(self._look_by)
        return max(0.0, time.monotonic() - min(due)) if due else 0.0

    async def _live(self, etcd: Etcd, mirror: Mirror) -> None:
        """One lease long."""
        keeper = self._keeper = LeaseKeeper(etcd, self._settings.ttl)
        await keeper.grant()
        me = Watcher(
            id=self._settings.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=time.time(),
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keeper.run())
                await etcd.put(self._keys.watcher(me.id), me.to_json(), lease=keeper.lease)
                while True:
                    await self._stand_by_and_lead(etcd, mirror, keeper)
        finally:
            await _give_up(keeper)

    async def _stand_by_and_lead(self, etcd: Etcd, mirror: Mirror, keeper: LeaseKeeper) -> None:
        self._leadership.clear()
        if keeper.expired():
            # Its keeper is about to learn whether the lease is gone; until then we lead nothing.
            await asyncio.sleep(RETRY)
            return
        term = await win_election(
            etcd,
            mirror,
            self._keys,
            claim=Leader(
                id=self._settings.id,
                since=time.time(),
                cmd_auto_allocation=self._settings.cmd_auto_allocation,
            ),
            lease=keeper.lease,
            before=self._led_before,
        )
        if term is None:
            try:
                async with asyncio.timeout(self._settings.ttl):
                    await self._leadership.wait()
            except TimeoutError:
                log.debug("standing by")
            return
        log.info("leading since revision %d", term)
        self._look = True
        self._look_by = time.monotonic()
        try:
            await mirror.reached(self._keys.leader, term)
            await self._lead(etcd, mirror, keeper, term)
        except* GuardFailed:
            log.warning("deposed: another watcher leads")
            await asyncio.sleep(RETRY)
        except* StoreError as failure:
            log.warning("etcd: %s", in_words(failure))
            await asyncio.sleep(RETRY)

    async def _lead(self, etcd: Etcd, mirror: Mirror, keeper: LeaseKeeper, term: int) -> None:
        """Reconcile at each change and every so often, until deposed or unfit.

        Raises GuardFailed when another watcher leads, StoreError when etcd is away.
        """
        settings, keys = self._settings, self._keys
        view = View(mirror, keys, cmd_auto_allocation=settings.cmd_auto_allocation)
        batcher = Batcher(etcd, guard=(create_is(keys.leader, term),))
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(batcher.run())
            spreading = Spreading(group, on_found=self._look_again)
            reconciler = Reconciler(etcd, view, batcher, settings, self._metrics, spreading)
            self._delivery = Delivery(
                view,
                batcher,
                settings.alerts,
                self._metrics,
                self._unnoted,
                fit_to_send=lambda: not keeper.expired(),
                stalled=self.stalled,
            )
            delivering = group.create_task(self._delivery.run())
            self._leads_by = view
            try:
                while not keeper.expired():
                    clocks = judge_clocks(self._clocks.offsets(), settings.clock_tolerance)
                    if clocks[LEADER] is not None:
                        log.error("stepping down: this clock is %+.1f s off", clocks[LEADER])
                        await step_down(etcd, keys, term)
                        await asyncio.sleep(settings.ttl)
                        return
                    await self._reconcile(reconciler, clocks)
            finally:
                self._leads_by = self._delivery = None
                delivering.cancel()
                spreading.give_up()
                sender.cancel()

    async def _reconcile(self, reconciler: Reconciler, clocks: Mapping[str, float | None]) -> None:
        """One look, or only at the news if nothing else has changed; then wait for a reason."""
        self._wake.clear()
        if not self._look and time.monotonic() < self._look_by:
            try:
                await reconciler.digest()
            except TimeoutError:
                log.warning("the mirror lags behind; looking again")
                self._look = True
                return
        else:
            self._look = False
            self._held = None  # a run that ends during the look may be what it finds holding a job
            began = time.monotonic()
            try:
                done = await reconciler.look(clocks)
            except TimeoutError:
                log.warning("the mirror lags behind; looking again")
                self._look = True
                return
            self._metrics.reconciled(time.monotonic() - began)
            self._held = done.placement.held.keys()
            if done.refused:
                self._look = True
                await asyncio.sleep(COALESCE)
                return
            patience = 1.0 if done.waiting else self._settings.reconcile_every
            self._look_by = time.monotonic() + patience
        try:
            async with asyncio.timeout(max(0.0, self._look_by - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            self._look = True
        else:
            await asyncio.sleep(COALESCE)

    def _changed(self, changes: Sequence[Change]) -> None:
        keys = self._keys
        listed = self._mirror.listings != self._seen_listings
        self._seen_listings = self._mirror.listings
        for change in changes:
            if change.key.startswith(keys.nodes) and (not listed or change.new is None):
                self._sample_clock(change)
            if change.key == keys.leader:
                self._leadership.set()
                if (gone := change.old if change.new is None else change.new) is not None:
                    self._led_before = Leader.read(gone.key, gone.value) or self._led_before
            if self._delivery is not None and change.key.startswith((keys.alerts, keys.silences)):
                self._delivery.wake()
            interest = interest_in(change, keys, self._held)
            if interest is Interest.LOOK:
                self._look_again()
            elif interest is Interest.NEWS:
                self._wake.set()

    def _look_again(self) -> None:
        self._look = True
        self._wake.set()

    def _sample_clock(self, change: Change) -> None:
        """A renewal that is heard of live tells how the node's clock stands to ours."""
        uuid = change.key[len(self._keys.nodes) :]
        if change.new is None:
            self._clocks.forget(uuid)
            return
        try:
            node = Node.from_json(change.new.value)
        except ValueError:
            return  # the next look names it as unreadable
        self._clocks.add(uuid, node.renewed_at - time.time())


async def _give_up(keeper: LeaseKeeper) -> None:
    """Let the lease go at once on an orderly end, so that a standby need not wait for its TTL."""
    try:
        async with asyncio.timeout(1.0):
            await keeper.revoke()
    except (StoreError, TimeoutError) as error:
        log.info("the lease will run out by itself: %s", error)
