"""What goes wrong in a story, and what the leader makes of it: losses, failovers, alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.model.cluster import Failover, Health, JobOutcome, Outcome, Told
from crony_ops.model.node import Node, Roster
from crony_ops.model.run import (
    GapRecord,
    Kill,
    News,
    OpenRun,
    QueuedRun,
    RunRecord,
    RunState,
    gap_id,
    rerun_of,
)
from crony_ops.model.spec import Cursor
from crony_ops.node.runs.past import UNSEEN
from crony_ops.store.endings import news_of
from tests.faults.proof.history import Kind
from tests.unit.proof.story import TTL, T

if TYPE_CHECKING:
    from tests.faults.proof.history import Write
    from tests.unit.proof.story import Put, Story


def lost(story: Story, run: OpenRun, name: str, *more: Put) -> tuple[Write, QueuedRun | None]:
    """What the leader makes of a run whose node died under it."""
    record = story.record(run, "lost", reason=f"its node {name} was lost", started_at=None)
    rerun = rerun_of(run, name, f"was lost with {name}", story.now + 5)
    news = News(
        run_id=run.run_id,
        job_id=run.job_id,
        state=RunState.lost,
        at=story.now,
        tick=run.tick,
        node=run.node,
        node_name=name,
        with_node=True,
    )
    queued = [story.queue(rerun, run.job_id)] if rerun is not None else []
    written = story.write(
        (story.keys.run(run.job_id, run.run_id), record, 0),
        (story.open_key(run), None, 0),
        (story.keys.news(run.job_id, run.run_id), news, 0),
        *queued,
        *more,
    )
    return written[0], rerun


def unseen(story: Story, run: OpenRun, name: str) -> QueuedRun | None:
    """What its agent's next life makes of a run whose end nobody saw."""
    rerun = rerun_of(run, name, "was lost")
    queued = [story.queue(rerun, run.job_id)] if rerun is not None else []
    story.end(run, "lost", *queued, reason=UNSEEN)
    return rerun


def overruled(story: Story, record: RunRecord) -> Write:
    """How a run ended that the leader had called lost."""
    news = (story.keys.news(record.job_id, record.run_id), news_of(record), 0)
    return story.told(news, (story.keys.run(record.job_id, record.run_id), record, 0))


def declare_lost(story: Story, name: str) -> tuple[Write, Failover]:
    lost = Failover(
        node=story.uuid(name),
        node_name=name,
        incarnation=story.leases[name],
        started_at=story.now,
    )
    return story.write((story.keys.failover(lost.node, lost.incarnation), lost, 0))[0], lost


def dead(story: Story, name: str = "node-1") -> Failover:
    """The node dies, and is known to be lost."""
    story.fault(Kind.kill, name, lasts=8)
    story.wait(TTL)
    story.lapse(name)
    return declare_lost(story, name)[1]


def move(story: Story, job_id: str, source: str, target: str, *more: Put) -> Write:
    """Off a dead node, in one request."""
    uuid, lease = story.uuid(source), story.leases[source]
    outcome = JobOutcome(job_id=job_id, outcome=Outcome.moved, to=story.uuid(target))
    return story.assign(
        job_id,
        target,
        (story.keys.job(uuid, job_id), None, 0),
        (story.keys.failover_job(uuid, lease, job_id), outcome, 0),
        *more,
        anew=False,
        moved_from=uuid,
    )


def alert(story: Story, cause: Cause, about: str, **fields: Any) -> Put:
    alert = Alert(
        id=f"{cause}.{about}".replace(" ", "-"),
        cause=cause,
        severity=Severity.warning,
        title="",
        message="",
        at=story.now,
        **fields,
    )
    return (story.keys.alert(alert.id), alert, 0)


def close(story: Story, lost: Failover, *told: Put) -> Write:
    key = story.keys.failover(lost.node, lost.incarnation)
    closed = lost.model_copy(update={"closed_at": story.now, "moved": 1})
    under = [k for k in story.there if k.startswith(f"{key}/")]
    roster = Roster(
        node=Node(uuid=lost.node, name=lost.node_name, incarnation=lost.incarnation),
        seen_at=story.now,
    )
    outcomes: list[Put] = [(k, None, 0) for k in under]
    return story.write(
        (key, closed, 0), (story.keys.roster(lost.node), roster, 0), *outcomes, *told
    )[0]


def heard(story: Story, run: OpenRun, *told: Put, failing: bool = False) -> list[Write]:
    """The leader takes the news of a run in."""
    known = {"failure": Told(since=story.now, at=story.now)} if failing else {}
    return story.write(
        (story.keys.health(run.job_id), Health(last_run_id=run.run_id, told=known), 0),
        (story.keys.news(run.job_id, run.run_id), None, 0),
        *told,
    )


def reset(story: Story, job_id: str, name: str, tick: int, *gone: QueuedRun) -> Write:
    """Its cursor is put where it is said, and its assignment again, as it is; runs that had been
    queued are ``gone``."""
    held = story.there[story.keys.job(story.uuid(name), job_id)]
    again: Put = (held.key, (held.value or "").encode(), 0)
    taken: list[Put] = [(story.keys.queued(job_id, run.run_id), None, 0) for run in gone]
    return story.write((story.keys.cursor(job_id), Cursor(tick=tick), 0), again, *taken)[0]


def failed(story: Story, after: int, health: Health, *more: Put) -> Write:
    """The tick so many seconds after T fails on node-1, and the leader takes it in: the job's
    health."""
    story.until(after - 0.6)
    run = story.claim("j", T + after, "node-1")
    story.until(after + 0.02)
    story.act("start", run, "node-1")
    story.end(run, "failed", news(story, run, "failed"))
    taken = (story.keys.news("j", run.run_id), None, 0)
    return story.write((story.keys.health("j"), health, 0), taken, *more)[0]


def news(story: Story, run: OpenRun, state: str) -> Put:
    news = News(
        run_id=run.run_id, job_id=run.job_id, state=RunState(state), at=story.now, tick=run.tick
    )
    return (story.keys.news(run.job_id, run.run_id), news, 0)


def kill_order(story: Story, run: OpenRun) -> Write:
    order = Kill(who="ann", at=story.now)
    return story.write((story.keys.kill(run.node, run.job_id, run.run_id), order, 0x77))[0]


def missed(
    story: Story, job_id: str, name: str, first: int, last: int, count: int, *queued: QueuedRun
) -> Write:
    """Ticks that nobody could run: one gap, and what is made up."""
    gap = GapRecord(
        type="gap",
        run_id=gap_id(last),
        job_id=job_id,
        first=first,
        last=last,
        count=count,
        reason="nobody could run it in time",
        node=story.uuid(name),
        node_name=name,
        at=story.now,
    )
    cursor = Cursor(tick=max([last, *(one.tick for one in queued)]))
    news = News(run_id=gap.run_id, job_id=job_id, state="missed", at=story.now, tick=last)
    return story.told(
        (story.keys.news(job_id, gap.run_id), news, 0),
        (story.keys.run(job_id, gap.run_id), gap, 0),
        (story.keys.cursor(job_id), cursor, 0),
        *(story.queue(one, job_id) for one in queued),
    )
