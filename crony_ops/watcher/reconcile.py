"""One look at everything, and the orders that follow from it, carried out.

Level-triggered: nothing depends on having seen an event. An order that etcd refuses was decided on
something that has changed since; the next look decides anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from crony_ops.daemon.logs import about
from crony_ops.errors import StoreRefused
from crony_ops.model.cluster import JobOutcome
from crony_ops.watcher import cursors, failover, job_health, rebalance, retention
from crony_ops.watcher.complaints import Complaints
from crony_ops.watcher.moves import Moves
from crony_ops.watcher.order import Order
from crony_ops.watcher.placement import Placement, place
from crony_ops.watcher.removal import CURSOR_LIFE, Removals, forgotten, hangs_on
from crony_ops.watcher.spreading import Picture, Spreading

if TYPE_CHECKING:
    from crony_ops.model.cluster import Rebalance
    from crony_ops.model.node import Node
    from crony_ops.store import Batcher, Etcd, Txn, TxnResult
    from crony_ops.watcher.eligibility import Fleet, Want
    from crony_ops.watcher.metrics import WatcherMetrics
    from crony_ops.watcher.settings import WatcherSettings
    from crony_ops.watcher.view import Seen, View

log = logging.getLogger(__name__)

AT_A_STRETCH = 128
"""Orders that are made, or whose answers are taken in, before others have their turn: the lease is
renewed meanwhile, and as many as go in a request are sent. A hundred thousand take seconds."""

FORGET_EVERY = 3600.0
"""Seconds between two searches for the records of jobs that are long gone."""


@dataclass(slots=True)
class Look:
    """What a look came to: ``refused`` orders ask for another look soon, and so do jobs that
    are without a node and nodes that are back, ``waiting`` until it is time to tell somebody."""

    placement: Placement
    applied: int = 0
    refused: int = 0
    waiting: bool = False


class Reconciler:
    """Carries out what follows from the view, through a batcher that is fenced by leadership."""

    def __init__(
        self,
        etcd: Etcd,
        view: View,
        batcher: Batcher,
        settings: WatcherSettings,
        metrics: WatcherMetrics,
        spreading: Spreading,
    ) -> None:
        self._etcd = etcd
        self._view = view
        self._batcher = batcher
        self._settings = settings
        self._metrics = metrics
        self._spreading = spreading
        self._complaints = Complaints()
        self._unplaced_since: dict[str, float] = {}
        self._forget_at = 0.0

    async def look(self, clocks: Mapping[str, float | None]) -> Look:
        """Raises GuardFailed when somebody else leads, StoreError when etcd is away, TimeoutError
        when the mirror does not show what was written."""
        view, look = self._view, Look(Placement())
        alive = view.alive()
        # Each line decides on what the one before it has written.
        await self._carry_out(list(failover.upkeep(view, alive, clocks, time.time())), look)
        if look.refused:
            return look  # what moves off a node whose loss is not noted would be counted nowhere
        await self._carry_out(self._place(alive, look), look)
        applied = look.applied
        await self._carry_out(await self._closings(), look)
        self._metrics.failovers_closed(look.applied - applied)
        now, assigned = time.time(), view.assigned()
        await self._carry_out(
            [
                *job_health.digest(view, now),
                *failover.told_in_time(
                    view, ttl=self._settings.ttl, remind=self._settings.alerts.remind, now=now
                ),
                *self._complaints.orders(view, now),
                *retention.trims(view, self._settings, now),
                *cursors.ended_pauses(view, assigned, now),
                *cursors.of_forgotten_nodes(view, assigned),
            ],
            look,
        )
        await self._carry_out(list(job_health.reminders(view, now)), look)
        await self._carry_out(list(job_health.dragging(view, now)), look)
        await self._remove(look)
        await self._carry_out(await self._forgotten(), look)
        return look

    async def digest(self) -> None:
        """Take in the news, and look at nothing else. Raises as ``look``."""
        await self._carry_out(list(job_health.digest(self._view, time.time())), Look(Placement()))

    def _place(self, alive: Mapping[str, Node | None], look: Look) -> Iterable[Order]:
        view, now = self._view, time.time()
        fleet, busy = view.fleet(), view.busy()
        open_runs, assigned = view.open_runs(), view.assigned()
        wants = [seen.value for _, seen in view.wants.items()]
        look.placement = place(wants, assigned, fleet, busy, view.away(), view.leaving())
        ended: Iterable[Order] = ()
        wish = view.rebalances.get("")
        if wish is None:
            self._spreading.give_up()
        else:
            ended = self._rebalance(wish, wants, assigned, fleet, busy, look.placement, now)
        overdue = self._overdue(look.placement)
        patient = len(overdue) < len(look.placement.unplaced)
        look.waiting = patient or failover.waits_to_be_told(view)
        moves = Moves(view, alive, open_runs, self._settings.fence_delay, now)
        follow = [
            *job_health.placed_or_not(view, overdue, look.placement.unplaced, now),
            *cursors.missing(view, assigned, now),
            *ended,
        ]
        return chain(moves.orders(look.placement), follow)

    def _rebalance(
        self,
        wish: Seen[Rebalance],
        wants: Sequence[Want],
        assigned: Mapping[str, Mapping[str, int]],
        fleet: Fleet,
        busy: Collection[tuple[str, str]],
        placement: Placement,
        now: float,
    ) -> Iterable[Order]:
        """What is known by now of how to spread the jobs joins the ``placement``. When a whole
        computation has found nothing to move, the order is fulfilled."""
        order, spreading = wish.entry.mod_revision, self._spreading
        spread = spreading.found_for(order)
        steps = spread.steps if spread is not None else []
        by_id = {want.job_id: want for want in wants} if steps else {}
        # What waits to leave its node goes its own way.
        fixed = self._view.resting() | placement.held.keys()
        moving = {step.job_id for step in placement.steps}
        left = rebalance.standing(steps, by_id, assigned, fleet, fixed | moving)
        stale = spread is None or (steps and not left) or time.monotonic() >= spread.stale_at
        if stale and not spreading.under_way:
            # As things are when what must be has been done: something may have to be at each look.
            then = rebalance.foreseen(assigned, placement.steps)
            spreading.begin(order, Picture(wants, then, fleet, busy, fixed))
        if rebalance.join(placement, left, busy):
            spreading.give_up()  # what was known before these moves is not the best any more
        return () if spread is None else rebalance.ending(self._view.keys, wish, steps, now)

    def _overdue(self, placement: Placement) -> dict[str, str]:
        """Jobs that have had no node for a TTL, and why: nodes that start together with the
        watcher must have the time to register before anybody is told."""
        clock, before = time.monotonic(), self._unplaced_since
        self._unplaced_since = {job: before.get(job, clock) for job in placement.unplaced}
        return {
            job_id: reason
            for job_id, reason in placement.unplaced.items()
            if clock - self._unplaced_since[job_id] >= self._settings.ttl
        }

    async def _closings(self) -> list[Order]:
        closings = []
        for seen in failover.decided(self._view):
            # Read anew: the mirror may know of a move and not yet of the outcome beside it.
            lost = seen.value
            prefix = self._view.keys.failover_jobs(lost.node, lost.incarnation)
            noted = (await self._etcd.range(prefix)).entries
            outcomes = [o for entry in noted if (o := JobOutcome.read(entry.key, entry.value))]
            closing = failover.close_failover(
                self._view.keys,
                seen,
                outcomes,
                self._view.rosters.get(lost.node),
                remind=self._settings.alerts.remind,
                now=time.time(),
            )
            closings.append(Order(*closing))
        return closings

    async def _remove(self, look: Look) -> None:
        removals = Removals(self._view)
        if not removals.jobs:
            return
        lease = await self._etcd.grant(CURSOR_LIFE) if removals.keep_cursors else 0
        await self._carry_out(list(removals.orders(lease)), look)
        if lease and not hangs_on(self._view, lease):  # its orders were refused
            await self._etcd.revoke(lease)

    async def _forgotten(self) -> list[Order]:
        """Now and then, for all run keys have to be listed."""
        if time.monotonic() < self._forget_at:
            return []
        self._forget_at = time.monotonic() + FORGET_EVERY
        listed = await self._etcd.range(self._view.keys.runs, keys_only=True)
        return list(forgotten(self._view, (entry.key for entry in listed.entries)))

    async def _carry_out(self, wanted: Iterable[Order], look: Look) -> None:
        """Submit, and wait until the mirror shows what was written: the next look, or the next
        line of this one, must not decide on what was before. What makes orders one by one must
        stand that the view changes meanwhile."""
        written: list[tuple[Txn, int]] = []
        failure: BaseException | None = None
        for number, (order, result) in enumerate(await self._answered(wanted), 1):
            if isinstance(result, StoreRefused):
                with about(job=order.job):
                    log.error("etcd would not have an order: %s", result)
            elif isinstance(result, BaseException):
                failure = result
            elif not result.succeeded:
                look.refused += 1
            else:
                look.applied += 1
                written.append((order.txn, result.revision))
                self._metrics.carried_out(order)
                _tell(order)
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
        if failure is not None:
            raise failure
        async with asyncio.timeout(self._settings.ttl):
            for txn, revision in written:
                await self._view.mirror.shows(txn, revision)

    async def _answered(
        self, wanted: Iterable[Order]
    ) -> list[tuple[Order, TxnResult | BaseException]]:
        orders: list[Order] = []
        answers: list[asyncio.Future[TxnResult]] = []
        try:
            for order in wanted:
                orders.append(order)
                answers.append(self._batcher.enter(order.txn))
                if len(orders) % AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
            results = await asyncio.gather(*answers, return_exceptions=True)
        finally:
            for answer in answers:
                answer.cancel()  # of one that is there it changes nothing
        return list(zip(orders, results, strict=True))


def _tell(order: Order) -> None:
    if order.note:
        with about(job=order.job):
            log.info(order.note)
    for alert in order.alerts:
        with about(job=alert.job):
            log.warning("alert %s: %s: %s", alert.id, alert.title, alert.message)
