"""The agent: one node's membership in the cluster, from registration to an orderly stop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from crony_ops.errors import BadSchedule, StoreError
from crony_ops.model.job import JOB_ID
from crony_ops.model.run import OpenRun, RunKind, RunState
from crony_ops.node.claims import Claimant
from crony_ops.node.duty import Duty
from crony_ops.node.holding import Holding
from crony_ops.node.offline import Offline
from crony_ops.node.past import Past
from crony_ops.node.presets import Presets
from crony_ops.node.processes import ProcessKeys
from crony_ops.node.queues import Queues
from crony_ops.node.registration import Registration
from crony_ops.node.reports import Reports
from crony_ops.node.run_folder import RunFolder
from crony_ops.node.runs import Runs
from crony_ops.node.strays import Strays
from crony_ops.node.timetable import Timetable
from crony_ops.store import Batcher, Change, Etcd, Mirror, boottime
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.node.journal import Journal
    from crony_ops.node.settings import NodeSettings

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """Ends the group of the agent's tasks, whatever they wait for."""


async def run_agent(
    settings: NodeSettings, etcd: Etcd, journal: Journal, stop: asyncio.Event
) -> None:
    """Until ``stop`` is set and the runs have ended, or their grace has. What still runs then goes
    on without us, for the next life to adopt. Raises NodeTaken."""
    try:
        async with asyncio.TaskGroup() as group:
            agent = Agent(settings, etcd, journal, group)
            await agent.run(stop)
            raise _Stopped
    except* _Stopped:
        await agent.close()


