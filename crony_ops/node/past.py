"""What an earlier life of this agent left behind: runs to go on with, and runs that are lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.model.run import OpenRun

if TYPE_CHECKING:
    from crony_ops.node.run_folder import RunFolder, RunMeta
    from crony_ops.node.runs import Runs
    from crony_ops.store import Entry, Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

RETRY = 0.5
UNSEEN = "its agent was restarted, and nobody saw its end"


class Past:
    """``settled``: nothing of an earlier life is open any more, but what ``untold`` names: runs
    whose end stands in the spool. Only then may this life claim."""

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        uuid: str,
        folder: RunFolder,
        runs: Runs,
        untold: Callable[[], set[tuple[str, str]]],
    ) -> None:
        self._etcd = etcd
        self._keys = keys
        self._uuid = uuid
        self._folder = folder
        self._runs = runs
        self._untold = untold
        self._unseen: list[OpenRun] = []
        self.settled = False

    def adopt(self) -> None:
        """Go on with the runs whose process lives, or left its end behind. Needs no etcd."""
        for meta in self._folder.unfinished():
            run = _open_run_of(meta, self._uuid)
            if not self._runs.adopt(run):
                self._unseen.append(run)

    async def settle(self) -> None:
        """What is open and nobody here answers for is lost. What is not open any more was told of
        by somebody else, unless it was a run that etcd never knew of."""
        told_later = self._untold()
        open_runs = await self._open_runs()
        known = {(run.job_id, run.run_id) for run in open_runs}
        for run in open_runs:
            if not self._runs.has(run) and (run.job_id, run.run_id) not in told_later:
                await self._runs.lost(run, UNSEEN)
        for run in self._unseen:
            if (run.job_id, run.run_id) in known:
                continue
            if run.bound:
                await self._runs.lost(run, UNSEEN)
            else:
                self._folder.forget(run.job_id, run.run_id)
        self.settled = True

    async def _open_runs(self) -> list[OpenRun]:
        while True:
            try:
                left = await self._etcd.range(self._keys.open_on(self._uuid))
            except StoreError as error:
                log.info("open runs can't be read yet: %s", error)
                await asyncio.sleep(RETRY)
            else:
                return [run for entry in left.entries if (run := _read(entry)) is not None]


def _read(entry: Entry) -> OpenRun | None:
    try:
        return OpenRun.from_json(entry.value)
    except ValueError as error:
        log.warning("%s can't be read: %s", entry.key, error)
        return None


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
        incarnation=0,
        rerun=context.rerun,
        on_node_loss_rerun=meta.job.rerun,
        bound=meta.job.run_on.bound,
        claimed_at=time.time(),
    )
