"""What is known about the cluster as a whole, and what became of what went wrong in it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field

from crony_ops.model.record import Record
from crony_ops.model.run import RunState

KEY_SPACE_VERSION = 1


class Meta(Record):
    """`/crony/meta`: the key space's version, and an incarnation that a restore makes anew."""

    version: int = KEY_SPACE_VERSION
    incarnation: str
    cluster: str

    def to_json(self) -> bytes:
        """With the version spelled out, default or not: it is what a later program looks at."""
        return self.model_dump_json().encode()


class Watcher(Record):
    """`/crony/watcher/<watcher_id>`: a watcher that lives, leading or standing by."""

    id: str
    host: str
    pid: int
    version: str
    started_at: float


class Leader(Record):
    """`/crony/leader`: who leads, since when (unix seconds), and whether it was told that shell
    jobs without presets may move."""

    id: str
    since: float
    cmd_auto_allocation: bool = False


class Rebalance(Record):
    """`/crony/rebalance`: somebody wants the jobs spread evenly; the leader moves what may move,
    and takes the order away when nothing is left to move."""

    who: str
    at: float


class SyncRecord(Record):
    """`/crony/sync`: the last sync. ``generation`` grows by one with each."""

    commit: str = ""
    author: str = ""
    dirty: bool = False
    jobs: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    digest: str
    generation: int
    who: str
    host: str = ""
    at: float


class Told(Record):
    """What people were told of one trouble of a job, or of one kind of event.

    ``since``: when it began. ``at``: when they were last told; 0: not yet, for a window of
    maintenance holds it back. ``remind_at``: when the rules look at it again; 0: never. ``untold``:
    events since then. ``with_node``: the message of the node's loss told of it. Unix seconds.
    """

    since: float
    at: float = 0.0
    remind_at: float = 0.0
    untold: int = 0
    reason: str = ""
    with_node: bool = False


class Health(Record):
    """`/crony/health/<job_id>`: how the job's last runs ended, as far as the rules must know.

    ``last_node`` is a uuid. ``told`` goes by cause. ``onsets``: when it last began to fail, the
    newest few; ``durations``: how long its last successes took (seconds), the newest few, if
    somebody wants to hear of slow ones; ``dragging``: the runs that were told to be slow while they
    were under way.
    """

    consecutive_failures: int = 0
    failing_since: float | None = None
    last_state: RunState | None = None
    last_run_id: str = ""
    last_at: float = 0.0
    last_reason: str = ""
    last_node: str = ""
    missed: int = 0
    lost: int = 0
    unplaced_since: float | None = None
    told: dict[str, Told] = Field(default_factory=dict)
    onsets: tuple[float, ...] = ()
    durations: tuple[float, ...] = ()
    dragging: tuple[str, ...] = ()

    def telling(self, cause: str, told: Told | None) -> Self:
        """With what people know of that cause; None: nothing any more."""
        others = {name: value for name, value in self.told.items() if name != cause}
        if told is not None:
            others[str(cause)] = told
        return self.model_copy(update={"told": others})

    @property
    def failing(self) -> bool:
        return self.consecutive_failures > 0


class Outcome(StrEnum):
    """What a failover did with a job of the dead node."""

    moved = "moved"
    stranded = "stranded"
    unplaced = "unplaced"
    bound = "bound"

    @property
    def failed(self) -> bool:
        return self in (Outcome.stranded, Outcome.unplaced)


class JobOutcome(Record):
    """`/crony/failover/<node_uuid>/<incarnation>/<job_id>`."""

    job_id: str
    outcome: Outcome
    to: str = ""
    lost_runs: int = 0


class Failover(Record):
    """`/crony/failover/<node_uuid>/<incarnation>`: one life of a node that ended with jobs on it.

    Open until ``closed_at``; the counts and the (capped) lists of job ids are set on closing:
    some of the moved ones, and up to a thousand of those that failed.
    """

    node: str
    node_name: str
    incarnation: int
    started_at: float
    closed_at: float | None = None
    moved: int = 0
    failed: int = 0
    bound: int = 0
    lost_runs: int = 0
    moved_jobs: tuple[str, ...] = ()
    failed_jobs: tuple[str, ...] = ()
