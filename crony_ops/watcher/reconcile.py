"""One look at everything, and the orders that follow from it, carried out.

Level-triggered: nothing depends on having seen an event. An order that etcd refuses was decided on
something that has changed since; the next look decides anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.model.cluster import Alert, Failover, JobOutcome, Outcome, Severity
from crony_ops.model.spec import Spec
from crony_ops.store import Op, Txn, delete
from crony_ops.store.txn import Action, Target
from crony_ops.watcher import orders
from crony_ops.watcher.placement import Fleet, Placement, Step, place
from crony_ops.watcher.view import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.model.node import Node
    from crony_ops.model.run import News, OpenRun
    from crony_ops.store import Batcher, Entry, Etcd
    from crony_ops.watcher.settings import WatcherSettings
    from crony_ops.watcher.view import View

log = logging.getLogger(__name__)

CURSOR_AHEAD = 60.0
REMOVED_CURSOR_LIFE = 86_400
MAX_NEWS_IN_AN_ORDER = 30


@dataclass(slots=True)
class Order:
    """A transaction to submit, and the alert that it creates."""

    txn: Txn
    alert: Alert | None = None

    @property
    def written(self) -> set[str]:
        """Keys that a mirror hears of: put, or deleted and surely there before."""
        compared = {c.key for c in self.txn.when if c.target is Target.MOD and c.operand}
        return {
            op.key
            for op in self.txn.then
            if isinstance(op, Op) and (op.action is Action.PUT or op.key in compared)
        }


@dataclass(slots=True)
class Pass:
    """What a look came to: ``refused`` orders ask for another look soon."""

    placement: Placement
    applied: int = 0
    refused: int = 0
    alerts: list[Alert] = field(default_factory=list)


class Reconciler:
    """Carries out what follows from the view, through a batcher that is fenced by leadership."""

    def __init__(self, etcd: Etcd, view: View, batcher: Batcher, settings: WatcherSettings) -> None:
        self._etcd = etcd
        self._view = view
        self._keys = view.keys
        self._batcher = batcher
        self._settings = settings
        self._reported: set[str] = set()

    async def look(self, wrong_clocks: Mapping[str, float]) -> Pass:
        """Raises GuardFailed when somebody else leads, StoreError when etcd is away."""
        done = Pass(Placement())
        alive = self._view.alive()
        await self._carry_out(self._upkeep(alive, wrong_clocks), done)
        await self._carry_out(self._place(alive, done), done)
        await self._carry_out(await self._closings(), done)
        await self._carry_out(chain(self._news(), self._complaints(), self._trims()), done)
        await self._carry_out(await self._tidying(), done)
        return done

    def _upkeep(
        self, alive: Mapping[str, Node | None], wrong_clocks: Mapping[str, float]
    ) -> Iterable[Order]:
        """The roster: who is up, who has gone, whose clock is wrong."""
        now = time.time()
        rosters = dict(self._view.rosters.items())
        for uuid, node in alive.items():
            seen = rosters.get(uuid)
            if node is None:
                continue
            if seen is None or seen.value.lost_at is not None or _differs(seen.value.node, node):
                entry = self._view.rosters.entry(uuid)
                yield Order(orders.note_node(self._keys, node, entry, now))
                log.info("node %s is up (incarnation %x)", node.name, node.incarnation)
            elif (uuid in wrong_clocks) != (seen.value.clock_offset is not None):
                offset = wrong_clocks.get(uuid)
                yield Order(*orders.note_clock(seen, self._keys, offset, now))
        for uuid, seen in rosters.items():
            if uuid not in alive and seen.value.lost_at is None:
                yield Order(orders.declare_lost(self._keys, seen, now))
                log.warning("node %s is lost", seen.value.node.name)

    def _place(self, alive: Mapping[str, Node | None], done: Pass) -> Iterable[Order]:
        view, now = self._view, time.time()
        known = {uuid: seen.value.node for uuid, seen in view.rosters.items()}
        cordons = dict(view.cordons.items())
        fleet = Fleet(
            alive=alive,
            known=known,
            cordoned=frozenset(cordons),
            evicting=frozenset(uuid for uuid, seen in cordons.items() if seen.value.evict),
            skewed=frozenset(
                uuid for uuid, s in view.rosters.items() if s.value.clock_offset is not None
            ),
        )
        open_runs = view.open_runs()
        assigned = view.assigned()
        placement = place(
            (seen.value for _, seen in view.wants.items()), assigned, fleet, frozenset(open_runs)
        )
        done.placement = placement
        settled: set[tuple[str, str]] = set()
        for step in placement.steps:
            order = self._step(step, alive, open_runs, now)
            if order is not None:
                settled.add((step.source, step.job_id))
                yield order
        staying = {Outcome.stranded: placement.stranded, Outcome.bound: placement.bound}
        for outcome, by_node in staying.items():
            for node, jobs in by_node.items():
                for job_id in jobs:
                    if (node, job_id) not in settled:
                        runs = open_runs.get((node, job_id), [])
                        order = self._stays(node, job_id, outcome, runs, now)
                        settled.add((node, job_id))
                        if order is not None:
                            yield order
        for (node, job_id), runs in open_runs.items():
            if node not in alive and (node, job_id) not in settled:
                for seen in runs:
                    yield Order(
                        orders.lost_run(
                            self._keys, seen, view.node_name(node), now, self._settings.fence_delay
                        )
                    )
        yield from self._unplaced(placement, now)
        yield from self._missing_cursors(assigned, now)

    def _step(
        self,
        step: Step,
        alive: Mapping[str, Node | None],
        open_runs: Mapping[tuple[str, str], list[Seen[OpenRun]]],
        now: float,
    ) -> Order | None:
        view, keys = self._view, self._keys
        spec = view.wants.entry(step.job_id)
        if spec is None:
            return None
        wanted = Spec.from_json(spec.value)
        at = step.target if wanted.job.run_on.every else ""
        loss = None
        if step.source and step.source != step.target and step.source not in alive:
            loss = self._loss(step.source, open_runs.get((step.source, step.job_id), []))
        return Order(
            orders.step_order(
                keys,
                step,
                now=now,
                spec=spec,
                wanted=wanted,
                given=view.given.entry(f"{step.source}/{step.job_id}") if step.source else None,
                cursor=view.cursors.entry(f"{step.job_id}/{at}" if at else step.job_id),
                loss=loss,
                fence_delay=self._settings.fence_delay,
            )
        )

    def _loss(self, node: str, runs: list[Seen[OpenRun]]) -> orders.Loss:
        roster = self._view.rosters.get(node)
        incarnation = roster.value.node.incarnation if roster is not None else None
        failover = (
            self._view.failovers.get(f"{node}/{incarnation:x}") if incarnation is not None else None
        )
        is_open = (
            failover is not None
            and isinstance(failover.value, Failover)
            and failover.value.closed_at is None
        )
        return orders.Loss(self._view.node_name(node), incarnation, runs, is_open)

    def _stays(
        self, node: str, job_id: str, outcome: Outcome, runs: list[Seen[OpenRun]], now: float
    ) -> Order | None:
        """A job that stays with its lost node: its runs are lost, and its outcome is noted once."""
        loss = self._loss(node, runs)
        noted = (
            not loss.failover_is_open
            or self._view.failovers.get(f"{node}/{loss.incarnation:x}/{job_id}") is not None
        )
        if noted and not loss.runs:
            return None
        if noted:
            loss = orders.Loss(loss.node_name, loss.incarnation, loss.runs, failover_is_open=False)
        reason = (
            "a shell job without presets moves only with cmd_auto_allocation"
            if outcome is Outcome.stranded
            else "bound to its node"
        )
        when, then = orders.loss_order(
            self._keys, node, job_id, loss, outcome, "", now, self._settings.fence_delay, reason
        )
        return Order(Txn(tuple(when), tuple(then)))

    def _unplaced(self, placement: Placement, now: float) -> Iterable[Order]:
        view = self._view
        for job_id, reason in placement.unplaced.items():
            health = view.healths.get(job_id)
            spec = view.wants.entry(job_id)
            if spec is not None and (health is None or health.value.unplaced_since is None):
                yield Order(
                    *orders.note_unplaced(
                        self._keys, job_id, health, reason, spec.mod_revision, now
                    )
                )
        for job_id, health in view.healths.items():
            if health.value.unplaced_since is not None and job_id not in placement.unplaced:
                yield Order(orders.note_placed(health))

    def _missing_cursors(
        self, assigned: Mapping[str, Mapping[str, int]], now: float
    ) -> Iterable[Order]:
        view = self._view
        for job_id, homes in assigned.items():
            want = view.wants.get(job_id)
            if want is None:
                continue
            for node in homes:
                at = node if want.value.run_on.every else ""
                key = self._keys.cursor(job_id, at)
                given = view.given.entry(f"{node}/{job_id}")
                if given is not None and view.mirror.get(key) is None:
                    yield Order(orders.start_cursor(given, key, now))

    async def _closings(self) -> list[Order]:
        """Failovers in which every job of the dead incarnation has its outcome."""
        view, closings = self._view, []
        left: dict[str, list[str]] = {}
        for tail in (key[len(self._keys.jobs) :] for key in view.mirror.prefix(self._keys.jobs)):
            node, _, job_id = tail.partition("/")
            left.setdefault(node, []).append(job_id)
        for tail, seen in view.failovers.items():
            if not isinstance(seen.value, Failover) or seen.value.closed_at is not None:
                continue
            node = seen.value.node
            undecided = (
                job_id
                for job_id in left.get(node, ())
                if view.failovers.get(f"{tail}/{job_id}") is None
            )
            if not view.is_alive(node) and any(True for _ in undecided):
                continue
            # Read anew: the mirror may know of the move and not yet of the outcome beside it.
            prefix = self._keys.failover_jobs(node, seen.value.incarnation)
            outcomes = [
                JobOutcome.from_json(e.value) for e in (await self._etcd.range(prefix)).entries
            ]
            closings.append(
                Order(
                    *orders.close_failover(
                        self._keys,
                        Seen(seen.value, seen.entry),
                        outcomes,
                        time.time(),
                    )
                )
            )
        return closings

    def _news(self) -> Iterable[Order]:
        by_job: dict[str, list[Seen[News]]] = {}
        for tail, seen in self._view.news.items():
            by_job.setdefault(tail.partition("/")[0], []).append(seen)
        for job_id, news in by_job.items():
            oldest = sorted(news, key=lambda s: s.value.at)[:MAX_NEWS_IN_AN_ORDER]
            health = self._view.healths.get(job_id)
            yield Order(orders.take_news(self._keys, job_id, oldest, health))

    def _complaints(self) -> Iterable[Order]:
        """What nobody can act on but a person: values that can't be read, cursors in the future."""
        now = time.time()
        for key, (revision, reason) in list(self._view.unreadable.items()):
            yield from self._complain(
                f"unreadable.{key.strip('/').replace('/', '.')}.{revision}",
                "value unreadable",
                f"{key} can't be read",
                reason,
                now,
            )
        for tail, seen in self._view.cursors.items():
            ahead = seen.value.tick - now
            if ahead > CURSOR_AHEAD:
                yield from self._complain(
                    f"cursor-ahead.{tail.replace('/', '.')}.{seen.entry.mod_revision}",
                    "cursor ahead",
                    f"the cursor of {tail} is {ahead:.0f} s ahead of the clock",
                    "the job does not run until then",
                    now,
                )

    def _complain(
        self, alert_id: str, cause: str, title: str, message: str, now: float
    ) -> Iterable[Order]:
        if alert_id in self._reported:
            return
        self._reported.add(alert_id)
        alert = Alert(
            id=alert_id,
            cause=cause,
            severity=Severity.warning,
            title=title,
            message=message,
            at=now,
        )
        yield Order(orders.raise_alert(self._keys, alert), alert)

    def _trims(self) -> Iterable[Order]:
        """Alerts and closed failovers are bounded: the oldest go."""
        alerts = self._view.mirror.prefix(self._keys.alerts)
        closed = {
            seen.entry.key: seen.entry
            for _, seen in self._view.failovers.items()
            if isinstance(seen.value, Failover) and seen.value.closed_at is not None
        }
        for entries, keep in (
            (alerts, self._settings.keep_alerts),
            (closed, self._settings.keep_failovers),
        ):
            if len(entries) > keep:
                oldest = sorted(entries.values(), key=lambda e: e.create_revision)
                for entry in oldest[: len(entries) - keep]:
                    yield Order(Txn((), (delete(entry.key),)))

    async def _tidying(self) -> list[Order]:
        """Jobs that left the files. Their cursors live on a lease of a day from here."""
        view, keys = self._view, self._keys
        wanted = view.mirror.prefix(keys.specs)

        def gone(job_id: str) -> bool:
            return keys.spec(job_id) not in wanted

        cursors: dict[str, list[Entry]] = {}
        for key, entry in view.mirror.prefix(keys.cursors).items():
            job_id = key[len(keys.cursors) :].partition("/")[0]
            if gone(job_id) and not entry.lease:
                cursors.setdefault(job_id, []).append(entry)
        assignments: dict[str, list[Entry]] = {}
        for key, entry in view.mirror.prefix(keys.jobs).items():
            job_id = key[len(keys.jobs) :].partition("/")[2]
            if gone(job_id):
                assignments.setdefault(job_id, []).append(entry)
        pauses = {
            job_id: seen.entry
            for job_id, seen in view.pauses.items()
            if gone(job_id) and seen.value.removal
        }
        healths = {job_id for job_id, _ in view.healths.items() if gone(job_id)}
        jobs = cursors.keys() | assignments.keys() | pauses.keys() | healths
        if not jobs:
            return []
        lease = await self._etcd.grant(REMOVED_CURSOR_LIFE)
        return [
            Order(
                orders.tidy_removed(
                    keys,
                    job_id,
                    assignments=assignments.get(job_id, []),
                    cursors=cursors.get(job_id, []),
                    pause=pauses.get(job_id),
                    lease=lease,
                )
            )
            for job_id in sorted(jobs)
        ]

    async def _carry_out(self, wanted: Iterable[Order], done: Pass) -> None:
        """Submit, and wait until the mirror shows what was written: the next look, or the next
        step of this one, must not decide on what was before."""
        todo = list(wanted)
        if not todo:
            return
        results = await asyncio.gather(
            *(self._batcher.submit(order.txn) for order in todo), return_exceptions=True
        )
        failures = [r for r in results if isinstance(r, BaseException)]
        for order, result in zip(todo, results, strict=True):
            if isinstance(result, BaseException):
                continue
            if not result.succeeded:
                done.refused += 1
                continue
            done.applied += 1
            if order.alert is not None:
                done.alerts.append(order.alert)
                log.warning(
                    "alert %s: %s: %s", order.alert.id, order.alert.title, order.alert.message
                )
            async with asyncio.timeout(self._settings.ttl):
                for key in order.written:
                    if self._view.mirrors(key):
                        await self._view.mirror.reached(key, result.revision)
        for failure in failures:
            if not isinstance(failure, StoreError):
                raise failure
        if failures:
            raise failures[0]


def _differs(known: Node, now: Node) -> bool:
    """Whether the roster's copy is worth renewing: all but the wall time of the last renewal."""
    return known.model_copy(update={"renewed_at": 0.0}) != now.model_copy(
        update={"renewed_at": 0.0}
    )
