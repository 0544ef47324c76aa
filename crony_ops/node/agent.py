"""The agent: one node's membership in the cluster, from registration to an orderly stop."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from crony_ops.daemon.contact import contact
from crony_ops.errors import StoreError
from crony_ops.model.run import OpenRun, RunKind, RunState
from crony_ops.node.execution.log_keeper import LogKeeper
from crony_ops.node.execution.run_folder import RunFolder
from crony_ops.node.history import History
from crony_ops.node.presets import Presets
from crony_ops.node.registration import Registration
from crony_ops.node.reports import Reports
from crony_ops.node.runs import fence
from crony_ops.node.runs.kill_orders import KillOrders
from crony_ops.node.runs.past import RAN_BEFORE, Past
from crony_ops.node.runs.processes import ProcessKeys
from crony_ops.node.runs.run_ends import RunEnds
from crony_ops.node.runs.strays import Strays
from crony_ops.node.runs.under_way import Runs
from crony_ops.node.system_info import SystemKey
from crony_ops.node.ticks.claiming import Claiming
from crony_ops.node.ticks.claims import Claimant
from crony_ops.node.ticks.duty import Duty
from crony_ops.node.ticks.holdings import Holdings, not_understood
from crony_ops.node.ticks.inbox import Inbox, watched
from crony_ops.node.ticks.offline import Offline
from crony_ops.node.ticks.queues import Queues
from crony_ops.node.ticks.timetable import Timetable
from crony_ops.node.vitals import Vitals
from crony_ops.store import Batcher, Etcd, Mirror, boottime
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from crony_ops.node.journal import Journal
    from crony_ops.node.metrics import NodeMetrics
    from crony_ops.node.settings import NodeSettings

log = logging.getLogger(__name__)


class Agent:
    """Its tasks live in ``group``; ``run`` is called once."""

    def __init__(
        self,
        settings: NodeSettings,
        etcd: Etcd,
        journal: Journal,
        metrics: NodeMetrics,
        group: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._etcd = etcd
        self._journal = journal
        self._group = group
        keys = self._keys = Keys(settings.etcd.prefix)
        uuid = self._uuid = settings.identity
        self._mirror = Mirror(
            etcd,
            watched(keys, uuid),
            on_change=lambda changes: self._inbox.take(changes),  # noqa: PLW0108 - it is made below
        )
        self._mirroring: asyncio.Task[None] | None = None
        history = History(etcd, keys, journal, self._etcd_restored)
        self._registration = Registration(etcd, keys, settings, journal, history, self._registered)
        self._batcher = Batcher(etcd)
        self._folder = RunFolder(settings.state_dir / "runs", settings.keep_runs)
        self._log_keeper = LogKeeper(
            self._folder,
            limit=settings.log_limit,
            days=settings.log_days,
            total=settings.log_total,
        )
        self._presets = Presets(
            settings.presets_dir, settings.state_dir, settings.preset_timeout, self._presets_changed
        )
        self._processes = ProcessKeys(etcd, keys, uuid, lambda: self._registration.lease, group)
        self._reports = Reports(
            etcd,
            self._batcher,
            keys,
            journal,
            history,
            keep=settings.keep_runs,
            keep_each=settings.keep_runs_each,
            spool_limit=settings.spool_limit,
        )
        self._ends = RunEnds(self._reports, metrics, settings.name)
        self._runs = Runs(
            settings,
            self._folder,
            self._ends,
            self._presets,
            self._processes,
            metrics,
            group,
            may_start=self._may_start,
            fenced=self._fenced,
            on_end=self._run_ended,
        )
        self._timetable = Timetable()
        self._offline = Offline(
            etcd,
            self._batcher,
            journal,
            self._runs,
            self._reports,
            self._timetable,
            metrics,
            me=Claimant(keys, uuid, settings.name, 0),
            claimant=self._claimant,
            claim_ahead=settings.claim_ahead,
            on_change=self._look_at_all,
        )
        self._strays = Strays(
            etcd, keys.open_on(uuid), group, self._launch_stray, self._claimed_and_not_told
        )
        queues = Queues()
        self._holdings = Holdings(keys, uuid, journal)
        self._kill_orders = KillOrders(etcd, keys, uuid, self._mirror, self._runs)
        self._system = SystemKey(
            etcd,
            keys,
            uuid,
            self._mirror,
            lease=lambda: self._registration.lease,
            processes=self._runs.processes,
        )
        self._duty = Duty(
            self._holdings.of,
            Claiming(self._batcher, self._mirror, journal, metrics, self._strays.expect),
            self._mirror,
            queues,
            self._runs,
            self._timetable,
            self._offline,
            metrics,
            group,
            claimant=self._claimant,
            claim_ahead=settings.claim_ahead,
        )
        self._inbox = Inbox(
            keys,
            uuid,
            self._holdings,
            queues,
            self._duty,
            on_withdrawn=self._withdrawn,
            on_kill=self._kill_orders.look,
            on_switch=self._system.look,
        )
        self._past = Past(etcd, keys, uuid, self._folder, self._runs, journal)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set; then claim no more, and let what runs end within the grace.

        The lease is kept: a restart moves nothing, and a stop is noticed within the TTL.
        """
        self._holdings.recall()
        self._past.adopt()
        for work in (
            self._batcher.run(),
            self._registration.run(),
            self._presets.run(),
            self._log_keeper.run(),
            self._reports.replay(),
            self._offline.run(),
            self._fence(),
            self._inbox.forget_withdrawn(self._mirror),
            self._duty.run(),
            self._kill_orders.run(),
            self._system.run(),
        ):
            self._group.create_task(work)
        self._mirror_anew()
        await stop.wait()
        log.info("stopping: nothing more is claimed")
        self._duty.stop()
        try:
            async with asyncio.timeout(self._settings.stop_grace):
                await self._duty.idle()
                await self._runs.idle()
        except TimeoutError:
            log.warning("runs are still under way: they go on without this agent")

    async def close(self) -> None:
        await self._runs.close()

    def vitals(self) -> Vitals:
        return Vitals(
            contact=contact(
                deadline=self._registration.deadline,
                boottime=boottime(),
                fresh_at=self._mirror.fresh_at,
                monotonic=time.monotonic(),
            ),
            registered=self._registration.registered,
            stalled=time.monotonic() - self._registration.tried_at,
            spooled=self._journal.spool_size(),
            runs_under_way=len(self._runs.ids()),
            jobs=len(self._holdings.of),
            presets_ready=len(self._presets.ready),
            presets_failed=len(self._presets.failures),
        )

    def _claimant(self) -> Claimant | None:
        """Who we are while our lease is surely ours, and all before this life is settled."""
        if not self._registration.holds() or not self._past.settled:
            return None
        return Claimant(self._keys, self._uuid, self._settings.name, self._registration.incarnation)

    def _may_start(self, run: OpenRun, claimed: int) -> tuple[RunState, str] | None:
        """How a run that is about to start ends instead and why, or None."""
        if fenced := self._fenced(run, 1):
            return fenced
        if (holding := self._holdings.of.get(run.job_id)) is None:
            return RunState.skipped, "the job was removed"
        if holding.unknown:
            return RunState.failed, not_understood(holding.unknown)
        # A pause from before the claim was over by then: the mirror has yet to hear of that.
        pause = self._mirror.get(self._keys.pause(run.job_id))
        paused = pause is not None and pause.mod_revision > claimed
        if paused and run.kind is not RunKind.once:
            return RunState.skipped, "the job was paused"
        if run.kind is RunKind.queued and self._folder.log(run.job_id, run.run_id).exists():
            return RunState.skipped, RAN_BEFORE
        return None

    def _fenced(self, run: OpenRun, attempt: int) -> tuple[RunState, str] | None:
        ours = run.incarnation == self._registration.incarnation
        stands = ours and boottime() < self._registration.deadline
        return None if stands else fence.refusal(run, attempt)

    def _claimed_and_not_told(self) -> set[tuple[str, str]]:
        return self._runs.ids() | self._reports.untold()

    def _launch_stray(self, run: OpenRun) -> None:
        theirs = run.incarnation != self._registration.incarnation
        if theirs or run.job_id not in self._holdings.of:
            why = "its claim was made after this node had given it up"
            self._group.create_task(self._runs.lost(run, why))
        else:
            self._duty.launch_stray(run)

    def _run_ended(self, job_id: str) -> None:
        self._duty.look_at(job_id)

    async def _fence(self) -> None:
        """Past our lease's deadline, end what another node may be about to run again."""
        while True:
            left = self._registration.deadline - boottime()
            if left <= 0 and self._registration.incarnation:
                self._runs.fence()
            await asyncio.sleep(min(max(left, 0.1), 1.0))  # a lease may be gone before its time

    def _registered(self) -> None:
        # What was claimed under a lease that is gone may be run again elsewhere.
        self._runs.fence(but=self._registration.incarnation)
        self._processes.tell_again()
        if self._past.settled:
            self._look_at_all()
        else:
            self._group.create_task(self._settle_past())

    def _etcd_restored(self) -> None:
        """What was known of etcd holds no more. Below our journal's ticks nothing is claimed."""
        self._past.reopen()
        self._runs.forgotten()
        self._reports.forgotten()
        for holding in self._holdings.of.values():
            holding.cursor = None
        self._mirror_anew()

    def _mirror_anew(self) -> None:
        if self._mirroring is not None:
            self._mirroring.cancel()
        self._mirroring = self._group.create_task(self._mirror.run())

    async def _settle_past(self) -> None:
        await self._past.settle()
        self._look_at_all()

    def _look_at_all(self) -> None:
        for job_id in self._holdings.of:
            self._duty.look_at(job_id)

    def _withdrawn(self, job_id: str) -> None:
        self._timetable.drop(job_id)
        self._ends.forget(job_id)
        self._reports.forget(job_id)
        self._offline.forget(job_id)

    def _presets_changed(self) -> None:
        self._registration.presets = self._presets.ready
        self._registration.preset_failures = self._presets.failures
        if self._registration.holds():
            self._group.create_task(self._publish())

    async def _publish(self) -> None:
        try:
            await self._registration.publish()
        except StoreError as error:
            log.info("the next renewal will tell of the presets: %s", error)
