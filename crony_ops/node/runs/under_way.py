"""The runs under way on this node: started on the second, held to the job's concurrency, ended."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from crony_ops.daemon.logs import about
from crony_ops.model.job import MisfirePolicy
from crony_ops.model.run import OpenRun, RunKind, RunState
from crony_ops.node.execution import http
from crony_ops.node.execution.attempts import Execution, Outcome
from crony_ops.node.execution.run_folder import RunContext, RunFolder
from crony_ops.node.machine import RunProcess
from crony_ops.node.runs.active_run import ActiveRun, Start
from crony_ops.node.runs.concurrency import Answer, may_start, named, replaced_early, still_running
from crony_ops.node.runs.fence import LEASE_RAN_OUT
from crony_ops.node.runs.job_users import JobUsers
from crony_ops.node.runs.lateness import LATE, lateness
from crony_ops.node.wall_clock import clock_offset, sleep_until

if TYPE_CHECKING:
    import aiohttp

    from crony_ops.node.metrics import NodeMetrics
    from crony_ops.node.presets import Presets
    from crony_ops.node.runs.processes import ProcessKeys
    from crony_ops.node.runs.run_ends import RunEnds
    from crony_ops.node.settings import NodeSettings

log = logging.getLogger(__name__)


class Runs:
    """``may_start`` is asked before a start (of a run that was claimed at that revision of etcd),
    ``fenced`` right before each attempt: how the run ends instead and why, or None. ``on_end`` is
    told the job's id when a run of it is over."""

    def __init__(
        self,
        settings: NodeSettings,
        folder: RunFolder,
        ends: RunEnds,
        presets: Presets,
        processes: ProcessKeys,
        metrics: NodeMetrics,
        group: asyncio.TaskGroup,
        *,
        may_start: Callable[[OpenRun, int], tuple[RunState, str] | None],
        fenced: Callable[[OpenRun, int], tuple[RunState, str] | None],
        on_end: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._users = JobUsers(_own_name(), settings.job_user, settings.job_users)
        self._folder = folder
        self._ends = ends
        self._presets = presets
        self._processes = processes
        self._metrics = metrics
        self._group = group
        self._may_start = may_start
        self._fenced = fenced
        self._on_end = on_end
        self._session: aiohttp.ClientSession | None = None
        self._active: dict[str, list[ActiveRun]] = {}
        self._changed = asyncio.Event()

    def under_way(self, job_id: str) -> list[ActiveRun]:
        """Running, or due to start, and not yet over."""
        now = time.time()
        return [active for active in self._active.get(job_id, ()) if active.is_under_way(now)]

    def has(self, run: OpenRun) -> bool:
        return any(a.run.run_id == run.run_id for a in self._active.get(run.job_id, ()))

    def ids(self) -> set[tuple[str, str]]:
        """Job and run ids of all that is claimed and not yet reported."""
        return {(job_id, a.run.run_id) for job_id, runs in self._active.items() for a in runs}

    def processes(self) -> tuple[tuple[RunProcess, ...], int]:
        """What leads the runs of shell jobs right now, and how many runs there are in all."""
        begun = [a for runs in self._active.values() for a in runs if a.execution is not None]
        leading = [
            RunProcess(active.run.job_id, active.run.run_id, pid)
            for active in begun
            if active.job.shell is not None
            and (pid := self._processes.pid_of(active.run)) is not None
        ]
        return tuple(leading), len(begun)

    def launch(self, start: Start) -> None:
        """Take charge of a run that was just claimed: it starts at its time."""
        active = ActiveRun(
            start.run, start.assignment.job, start.fires_at, start.claimed, offline=start.offline
        )
        self._enter(active)
        with about(job=start.run.job_id, run=start.run.run_id):
            self._group.create_task(self._live(active, start))

    def adopt(self, run: OpenRun, late: tuple[float, str]) -> bool:
        """Go on with a run that an earlier life of this agent began. False: it is lost."""
        files = self._folder.files(run.job_id, run.run_id)
        execution = Execution.adopt(files, self._http, **self._processes.hooks(run))
        if execution is None:
            return False
        active = ActiveRun(
            run, execution.job, offline=run.bound, adopted=True, execution=execution, late=late
        )
        self._enter(active)
        with about(job=run.job_id, run=run.run_id):
            self._group.create_task(self._follow(active, execution))
            log.info("%s of %s goes on from before the restart", run.run_id, run.job_id)
        return True

    def fence(self, but: int = 0) -> None:
        """The lease that our runs were claimed under has run out: end what another node may be
        about to run again. ``but``: the incarnation whose lease stands."""
        for runs in list(self._active.values()):
            for active in runs:
                stands = active.adopted or active.run.incarnation == but
                if active.run.fenceable and not stands:
                    active.stop(RunState.fenced, LEASE_RAN_OUT)

    def stop(
        self,
        job_id: str,
        run_id: str,
        state: RunState,
        reason: str,
        first: signal.Signals = signal.SIGTERM,
    ) -> bool:
        """Have a run end, whatever it does or waits for. False: it is none of ours (any more)."""
        for active in self._active.get(job_id, ()):
            if active.run.run_id == run_id:
                active.stop(state, reason, first)
                return True
        return False

    def forgotten(self) -> None:
        """Etcd was restored: it may have none of these open, and is told of their ends anyway."""
        for runs in self._active.values():
            for active in runs:
                active.offline = True

    async def idle(self) -> None:
        """Wait until no run is under way."""
        while self._active:
            await self._a_change()

    async def close(self) -> None:
        """Once no run of ours is followed any more."""
        if self._session is not None:
            await self._session.close()

    async def lost(self, run: OpenRun, why: str) -> None:
        """Report a run of an earlier life whose end nobody saw."""
        outcome = Outcome(RunState.lost, why, (), None, time.time())
        with about(job=run.job_id, run=run.run_id):
            await self._ends.report(run, outcome, offline=run.bound)
        self._folder.forget(run.job_id, run.run_id)

    def _enter(self, active: ActiveRun) -> None:
        self._active.setdefault(active.run.job_id, []).append(active)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = http.open_session()
        return self._session

    async def _live(self, active: ActiveRun, start: Start) -> None:
        run, job = active.run, active.job
        await active.order.within(None, sleep_until(start.fires_at))
        refusal = self._too_late(active) or await self._refusal(active)
        if refusal is not None:
            await self._end(active, Outcome(*refusal, (), None, time.time()))
            return
        now = time.time()
        active.late = lateness(start.way, now, clock_offset(), active.waited_for)
        self._metrics.run_started(now - start.way.due_at)
        context = RunContext(
            job_id=run.job_id,
            run_id=run.run_id,
            tick=run.tick,
            previous_tick=start.previous_tick,
            next_due=start.next_due,
            node=self._settings.name,
            epoch=run.epoch,
            incarnation=run.incarnation,
            kind=run.kind,
            reason=run.reason,
            rerun=run.rerun,
            env=self._settings.env,
            preset_env=self._presets.env_files(start.assignment.preset_sums),
            kill_grace=self._settings.kill_grace,
            late=active.late,
            dies_with_agent=job.rerun,
        )
        try:
            files = self._folder.files(run.job_id, run.run_id)
        except OSError as error:
            reason = f"can't be started: {error}"
            await self._end(active, Outcome(RunState.failed, reason, (), None, time.time()))
            return
        execution = Execution(
            self._users.settle(job),
            context,
            files,
            self._http,
            **self._processes.hooks(run),
            fenced=lambda attempt: self._fenced(run, attempt),
        )
        active.execution = execution
        await self._follow(active, execution)

    def _too_late(self, active: ActiveRun) -> tuple[RunState, str] | None:
        """A tick that nobody got to within its grace: the machine was busy, asleep, or its clock
        was put forward. One that waits for a slot from here on is not late for that."""
        late = time.time() - active.fires_at
        misfire = active.job.misfire
        allowed = 0 if misfire.policy is MisfirePolicy.skip else misfire.grace
        if active.run.kind is RunKind.tick and late > max(allowed, LATE):
            return RunState.skipped, f"{late:.0f} s late, beyond its grace of {allowed} s"
        return None

    async def _refusal(self, active: ActiveRun) -> tuple[RunState, str] | None:
        """Why a claimed run does not start after all; None when it may. Makes room for it."""
        run = active.run
        while True:
            if active.order.given is not None:
                return active.order.given
            if refusal := self._may_start(run, active.claimed):
                return refusal
            if forbidden := self._users.refusal(active.job):
                return RunState.failed, forbidden
            under_way = self.under_way(run.job_id)
            begun = [one for one in under_way if one.execution]
            running = tuple(one.run.run_id for one in begun)
            answer = may_start(active.job, run.kind, running)
            if answer is Answer.start:
                return None
            if answer is Answer.skip:
                return RunState.skipped, still_running(running)
            if answer is Answer.replace:
                for one in begun:
                    one.stop(RunState.killed, f"replaced by {run.run_id}")
                for one in under_way:
                    if not one.execution and one.run.tick < run.tick:
                        one.stop(RunState.skipped, replaced_early(run.run_id))
                active.replaced = tuple(dict.fromkeys((*active.replaced, *running)))
            active.waited_for = tuple(dict.fromkeys((*active.waited_for, *running)))
            await active.order.within(None, self._a_change())

    async def _a_change(self) -> None:
        """Wait until some run is over, or reported."""
        self._changed.clear()
        await self._changed.wait()

    async def _follow(self, active: ActiveRun, execution: Execution) -> None:
        await self._end(active, await execution.perform())

    async def _end(self, active: ActiveRun, outcome: Outcome) -> None:
        run = active.run
        active.ended.set()
        self._changed.set()
        self._on_end(run.job_id)
        replaced = f"replaced {named(active.replaced)}" if active.replaced else ""
        if outcome.overran or replaced:
            reasons = (outcome.reason or run.reason, outcome.overran, replaced)
            outcome = replace(outcome, reason="; ".join(filter(None, reasons)))
        await self._ends.report(
            run,
            outcome,
            offline=active.offline,
            late=active.late,
            timed=active.job.notify.slow is not None,
        )
        try:
            self._folder.forget(run.job_id, run.run_id)
            self._folder.trim(run.job_id)
        except OSError as error:
            log.warning("what is left of %s stays: %s", run.run_id, error)
        remaining = self._active[run.job_id]
        remaining.remove(active)
        if not remaining:
            del self._active[run.job_id]
        self._changed.set()


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a user that no one has named
        return str(os.geteuid())
