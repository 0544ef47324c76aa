"""What etcd was seen to say of a cluster's runs: every version of every record, from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crony_ops.errors import LocalClusterFailed
from crony_ops.local.audit import Series
from crony_ops.model.run import GapRecord, RunRecord, read_run
from crony_ops.model.spec import Cursor
from crony_ops.schedule import parse_schedule, splay_offset
from crony_ops.store import Change, Etcd, Mirror

if TYPE_CHECKING:
    from crony_ops.model.spec import Spec
    from crony_ops.store.keys import Keys


class Evidence:
    """``records`` in the order of their writing; a record that was replaced is in it twice.

    ``first_cursors`` has the cursors as they were first seen; they and ``cursors`` go by job id, or
    by job id and node uuid as ``job/uuid``.
    """

    def __init__(self, etcd: Etcd, keys: Keys) -> None:
        self._keys = keys
        self._mirror = Mirror(
            etcd, (keys.runs, keys.cursors, keys.queue, keys.opens), on_change=self._take
        )
        self.records: list[RunRecord | GapRecord] = []
        self.first_cursors: dict[str, int] = {}
        self.cursors: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        await self._mirror.run()

    async def synced(self) -> None:
        """Once this is done, nothing is missed any more."""
        await self._mirror.synced()

    @property
    def pending(self) -> list[str]:
        """The keys of what is queued, claimed or running."""
        return [*self._mirror.prefix(self._keys.queue), *self._mirror.prefix(self._keys.opens)]

    def series(
        self, specs: Mapping[str, Spec], nodes: Mapping[str, str], stopped_at: float
    ) -> list[Series]:
        """The ticks to audit, from each job's first assignment on; ``nodes``: names by uuid.

        ``stopped_at`` is when the nodes were told to claim nothing more (unix seconds): a cursor
        that stood still before must not hide the ticks that it forgot. Raises LocalClusterFailed
        for a job that was never assigned.
        """
        found = []
        for tail, after in self.first_cursors.items():
            job_id, _, uuid = tail.partition("/")
            if job_id not in specs:
                continue
            job = specs[job_id].job
            found.append(
                Series(
                    job_id=job_id,
                    schedule=parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id),
                    after=after,
                    until=max(self.cursors[tail], int(stopped_at - job.splay) - 1),
                    node=nodes[uuid] if uuid else "",
                    splay=splay_offset(job_id, job.splay),
                    rerun=job.rerun,
                )
            )
        never = specs.keys() - {one.job_id for one in found}
        if never:
            raise LocalClusterFailed(reason=f"never assigned: {', '.join(sorted(never))}")
        return found

    def _take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.new is None:
                continue
            if change.key.startswith(self._keys.runs):
                self.records.append(read_run(change.new.value))
            elif change.key.startswith(self._keys.cursors):
                tail = change.key.removeprefix(self._keys.cursors)
                tick = Cursor.from_json(change.new.value).tick
                self.first_cursors.setdefault(tail, tick)
                self.cursors[tail] = tick
