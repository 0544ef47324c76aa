"""A job that this node holds: its assignment, its schedule, and its cursor as last known."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.run import RunKind
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.runs.concurrency import slots
from crony_ops.node.runs.lateness import LATE, Way
from crony_ops.node.wall_clock import clock_offset
from crony_ops.schedule import account_for_missed, parse_schedule, splay_offset

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from crony_ops.model.run import OpenRun
    from crony_ops.schedule import MissedTicks, Schedule
    from crony_ops.store import Entry
    from crony_ops.store.keys import Keys


@dataclass(slots=True)
class Holding:
    """Kept lean, for a node may hold ten thousand: the job itself is read again for each run.

    ``revision`` is the assignment's, ``slots`` how many runs there may be at once (None: any).
    ``unknown`` are fields of the job that only a newer version knows: its ticks are claimed, and
    fail for that. ``cursor`` is None until it was read. ``advancing``: somebody claims for it right
    now; ``look_again``: and is to look once more before it stops. ``leaving``: no more ticks are
    claimed, so that the job can go to another node. ``gained_at``, ``clock`` and ``hindered_at``,
    ``hindered_by`` are told to each run as its ``Way``.
    """

    job_id: str
    key: str
    value: bytes
    revision: int
    schedule: Schedule
    splay: int
    bound: bool
    every: bool
    slots: int | None
    cursor_key: str
    pause_key: str
    unknown: tuple[str, ...]
    gained_at: float
    clock: float
    leaving: bool
    hindered_at: float = 0.0
    hindered_by: str = ""
    cursor: int | None = None
    cursor_revision: int = 0
    advancing: bool = False
    look_again: bool = False

    @classmethod
    def read(
        cls, job_id: str, key: str, value: bytes, revision: int, keys: Keys, uuid: str
    ) -> Holding:
        """Raises ValueError or BadSchedule where the assignment means nothing to this version."""
        assignment, unknown = Assignment.from_newer_json(value)
        job = assignment.job
        return cls(
            job_id=job_id,
            key=key,
            value=value,
            revision=revision,
            schedule=parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id),
            splay=splay_offset(job_id, job.splay),
            bound=job.run_on.bound,
            every=job.run_on.every,
            slots=slots(job),
            pause_key=keys.pause(job_id),
            unknown=unknown,
            cursor_key=keys.cursor(job_id, uuid if job.run_on.every else ""),
            gained_at=time.time(),
            clock=clock_offset(),
            leaving=assignment.leaving,
        )

    def assignment(self) -> Assignment:
        return Assignment.from_newer_json(self.value)[0]

    @property
    def job(self) -> Job:
        return self.assignment().job

    def take_cursor(self, entry: Entry | None, claimed: int, now: float) -> None:
        """``claimed`` is the tick that this node claimed last: a cursor below it is an older
        etcd's, and we don't claim twice. One that is still to come was claimed by a wrong clock:
        then the cursor alone tells, which somebody has put right.

        A missing one starts from now, by the leader or by our next claim: at revision 0 a claim
        compares that it is still missing. Raises ValueError for one that can't be read.
        """
        claimed = claimed if claimed <= now + 1 else 0
        if entry is None:
            self.cursor, self.cursor_revision = max(int(now), claimed), 0
        else:
            self.cursor = max(Cursor.from_json(entry.value).tick, claimed)
            self.cursor_revision = entry.mod_revision

    def missed(self, now: float) -> MissedTicks | None:
        """The ticks that came due since the cursor, which is known, and what becomes of them.

        None when there are none, and when there is but the one that is due just now: that is
        claimed.
        """
        assert self.cursor is not None
        tick = self.schedule.next_after(self.cursor)
        just_now = now - self.fires_at(tick) <= LATE
        if just_now and self.fires_at(self.schedule.next_after(tick)) > now:
            return None
        misfire = self.job.misfire
        return account_for_missed(
            self.schedule,
            cursor=self.cursor,
            now=now,
            splay=self.splay,
            policy=misfire.policy.value,
            grace=misfire.grace,
            maximum=misfire.max,
        )

    def fires_at(self, tick: int) -> int:
        return tick + self.splay

    def next_due(self, tick: int, now: float) -> int:
        """When the first tick after this one fires that has not fired yet."""
        return self.fires_at(self.schedule.next_after(max(tick, int(now) - self.splay)))

    def hindered(self, by: str, now: float) -> None:
        """A tick could not be claimed now, if one was due."""
        self.hindered_at, self.hindered_by = now, by

    def way(self, run: OpenRun, now: float) -> Way:
        """How a run that was claimed just now came here."""
        asked_for = run.kind is RunKind.once
        return Way(
            due_at=run.claimed_at if asked_for else self.fires_at(run.tick),
            gained_at=self.gained_at,
            asked_at=run.claimed_at,
            claimed_at=now,
            clock=self.clock,
            hindered_at=self.hindered_at,
            hindered_by=self.hindered_by,
            repeats=run.reason if run.rerun else "",
            made_up=run.kind is RunKind.queued,
        )
