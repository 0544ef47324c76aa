"""What a run is, from the claim of its tick to the record of its end."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter

from crony_ops.model.job import JobId
from crony_ops.model.record import Record
from crony_ops.model.tick import Tick

MAX_RERUNS = 3

RUN_ID = re.compile(r"^[0-9]{8}T[0-9]{6}Z-[smor][0-9]*(@[A-Za-z0-9][A-Za-z0-9._-]{0,62})?$")
RunId = Annotated[str, StringConstraints(pattern=RUN_ID.pattern)]
"""Strict, for it names files on a node and comes out of etcd."""


def run_stamp(tick: float) -> str:
    """Unix seconds as ``20261122T160000Z``: run ids sort by time."""
    return datetime.fromtimestamp(int(tick), UTC).strftime("%Y%m%dT%H%M%SZ")


def tick_run_id(tick: int, node: str = "") -> str:
    """The id of the one run that claims a tick; ``node`` (a name) for jobs on every node."""
    return f"{run_stamp(tick)}-s{_at(node)}"


def rerun_id(tick: int, number: int, node: str = "") -> str:
    return f"{run_stamp(tick)}-r{number}{_at(node)}"


def once_run_id(now: float, revision: int, node: str = "") -> str:
    """A run that a person asked for: ``revision`` is the create revision of the asking key."""
    return f"{run_stamp(now)}-o{revision}{_at(node)}"


def gap_id(last: int, node: str = "") -> str:
    return f"{run_stamp(last)}-m{_at(node)}"


def _at(node: str) -> str:
    return f"@{node}" if node else ""


class RunState(StrEnum):
    queued = "queued"
    claimed = "claimed"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    timed_out = "timed_out"
    killed = "killed"
    skipped = "skipped"
    fenced = "fenced"
    lost = "lost"


class RunKind(StrEnum):
    """Why a run is made: its tick came, it is made up or run again, or somebody asked for it."""

    tick = "tick"
    queued = "queued"
    once = "once"


class OpenRun(Record):
    """`/crony/open/<node_uuid>/<job_id>/<run_id>`: claimed or running, on whom, in which life.

    ``incarnation`` is the lease that it was claimed under, ``epoch`` the assignment's revision
    then; 0 where an older version claimed it.
    """

    run_id: RunId
    job_id: JobId
    tick: Tick
    kind: RunKind = RunKind.tick
    node: str
    incarnation: int
    epoch: int = 0
    rerun: int = 0
    on_node_loss_rerun: bool = False
    bound: bool = False
    claimed_at: float = 0.0
    reason: str = ""

    @property
    def fenceable(self) -> bool:
        """Whether another node may be about to run it again, once the lease it was claimed under
        has run out."""
        return self.on_node_loss_rerun and not self.bound


class QueuedRun(Record):
    """`/crony/queue/<job_id>/<run_id>`: a run that is to be made.

    ``rerun`` counts the re-runs of its tick. ``not_before`` (unix seconds) keeps it until a
    partitioned node has surely ended the run that it repeats. ``node`` is a name, or empty.
    """

    run_id: RunId
    tick: Tick
    reason: str
    rerun: int = 0
    not_before: float = 0.0
    node: str = ""


class Attempt(Record):
    """One try of a run. Times are in unix seconds. ``status`` is that of an HTTP answer, ``output``
    the tail of what it printed."""

    number: int
    started_at: float
    ended_at: float
    exit_code: int | None = None
    signal: int | None = None
    status: int | None = None
    reason: str = ""
    output: str = ""


class RunRecord(Record):
    """`/crony/run/<job_id>/<run_id>`: a run that ended, with the tail of each attempt's output.

    ``late``: seconds from its time to its start, 0 up to one second; ``late_because`` says why.
    ``incarnation`` and ``epoch`` are those of its claim; 0 where an older version wrote it.
    """

    type: Literal["run"] = "run"
    run_id: str
    job_id: str
    tick: Tick
    state: RunState
    kind: RunKind = RunKind.tick
    node: str
    node_name: str = ""
    incarnation: int = 0
    epoch: int = 0
    reason: str = ""
    rerun: int = 0
    started_at: float | None = None
    ended_at: float
    late: float = 0.0
    late_because: str = ""
    attempts: tuple[Attempt, ...] = ()

    @classmethod
    def of_run(
        cls,
        run: OpenRun,
        state: RunState,
        *,
        node_name: str,
        ended_at: float,
        reason: str = "",
        started_at: float | None = None,
        late: tuple[float, str] = (0.0, ""),
        attempts: tuple[Attempt, ...] = (),
    ) -> Self:
        """How a run ended that was claimed so."""
        return cls(
            run_id=run.run_id,
            job_id=run.job_id,
            tick=run.tick,
            state=state,
            kind=run.kind,
            node=run.node,
            node_name=node_name,
            incarnation=run.incarnation,
            epoch=run.epoch,
            reason=reason,
            rerun=run.rerun,
            started_at=started_at,
            ended_at=ended_at,
            late=late[0],
            late_because=late[1],
            attempts=attempts,
        )

    @property
    def succeeded(self) -> bool:
        return self.state is RunState.succeeded

    @property
    def unseen(self) -> bool:
        """Lost, and nobody saw anything of it."""
        return self.state is RunState.lost and not self.attempts


class GapRecord(Record):
    """`/crony/run/<job_id>/<run_id>` for ticks that were not run: first and last tick, how many."""

    type: Literal["gap"]
    run_id: str
    job_id: str
    first: Tick
    last: Tick
    count: int
    reason: str
    node: str = ""
    node_name: str = ""
    at: float


AnyRecord = Annotated[RunRecord | GapRecord, Field(union_mode="left_to_right")]
_ANY: TypeAdapter[RunRecord | GapRecord] = TypeAdapter(AnyRecord)


def read_run(value: bytes) -> RunRecord | GapRecord:
    """Raises ValueError when the value is neither."""
    return _ANY.validate_json(value)


class News(Record):
    """`/crony/news/<job_id>/<run_id>`: the summary of an end that the alert rules must see.

    ``took``: seconds from its start to its end. ``output``: the tail of a failure's.
    ``with_node``: it was lost because its node was, and the message of that tells of it.
    """

    run_id: str
    job_id: str
    state: RunState | Literal["missed"]
    at: float
    tick: Tick
    node: str = ""
    node_name: str = ""
    count: int = 1
    reason: str = ""
    took: float | None = None
    output: str = ""
    with_node: bool = False


class Proc(Record):
    """`/crony/proc/<node_uuid>/<job_id>/<pid>`: a process that runs right now."""

    run_id: str
    started_at: float
    command: str
    attempt: int = 1


class Kill(Record):
    """`/crony/kill/<node_uuid>/<job_id>/<run_id>`: end this run. ``signal`` is what its processes
    get at first, KILL being what they get in the end."""

    who: str
    at: float
    why: str = ""
    signal: Literal["TERM", "INT", "HUP", "QUIT", "KILL"] = "TERM"


def rerun_of(
    run: OpenRun, node_name: str, reason: str, not_before: float = 0.0
) -> QueuedRun | None:
    """The run that repeats a lost or fenced one.

    None where its job asks for none, where its tick has been run again often enough, or where it
    was no tick at all but somebody's wish.
    """
    if not run.on_node_loss_rerun or run.kind is RunKind.once or run.rerun >= MAX_RERUNS:
        return None
    at = node_name if "@" in run.run_id else ""
    return QueuedRun(
        run_id=rerun_id(run.tick, run.rerun + 1, at),
        tick=run.tick,
        reason=f"{run.run_id} {reason}",
        rerun=run.rerun + 1,
        not_before=not_before,
        node=at,
    )
