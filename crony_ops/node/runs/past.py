"""What an earlier life of this agent left behind: runs to go on with, and runs that are lost."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.model.run import OpenRun
from crony_ops.node.runs.orphans import end_orphans

if TYPE_CHECKING:
    from crony_ops.node.execution.run_folder import RunFolder, RunMeta
    from crony_ops.node.journal import Journal
    from crony_ops.node.runs.under_way import Runs
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

RETRY = 0.5
UNSEEN = "its agent was restarted, and nobody saw its end"
RAN_BEFORE = "it has run here before: etcd was restored since, or its cursor reset"
UNRECORDED = "it ended, but etcd was restored since, and knows its end no more"


class Past:
    """``settled``: nothing of an earlier life is open any more, but the runs whose end stands in
    the spool. Only then may this life claim.

    A run that is lost leaves no process behind that nobody follows.
    """

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        uuid: str,
        folder: RunFolder,
        runs: Runs,
        journal: Journal,
    ) -> None:
        self._etcd = etcd
        self._keys = keys
        self._uuid = uuid
        self._folder = folder
        self._runs = runs
        self._journal = journal
        self._unseen: list[OpenRun] = []
        self._restored = False
        self._settling = asyncio.Lock()
        self.settled = False

    def adopt(self) -> None:
        """Go on with the runs whose process lives, or left its end behind. Needs no etcd."""
        begun = set()
        for meta in self._folder.unfinished():
            run = _open_run_of(meta, self._uuid)
            begun.add((run.job_id, run.run_id))
            if not self._runs.adopt(run, meta.context.late):
                self._unseen.append(run)
        # Claimed without etcd, and not begun as far as the folder knows: after a power failure it
        # may not know.
        for value in self._journal.offline_runs():
            claimed = OpenRun.read("a claim in the journal", value)
            if claimed is not None and (claimed.job_id, claimed.run_id) not in begun:
                self._unseen.append(claimed)

    def reopen(self) -> None:
        """Etcd was restored: what it has open of ours may have ended long since, and is not run
        again."""
        self._restored = True
        self.settled = False

    async def settle(self) -> None:
        """What is open and nobody here answers for is lost. What is not open any more was told of
        by somebody else, unless it was a run that etcd never knew of."""
        async with self._settling:
            while not self.settled:
                restored, self._restored = self._restored, False
                await self._settle(restored)
                self.settled = not self._restored

    async def _settle(self, restored: bool) -> None:
        told_later = self._journal.untold()
        open_runs = await self._open_runs()
        known = {(run.job_id, run.run_id) for run in open_runs}
        lost = [
            run
            for run in open_runs
            if not self._runs.has(run) and (run.job_id, run.run_id) not in told_later
        ]
        await end_orphans(
            {self._folder.log(run.job_id, run.run_id) for run in (*lost, *self._unseen)}
        )
        unseen = {(run.job_id, run.run_id) for run in self._unseen}
        for run in lost:
            if restored and (run.job_id, run.run_id) not in unseen:
                not_again = run.model_copy(update={"on_node_loss_rerun": False})
                await self._runs.lost(not_again, UNRECORDED)
            else:
                await self._runs.lost(run, UNSEEN)
        for run in self._unseen:
            if (run.job_id, run.run_id) in known:
                continue
            if run.bound:
                await self._runs.lost(run, UNSEEN)
            else:
                self._folder.forget(run.job_id, run.run_id)
        self._unseen.clear()

    async def _open_runs(self) -> list[OpenRun]:
        while True:
            try:
                left = await self._etcd.range(self._keys.open_on(self._uuid))
            except StoreError as error:
                log.info("open runs can't be read yet: %s", error)
                await asyncio.sleep(RETRY)
            else:
                runs = (OpenRun.read(entry.key, entry.value) for entry in left.entries)
                return [run for run in runs if run is not None]


def _open_run_of(meta: RunMeta, uuid: str) -> OpenRun:
    """What was claimed, as far as the run's own folder knows."""
    context = meta.context
    return OpenRun(
        run_id=context.run_id,
        job_id=context.job_id,
        tick=context.tick,
        kind=context.kind,
        reason=context.reason,
        node=uuid,
        incarnation=context.incarnation,
        epoch=context.epoch,
        rerun=context.rerun,
        on_node_loss_rerun=meta.job.rerun,
        bound=meta.job.run_on.bound,
        claimed_at=time.time(),
    )
