"""Orders as people give them, through the functions behind the commands, all at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from crony_ops.catalog import load_catalog
from crony_ops.cli import cordon, cursor, kill, pause, rebalance, run
from crony_ops.cli.view.cluster_view import read_cluster
from crony_ops.errors import CronyError, StoreError
from crony_ops.model.node import Cordon, Pause, node_uuid
from crony_ops.model.run import Kill
from crony_ops.model.spec import Cursor
from crony_ops.sync.syncing import Wish, sync
from tests.faults.proof.cluster import CLUSTER, ProofCluster
from tests.faults.proof.history import Kind
from tests.faults.proof.jobs import Trade, all_jobs, changing_job

if TYPE_CHECKING:
    from crony_ops.store import EtcdSettings
    from tests.faults.proof.nemesis.diary import Diary
    from tests.faults.proof.nemesis.plan import Step

CHANGING = 24
"""Jobs that syncs add, edit and remove."""
_CHANGES = (1, 5)
_PAUSED_TOGETHER = 12
_WHO = "nemesis"
_AHEAD = 60
_AGAIN = 1.0
_PATIENCE = 60.0


class People:
    """``wanted``: the job files as they were last written."""

    def __init__(self, cluster: ProofCluster, trade: Trade, folder: Path, diary: Diary) -> None:
        self._cluster = cluster
        self._trade = trade
        self._folder = folder / "jobs"
        self._diary = diary
        self._syncs = 0
        self.wanted = all_jobs(trade)
        self._lasting = sorted(self.wanted)
        for number in range(CHANGING // 2):
            self.wanted[_changing(number)] = changing_job(trade, number, 0)

    async def perform(self, step: Step) -> None:
        """Whatever is refused was refused: the diary says why."""
        chance = random.Random(step.number)
        match step.kind:
            case Kind.sync:
                await self._sync_changes(chance)
            case Kind.pause:
                await self._pause_a_while(chance, step.lasts)
            case Kind.cordon:
                await self._cordon_a_while(step)
            case Kind.run:
                job = chance.choice(self._lasting)
                await self._told(
                    Kind.run,
                    [job],
                    lambda: run.run_job(self._settings, job, None, False, None, True),
                )
            case Kind.kill_run:
                await self._kill_some_run(chance)
            case Kind.rebalance:
                order = rebalance.order_rebalance
                await self._told(Kind.rebalance, [""], lambda: order(self._settings, False, None))

    async def sync(self, **detail: str) -> None:
        """Make the cluster's jobs the wanted ones. Raises CronyError."""
        self._syncs += 1
        path = self._folder / f"{self._syncs}.yaml"
        wanted = dict(self.wanted)

        def written() -> Wish:
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.dump({"jobs": wanted}, Dumper=yaml.CSafeDumper))
            catalog = load_catalog(path, presets=self._cluster.presets)
            assert not catalog.problems, catalog.problems
            path.unlink()
            return Wish(
                specs=catalog.specs,
                provenance=catalog.provenance,
                who=_WHO,
                host="localhost",
                now=time.time(),
                force=True,
            )

        with self._diary.noted(Kind.sync, **detail):
            wish = await asyncio.to_thread(written)
            await sync(self._cluster.store, self._cluster.keys, wish)

    async def mend_cursors(self) -> None:
        """Bring back what a wrong clock has put into the future, as the alert of it asks for.

        Raises StoreError.
        """
        prefix = self._cluster.keys.cursors
        entries = (await self._cluster.store.range(prefix)).entries
        ahead = {
            entry.key.removeprefix(prefix).partition("/")[0]
            for entry in entries
            if Cursor.from_json(entry.value).tick > time.time() + _AHEAD
        }
        # One that is wanted no more has a cursor until its last run is over, and nobody resets it.
        for job in sorted(ahead & await self._jobs()):
            reset = functools.partial(cursor.reset_cursors, self._settings, job, yes=True)
            await self._told(Kind.reset_cursor, [job], reset)

    async def rest(self) -> None:
        """Pause every job, so that nothing is due any more. Raises StoreError."""
        jobs = sorted(await self._jobs())
        with contextlib.ExitStack() as notes:
            for job in jobs:
                notes.enter_context(self._diary.noted(Kind.pause, job))
            await pause.pause_jobs(self._settings, jobs, Pause(who=_WHO, at=time.time()))

    async def _jobs(self) -> set[str]:
        specs = self._cluster.keys.specs
        entries = (await self._cluster.store.range(specs, keys_only=True)).entries
        return {entry.key.removeprefix(specs) for entry in entries}

    @property
    def _settings(self) -> EtcdSettings:
        return self._cluster.settings

    async def _told(
        self, kind: Kind, targets: Sequence[str], order: Callable[[], Awaitable[object]]
    ) -> None:
        """One order, and a note of it for each of its targets."""
        with contextlib.suppress(CronyError), contextlib.ExitStack() as notes:
            details = [notes.enter_context(self._diary.noted(kind, one)) for one in targets]
            try:
                await order()
            except CronyError as error:
                for detail in details:
                    detail["refused"] = str(error)
                raise

    async def _insisted(
        self, kind: Kind, targets: Sequence[str], order: Callable[[], Awaitable[object]]
    ) -> None:
        """Again and again while etcd is away: it is one order, confirmed when it is."""

        async def again() -> None:
            deadline = time.monotonic() + _PATIENCE
            while True:
                try:
                    await order()
                    return
                except StoreError:
                    if time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(_AGAIN)

        await self._told(kind, targets, again)

    async def _sync_changes(self, chance: random.Random) -> None:
        """Two people sync at once now and then: the one does what the other has done already."""
        detail = self._change_some(chance)
        syncs = [self.sync(**detail)]
        if chance.random() < 0.3:
            detail = self._change_some(chance)
            syncs.append(self.sync(**detail))
        for result in await asyncio.gather(*syncs, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, CronyError):
                raise result

    def _change_some(self, chance: random.Random) -> dict[str, str]:
        added: list[str] = []
        edited: list[str] = []
        removed: list[str] = []
        for number in chance.sample(range(CHANGING), chance.randint(*_CHANGES)):
            job = _changing(number)
            if job in self.wanted and chance.random() < 0.5:
                del self.wanted[job]
                removed.append(job)
                continue
            (edited if job in self.wanted else added).append(job)
            self.wanted[job] = changing_job(self._trade, number, chance.randrange(12))
        changes = {"added": added, "edited": edited, "removed": removed}
        return {word: " ".join(jobs) for word, jobs in changes.items() if jobs}

    async def _pause_a_while(self, chance: random.Random, lasts: float) -> None:
        some = chance.sample(self._lasting, _PAUSED_TOGETHER)
        jobs = chance.choice(([chance.choice(sorted(self.wanted))], some))
        order = Pause(who=_WHO, at=time.time())
        await self._told(Kind.pause, jobs, lambda: pause.pause_jobs(self._settings, jobs, order))
        await asyncio.sleep(lasts)
        # Also where no answer came: they may be paused all the same.
        await self._insisted(Kind.resume, jobs, lambda: pause.resume_jobs(self._settings, jobs))

    async def _cordon_a_while(self, step: Step) -> None:
        uuid = node_uuid(CLUSTER, step.target)
        order = Cordon(who=_WHO, at=time.time(), evict="evict" in step.detail)
        settings = self._settings
        await self._told(
            Kind.cordon, [step.target], lambda: cordon.write_cordon(settings, uuid, order)
        )
        await asyncio.sleep(step.lasts)
        await self._insisted(
            Kind.uncordon, [step.target], lambda: cordon.write_cordon(settings, uuid, None)
        )

    async def _kill_some_run(self, chance: random.Random) -> None:
        try:
            view = await read_cluster(self._cluster.store, self._cluster.keys)
        except StoreError:
            return
        there = sorted(opened for opened in view.opens if opened.node in view.alive)
        if not there:
            return
        chosen = chance.choice(there)
        order = Kill(who=_WHO, at=time.time())
        ends = kill.end_runs
        await self._told(
            Kind.kill_run,
            [f"{chosen.job_id}/{chosen.run_id}"],
            lambda: ends(self._settings, view, [chosen], order, wait=False),
        )


def _changing(number: int) -> str:
    return f"changing-{number:02}"
