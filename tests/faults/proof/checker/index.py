"""A history as the rules ask for it: what stood under a key when, who claimed what, what ran."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, OpenRun, RunRecord, read_run
from crony_ops.model.spec import Assignment, Cursor, Spec
from crony_ops.schedule import parse_schedule, splay_offset
from crony_ops.store.keys import Keys
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from crony_ops.schedule import Schedule
    from tests.faults.proof.history import Act, Fault, History, Write

UNANSWERED = 30.0
"""Seconds that an order goes on at most whose end is not known."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that was opened. ``node`` is the uuid that its key names."""

    write: Write
    node: str
    run: OpenRun


@dataclass(frozen=True, slots=True)
class End:
    """A record that was written: of a run, or of ticks that were not run."""

    write: Write
    record: RunRecord | GapRecord


class Index:
    """``names``: the nodes' names by uuid. Keys without a value that can be read are nobody's."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.setup = history.setup
        self.keys = Keys(history.setup.root)
        self.names = {node.uuid: name for name, node in history.setup.nodes.items()}
        self.requests: dict[int, list[Write]] = {}
        self._versions: dict[str, list[Write]] = {}
        self._revisions: dict[str, list[int]] = {}
        self._kinds: dict[str, list[Write]] = defaultdict(list)
        start = len(self.keys.everything)
        for write in history.writes:
            self.requests.setdefault(write.revision, []).append(write)
            self._versions.setdefault(write.key, []).append(write)
            self._revisions.setdefault(write.key, []).append(write.revision)
            if write.revision > self.setup.since:
                self._kinds[write.key[start:].partition("/")[0]].append(write)

    @cached_property
    def end(self) -> int:
        """The revision behind all that had been written when the run was over."""
        last = self.history.end.at
        return max((w.revision for w in self.history.writes if w.at <= last), default=0) + 1

    def under(self, prefix: str) -> list[Write]:
        """All writes since the record began under a prefix that `Keys` names, or of its one key."""
        kind, _, rest = prefix[len(self.keys.everything) :].partition("/")
        found = self._kinds.get(kind, [])
        return [one for one in found if one.key.startswith(prefix)] if rest else found

    def tail(self, write: Write, prefix: str) -> tuple[str, ...]:
        """What a key says behind its prefix, part by part."""
        return tuple(write.key[len(prefix) :].split("/"))

    def versions(self, key: str) -> list[Write]:
        return self._versions.get(key, [])

    def before(self, key: str, revision: int) -> Write | None:
        """What stood under the key right before the revision; None: nothing."""
        write = self.last_write(key, revision)
        return None if write is None or write.value is None else write

    def last_write(self, key: str, revision: int) -> Write | None:
        """The last one before the revision, be it a deletion."""
        revisions = self._revisions.get(key)
        at = bisect_left(revisions, revision) if revisions else 0
        return self._versions[key][at - 1] if at else None

    def next_write(self, key: str, revision: int) -> Write | None:
        """The first one behind the revision."""
        revisions = self._revisions.get(key, [])
        at = bisect_left(revisions, revision + 1)
        return self._versions[key][at] if at < len(revisions) else None

    def beside(self, write: Write, key: str) -> Write | None:
        """What the same request did to another key."""
        return next((one for one in self.requests[write.revision] if one.key == key), None)

    @cached_property
    def claims(self) -> list[Claim]:
        found = []
        for write in self.under(self.keys.opens):
            if write.value is not None and not self.before(write.key, write.revision):
                node = self.tail(write, self.keys.opens)[0]
                found.append(Claim(write, node, OpenRun.from_json(write.value.encode())))
        return found

    @cached_property
    def claims_at(self) -> dict[int, list[Claim]]:
        """The claims by the revision of their request."""
        found: dict[int, list[Claim]] = defaultdict(list)
        for claim in self.claims:
            found[claim.write.revision].append(claim)
        return found

    def claims_between(self, began: float, ended: float) -> list[Claim]:
        """Those that were seen between two moments."""
        start = bisect_left(self.claims, began, key=_seen_at)
        return self.claims[start : bisect_left(self.claims, ended, key=_seen_at)]

    @cached_property
    def claim_of(self) -> dict[tuple[str, str], Claim]:
        """The first claim of each run, by job and run id."""
        return {(c.run.job_id, c.run.run_id): c for c in reversed(self.claims)}

    @cached_property
    def claims_of(self) -> dict[tuple[str, str], list[Claim]]:
        """All claims of each run: after a reset of its cursor there may be more than one."""
        found: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        for claim in self.claims:
            found[claim.run.job_id, claim.run.run_id].append(claim)
        return found

    def was_reset(self, job_id: str, since: float, until: float) -> bool:
        """Whether its cursor may have been put back between two times: ticks that a wrong clock
        had claimed are then due again."""
        return bool(self.resets_between(job_id, since, until))

    def resets_between(self, job_id: str, since: float, until: float) -> list[Fault]:
        """The orders to reset its cursors that were, or may have been, under way between two
        times."""
        return [
            order
            for order in self.resets_of[job_id]
            if order.began < until and since <= (order.ended or order.began + UNANSWERED)
        ]

    @cached_property
    def resets_of(self) -> dict[str, list[Fault]]:
        """The orders to reset cursors, by job."""
        found: dict[str, list[Fault]] = defaultdict(list)
        for order in self.history.faults:
            if order.kind is Kind.reset_cursor:
                found[order.target].append(order)
        return found

    @cached_property
    def sleeps_of(self) -> dict[str, list[Fault]]:
        """When processes were frozen, in the order of time, by name."""
        found: dict[str, list[Fault]] = defaultdict(list)
        for fault in sorted(self.history.faults, key=lambda fault: fault.began):
            if fault.kind is Kind.freeze:
                found[fault.target].append(fault)
        return found

    @cached_property
    def ends(self) -> list[End]:
        return [
            End(write, read_run(write.value.encode()))
            for write in self.under(self.keys.runs)
            if write.value is not None
        ]

    @cached_property
    def ends_of(self) -> dict[tuple[str, str], list[End]]:
        """Every version of each record, by job and run id."""
        found: dict[tuple[str, str], list[End]] = defaultdict(list)
        for end in self.ends:
            found[end.record.job_id, end.record.run_id].append(end)
        return found

    @cached_property
    def ends_by_job(self) -> dict[str, list[End]]:
        found: dict[str, list[End]] = defaultdict(list)
        for end in self.ends:
            found[end.record.job_id].append(end)
        return found

    @cached_property
    def acts_of(self) -> dict[tuple[str, str], list[Act]]:
        """What each run wrote down, in the order of its clock, by job and run id."""
        found: dict[tuple[str, str], list[Act]] = defaultdict(list)
        for act in self.history.ledger:
            found[act.job, act.run].append(act)
        for acts in found.values():
            acts.sort(key=lambda act: act.at)
        return found

    @cached_property
    def open_runs(self) -> dict[tuple[str, str], list[Claim]]:
        """The claims by node and job."""
        found: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        for claim in self.claims:
            found[claim.node, claim.run.job_id].append(claim)
        return found

    @cached_property
    def homes(self) -> dict[str, list[str]]:
        """The keys of a job's assignments, whenever they stood, by job."""
        found: dict[str, list[str]] = defaultdict(list)
        for key in self._versions:
            if key.startswith(self.keys.jobs):
                found[key.rpartition("/")[2]].append(key)
        return found

    @cached_property
    def cursors(self) -> dict[str, list[str]]:
        """The keys of a job's cursors, whenever they stood, by job."""
        found: dict[str, list[str]] = defaultdict(list)
        for key in self._versions:
            if key.startswith(self.keys.cursors):
                found[key.removeprefix(self.keys.cursors).partition("/")[0]].append(key)
        return found

    def assigned(self, job_id: str, revision: int) -> list[Write]:
        """The job's assignments right before the revision."""
        keys = self.homes.get(job_id, ())
        return [write for key in keys if (write := self.before(key, revision)) is not None]

    def still_open(self, node: str, job_id: str, revision: int) -> Iterator[Claim]:
        """What of the job was open on the node right before the revision."""
        for claim in self.open_runs.get((node, job_id), ()):
            if claim.write.revision >= revision:
                return
            if self.before(claim.write.key, revision) is not None:
                yield claim


def _seen_at(claim: Claim) -> float:
    return claim.write.at


@cache
def assignment(value: str) -> Assignment:
    return Assignment.from_json(value.encode())


@cache
def spec(value: str) -> Spec:
    return Spec.from_json(value.encode())


def tick_of(write: Write | None) -> int | None:
    """Of a cursor; None: there is none."""
    if write is None or write.value is None:
        return None
    return Cursor.from_json(write.value.encode()).tick


@cache
def schedule_of(expression: str, timezone: str, job_id: str) -> Schedule:
    return parse_schedule(expression, timezone=timezone, job_id=job_id)


def timing(job: Job, job_id: str) -> tuple[Schedule, int]:
    """When the job fires, and its splay (seconds)."""
    return schedule_of(job.schedule, job.timezone, job_id), splay_offset(job_id, job.splay)


def puts(writes: Iterable[Write], prefix: str) -> list[Write]:
    return [one for one in writes if one.value is not None and one.key.startswith(prefix)]
