"""Jobs that left the files: what goes with them, and what stays for a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crony_ops.store import Op, Txn, absent, delete, delete_prefix, mod_is, put
from crony_ops.watcher.order import Order

if TYPE_CHECKING:
    from crony_ops.store import Entry
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.view import View

CURSOR_LIFE = 86_400
"""Seconds that a cursor outlives its job, so that a job that comes back repeats no tick."""
MAX_KEYS_IN_AN_ORDER = 40
"""What is beyond it comes with the next look; the pause goes last, for it holds the job back."""


def tidy_removed(
    keys: Keys,
    job_id: str,
    *,
    assignments: Sequence[Entry],
    cursors: Sequence[Entry],
    pause: Entry | None,
    lease: int,
) -> Txn:
    """A job that left the files: all of it goes, but its cursor stays on a lease for a day, so
    that the job can come back without running a tick again."""
    when = [absent(keys.spec(job_id))]
    then: list[Op] = []
    for entry in assignments[:MAX_KEYS_IN_AN_ORDER]:
        when.append(mod_is(entry.key, entry.mod_revision))
        then.append(delete(entry.key))
    for entry in cursors[:MAX_KEYS_IN_AN_ORDER]:
        when.append(mod_is(entry.key, entry.mod_revision))
        then.append(put(entry.key, entry.value, lease=lease))
    if pause is not None and len(assignments) <= MAX_KEYS_IN_AN_ORDER:
        when.append(mod_is(pause.key, pause.mod_revision))
        then.append(delete(pause.key))
    then += [
        delete(keys.health(job_id)),
        delete(keys.once(job_id)),
        delete_prefix(keys.queue_of(job_id)),
    ]
    return Txn(tuple(when), tuple(then))


@dataclass(slots=True)
class _Remains:
    """What is left of a job that nobody wants any more."""

    assignments: list[Entry] = field(default_factory=list)
    cursors: list[Entry] = field(default_factory=list)
    pause: Entry | None = None


class Removals:
    """What is left of the jobs that nobody wants any more. ``jobs`` is empty most of the time."""

    def __init__(self, view: View) -> None:
        self._keys = keys = view.keys
        self._wanted = view.mirror.prefix(keys.specs)
        self.jobs: dict[str, _Remains] = {}
        for key, entry in view.mirror.prefix(keys.jobs).items():
            if remains := self._of(key[len(keys.jobs) :].partition("/")[2]):
                remains.assignments.append(entry)
        for key, entry in view.mirror.prefix(keys.cursors).items():
            job_id = key[len(keys.cursors) :].partition("/")[0]
            if not entry.lease and (remains := self._of(job_id)):
                remains.cursors.append(entry)
        for job_id, seen in view.pauses.items():
            if seen.value.removal and (remains := self._of(job_id)):
                remains.pause = seen.entry
        for key in view.mirror.prefix(keys.healths):
            self._of(key[len(keys.healths) :])

    def _of(self, job_id: str) -> _Remains | None:
        if self._keys.spec(job_id) in self._wanted:
            return None
        return self.jobs.setdefault(job_id, _Remains())

    @property
    def keep_cursors(self) -> bool:
        """Whether there are any. The health of a job whose last run ends after its removal comes
        alone: a lease that no key hangs on would stand for a day."""
        return any(remains.cursors for remains in self.jobs.values())

    def orders(self, lease: int) -> list[Order]:
        """``lease``: the cursors go onto it; it lasts for CURSOR_LIFE. 0 where there are none."""
        return [
            Order(
                tidy_removed(
                    self._keys,
                    job_id,
                    assignments=remains.assignments,
                    cursors=remains.cursors,
                    pause=remains.pause,
                    lease=lease,
                )
            )
            for job_id, remains in sorted(self.jobs.items())
        ]


def hangs_on(view: View, lease: int) -> bool:
    """Whether a cursor of a removed job does."""
    return any(entry.lease == lease for entry in view.mirror.prefix(view.keys.cursors).values())


def forgotten(view: View, run_keys: Iterable[str]) -> Iterable[Order]:
    """The run records of jobs whose very cursor is gone: nobody will ask for them any more."""
    keys = view.keys
    jobs = {key[len(keys.runs) :].partition("/")[0] for key in run_keys}
    known = {key[len(keys.cursors) :].partition("/")[0] for key in view.mirror.prefix(keys.cursors)}
    for job_id in sorted(jobs - known):
        if view.wants.entry(job_id) is None:
            yield Order(Txn((absent(keys.spec(job_id)),), (delete_prefix(keys.runs_of(job_id)),)))