class Agent:
    """Its tasks live in ``group``; ``run`` is called once."""

    def __init__(
        self, settings: NodeSettings, etcd: Etcd, journal: Journal, group: asyncio.TaskGroup
    ) -> None:
        self._settings = settings
        self._etcd = etcd
        self._journal = journal
        self._group = group
        keys = self._keys = Keys(settings.etcd.prefix)
        uuid = self._uuid = settings.identity
        self._mirror = Mirror(
            etcd,
            (keys.jobs_of(uuid), keys.onces, keys.queue, keys.pauses),
            on_change=self._changed,
        )
        self._registration = Registration(etcd, keys, settings, journal, self._registered)
        self._batcher = Batcher(etcd)
        self._folder = RunFolder(settings.state_dir / "runs", settings.keep_runs)
        self._presets = Presets(
            settings.presets_dir, settings.state_dir, settings.preset_timeout, self._presets_changed
        )
        self._processes = ProcessKeys(etcd, keys, uuid, lambda: self._registration.lease, group)
        self._reports = Reports(
            etcd,
            self._batcher,
            keys,
            journal,
            keep=settings.keep_runs,
            keep_each=settings.keep_runs_each,
        )
        self._runs = Runs(
            settings,
            self._folder,
            self._reports,
            self._presets,
            self._processes,
            group,
            may_start=self._may_start,
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
            me=Claimant(keys, uuid, settings.name, 0),
            claimant=self._claimant,
            claim_ahead=settings.claim_ahead,
            on_change=self._look_at_all,
        )
        self._strays = Strays(
            etcd, keys.open_on(uuid), group, self._launch_stray, self._claimed_and_not_told
        )
        self._queues = Queues()
        self._duty = Duty(
            self._batcher,
            self._mirror,
            self._queues,
            journal,
            self._runs,
            self._timetable,
            self._offline,
            group,
            claimant=self._claimant,
            in_doubt=self._strays.expect,
            claim_ahead=settings.claim_ahead,
        )
        self._past = Past(etcd, keys, uuid, self._folder, self._runs, self._reports.untold)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set; then claim no more, and let what runs end within the grace.

        The lease is kept: a restart moves nothing, and a stop is noticed within the TTL.
        """
        self._recall_pinned()
        self._past.adopt()
        for work in (
            self._batcher.run(),
            self._mirror.run(),
            self._registration.run(),
            self._presets.run(),
            self._reports.replay(),
            self._offline.run(),
            self._fence(),
            self._forget_withdrawn(),
            self._duty.run(),
        ):
            self._group.create_task(work)
        await stop.wait()
        log.info("stopping: nothing more is claimed")
        self._duty.stop()
        try:
            async with asyncio.timeout(self._settings.stop_grace):
                await self._runs.idle()
        except TimeoutError:
            log.warning("runs are still under way: they go on without this agent")

    async def close(self) -> None:
        await self._runs.close()

    def _claimant(self) -> Claimant | None:
        """Who we are while our lease is surely ours, and all before this life is settled."""
        if not self._registration.holds() or not self._past.settled:
            return None
        return Claimant(self._keys, self._uuid, self._settings.name, self._registration.incarnation)

    def _may_start(self, run: OpenRun) -> tuple[RunState, str] | None:
        """Asked right before a start: how the run ends instead and why, or None."""
        lapsed = run.incarnation != self._registration.incarnation
        if run.fenceable and (lapsed or boottime() >= self._registration.deadline):
            return RunState.fenced, "this node's lease ran out"
        if run.job_id not in self._duty.holdings:
            return RunState.skipped, "the job was removed"
        paused = self._mirror.get(self._keys.pause(run.job_id)) is not None
        if paused and run.kind is not RunKind.once:
            return RunState.skipped, "the job was paused"
        return None

    def _claimed_and_not_told(self) -> set[tuple[str, str]]:
        return self._runs.ids() | self._reports.untold()

    def _launch_stray(self, run: OpenRun) -> None:
        self._duty.launch_stray(run)

    def _run_ended(self, job_id: str) -> None:
        self._duty.look_at(job_id)

    async def _fence(self) -> None:
        """Past our lease's deadline, end what another node may be about to run again."""
        while True:
            left = self._registration.deadline - boottime()
            if left <= 0 and self._registration.incarnation:
                self._runs.fence()
            await asyncio.sleep(min(max(left, 0.1), self._settings.ttl))

    def _registered(self) -> None:
        # What was claimed under a lease that is gone may be run again elsewhere.
        self._runs.fence(but=self._registration.incarnation)
        self._processes.tell_again()
        if self._past.settled:
            self._look_at_all()
        else:
            self._group.create_task(self._settle_past())

    async def _settle_past(self) -> None:
        await self._past.settle()
        self._look_at_all()

    def _look_at_all(self) -> None:
        for job_id in self._duty.holdings:
            self._duty.look_at(job_id)

    def _recall_pinned(self) -> None:
        """Jobs that can't run elsewhere stand in the journal: they need no etcd to begin with."""
        for pinned in self._journal.pinned():
            if pinned.key != self._keys.job(self._uuid, pinned.job_id):
                self._journal.forget_pinned(pinned.job_id)  # this agent had another name then
                continue
            holding = self._hold(pinned.job_id, pinned.key, pinned.value, pinned.revision)
            if holding is not None:
                offline = self._journal.offline().get(pinned.job_id, 0)
                known = pinned.cursor
                holding.cursor = None if known is None else max(known, offline)
                holding.cursor_revision = pinned.cursor_revision

    async def _forget_withdrawn(self) -> None:
        """Of what the journal recalled, drop what was taken from this node while it was away."""
        await self._mirror.synced()
        for job_id, holding in list(self._duty.holdings.items()):
            if self._mirror.get(holding.key) is None:
                self._withdrawn(job_id)

    def _withdrawn(self, job_id: str) -> None:
        self._duty.holdings.pop(job_id, None)
        self._timetable.drop(job_id)
        self._runs.forget(job_id)
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

    def _changed(self, changes: Sequence[Change]) -> None:
        keys = self._keys
        for change in changes:
            if change.key.startswith(keys.jobs_of(self._uuid)):
                self._assignment_changed(change)
                continue
            for prefix in (keys.onces, keys.queue, keys.pauses):
                if change.key.startswith(prefix):
                    job_id = change.key[len(prefix) :].partition("/")[0]
                    if prefix == keys.queue:
                        self._queues.take(job_id, change)
                    self._job_changed(job_id, resumed=prefix == keys.pauses and change.new is None)

    def _assignment_changed(self, change: Change) -> None:
        job_id = change.key[len(self._keys.jobs_of(self._uuid)) :]
        if change.new is None:
            self._withdrawn(job_id)
            return
        if self._hold(job_id, change.key, change.new.value, change.new.mod_revision) is not None:
            self._duty.look_at(job_id)

    def _hold(self, job_id: str, key: str, value: bytes, revision: int) -> Holding | None:
        if JOB_ID.fullmatch(job_id) is None:
            log.error("%r is no job id: it is passed over", job_id)
            return None
        try:
            holding = Holding.read(job_id, key, value, revision, self._keys, self._uuid)
        except (ValueError, BadSchedule) as error:
            log.error("job %s means nothing here: %s", job_id, error)
            self._duty.holdings.pop(job_id, None)
            return None
        self._duty.holdings[job_id] = holding
        self._timetable.drop(job_id)
        return holding

    def _job_changed(self, job_id: str, *, resumed: bool) -> None:
        holding = self._duty.holdings.get(job_id)
        if holding is None:
            return
        if resumed:
            holding.cursor = None
        self._duty.look_at(job_id)
