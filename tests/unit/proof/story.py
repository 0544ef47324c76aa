"""Histories made by hand: what a sound cluster would have written, told step by step.

Each step is of the time ``now``; ``wait`` goes on. Every method does what the product does in one
request, and gives back what it wrote, so that a test can leave one thing out, or do it twice.
"""

from __future__ import annotations

from typing import Any

from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.model.cluster import Failover, Health, JobOutcome, Leader, Outcome, Told
from crony_ops.model.job import Job
from crony_ops.model.node import Cordon, Node, Pause, Roster, node_uuid
from crony_ops.model.record import Record
from crony_ops.model.run import (
    GapRecord,
    Kill,
    News,
    OpenRun,
    QueuedRun,
    RunKind,
    RunRecord,
    RunState,
    gap_id,
    rerun_of,
    tick_run_id,
)
from crony_ops.model.spec import Assignment, Cursor, Source, Spec
from crony_ops.store.keys import Keys
from tests.faults.proof.history import (
    Act,
    EndState,
    Fault,
    History,
    Kind,
    NodeSetup,
    Setup,
    Write,
)

T = 1_800_000_000
TTL = 3
Put = tuple[str, Record | bytes | None, int]


class Story:
    """Two nodes in the group web, the first of which offers the preset env, and two watchers."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.now = T + 0.3
        self.writes: list[Write] = []
        self.ledger: list[Act] = []
        self.faults: list[Fault] = []
        self.leases: dict[str, int] = {}
        self.survivors: tuple[str, ...] = ()
        self.stray_leases: tuple[int, ...] = ()
        self._standing: dict[str, Write] = {}
        self._last_lease = 0x100
        self.setup = Setup(
            began=T,
            nodes={
                name: NodeSetup(
                    uuid=node_uuid("proof", name),
                    groups=("web",),
                    presets=("env",) if name == "node-1" else (),
                )
                for name in ("node-1", "node-2")
            },
            watchers=("watcher-1", "watcher-2"),
            etcds=("etcd-1", "etcd-2", "etcd-3"),
            ttl=TTL,
            watcher_ttl=TTL,
            may_stay=(self.keys.pauses, self.keys.cordons),
        )

    def wait(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 3)

    def until(self, seconds: float) -> None:
        """So many seconds after the beginning."""
        self.now = T + seconds

    def uuid(self, node: str) -> str:
        return self.setup.nodes[node].uuid

    def write(self, *puts: Put) -> list[Write]:
        """One request: each key with its value (None: it is deleted) and its lease."""
        revision = self.writes[-1].revision + 1 if self.writes else 2
        written = []
        for key, value, lease in puts:
            text = value.to_json().decode() if isinstance(value, Record) else value
            text = text.decode() if isinstance(text, bytes) else text
            before = self._standing.get(key)
            previous = before.revision if before is not None else 0
            one = Write(revision, self.now, key, text, lease, previous)
            if text is not None:
                self._standing[key] = one
            elif self._standing.pop(key, None) is None:
                continue
            written.append(one)
        self.writes += written
        return written

    def standing(self, key: str) -> Write:
        return self._standing[key]

    def last(self, key: str) -> Write:
        """The newest write of the key, be it a deletion."""
        return next(one for one in reversed(self.writes) if one.key == key)

    def stands(self, key: str) -> bool:
        return key in self._standing

    # watchers and nodes

    def lead(self, watcher: str = "watcher-1") -> Write:
        self._last_lease += 1
        claim = Leader(id=watcher, since=self.now)
        return self.write((self.keys.leader, claim, self._last_lease))[0]

    def depose(self) -> Write:
        return self.write((self.keys.leader, None, 0))[0]

    def register(self, name: str) -> Write:
        self._last_lease += 1
        self.leases[name] = self._last_lease
        node = self.setup.nodes[name]
        record = Node(uuid=node.uuid, name=name, groups=node.groups, incarnation=self._last_lease)
        return self.write((self.keys.node(node.uuid), record, self._last_lease))[0]

    def lapse(self, name: str) -> Write:
        """The node's lease ends."""
        return self.write((self.keys.node(self.uuid(name)), None, 0))[0]

    # jobs

    def want(self, job_id: str, **fields: Any) -> Write:
        job = Job.model_validate({"schedule": "* * * * * *", "shell": "true", **fields})
        spec = Spec.of(job, Source(file="jobs.yaml"), {})
        return self.write((self.keys.spec(job_id), spec, 0))[0]

    def given(self, job_id: str, **fields: Any) -> Assignment:
        wanted = self.standing(self.keys.spec(job_id))
        spec = Spec.from_json((wanted.value or "").encode())
        return Assignment(
            **{
                "job": spec.job,
                "sha256": spec.sha256,
                "spec_revision": wanted.revision,
                "assigned_at": self.now,
                **fields,
            }
        )

    def assign(self, job_id: str, name: str, *more: Put, anew: bool = True, **fields: Any) -> Write:
        """``anew``: what is due has changed."""
        given = self.given(job_id, **fields)
        cursor = self.keys.cursor(job_id, self.uuid(name) if given.job.run_on.every else "")
        puts: list[Put] = [(self.keys.job(self.uuid(name), job_id), given, 0)]
        if anew:
            puts.append((cursor, Cursor(tick=int(self.now)), 0))
        return self.write(*puts, *more)[0]

    def pause(self, job_id: str, **fields: Any) -> Write:
        order = Pause(who="ann", at=self.now, **fields)
        return self.write((self.keys.pause(job_id), order, 0))[0]

    def resume(self, job_id: str) -> Write:
        cursor = Cursor(tick=int(self.now))
        return self.write(
            (self.keys.pause(job_id), None, 0), (self.keys.cursor(job_id), cursor, 0)
        )[0]

    def remove(self, job_id: str) -> Write:
        order = Pause(who="ann", at=self.now, removal=True)
        return self.write((self.keys.spec(job_id), None, 0), (self.keys.pause(job_id), order, 0))[0]

    def tidy(self, job_id: str, name: str) -> Write:
        """What is left of a removed job goes."""
        return self.write(
            (self.keys.job(self.uuid(name), job_id), None, 0), (self.keys.pause(job_id), None, 0)
        )[0]

    def cordon(self, name: str) -> Write:
        order = Cordon(who="ann", at=self.now)
        return self.write((self.keys.cordon(self.uuid(name)), order, 0))[0]

    # runs

    def open_run(self, job_id: str, tick: int, name: str, **fields: Any) -> OpenRun:
        job = self.given(job_id).job if self.stands(self.keys.spec(job_id)) else None
        held = self._standing.get(self.keys.job(self.uuid(name), job_id))
        return OpenRun(
            **{
                "run_id": tick_run_id(tick, name if job and job.run_on.every else ""),
                "job_id": job_id,
                "tick": tick,
                "node": self.uuid(name),
                "incarnation": self.leases[name],
                "epoch": held.revision if held else 0,
                "on_node_loss_rerun": bool(job and job.rerun),
                "bound": bool(job and job.run_on.bound),
                "claimed_at": self.now,
                **fields,
            }
        )

    def claim(self, job_id: str, tick: int, name: str, **fields: Any) -> OpenRun:
        run = self.open_run(job_id, tick, name, **fields)
        at = self.uuid(name) if "@" in run.run_id else ""
        cursor = (self.keys.cursor(job_id, at), Cursor(tick=tick), 0)
        self.write((self.open_key(run), run, 0), cursor)
        return run

    def open_key(self, run: OpenRun) -> str:
        return self.keys.open(run.node, run.job_id, run.run_id)

    def opened(self, run: OpenRun) -> Write:
        """The newest claim of the run."""
        key = self.open_key(run)
        return next(one for one in reversed(self.writes) if one.key == key and one.value)

    def queue(self, queued: QueuedRun, job_id: str) -> Put:
        return (self.keys.queued(job_id, queued.run_id), queued, 0)

    def claim_queued(self, job_id: str, queued: QueuedRun, name: str) -> OpenRun:
        run = self.open_run(
            job_id,
            queued.tick,
            name,
            run_id=queued.run_id,
            kind=RunKind.queued,
            rerun=queued.rerun,
            reason=queued.reason,
        )
        taken = (self.keys.queued(job_id, queued.run_id), None, 0)
        self.write((self.open_key(run), run, 0), taken)
        return run

    def claim_once(self, job_id: str, run_id: str, name: str) -> OpenRun:
        run = self.open_run(job_id, int(self.now), name, run_id=run_id, kind=RunKind.once)
        self.write((self.open_key(run), run, 0), (self.keys.once(job_id), None, 0))
        return run

    def act(self, event: Any, run: OpenRun, name: str, attempt: int = 1) -> Act:
        act = Act(event, run.job_id, run.tick, run.run_id, name, attempt, self.now)
        self.ledger.append(act)
        return act

    def record(self, run: OpenRun, state: str = "succeeded", **fields: Any) -> RunRecord:
        started = next((a.at for a in self.ledger if a.run == run.run_id), None)
        name = next(n for n, node in self.setup.nodes.items() if node.uuid == run.node)
        record = RunRecord.of_run(
            run, RunState(state), node_name=name, ended_at=self.now, started_at=started
        )
        return record.model_copy(update=fields)

    def end(self, run: OpenRun, state: str = "succeeded", *more: Put, **fields: Any) -> Write:
        record = self.record(run, state, **fields)
        stands = (self.keys.run(run.job_id, run.run_id), record, 0)
        return self.write(stands, (self.open_key(run), None, 0), *more)[0]

    def ran(self, job_id: str, tick: int, name: str, lasts: float = 0.2) -> OpenRun:
        """A tick from its claim to the record of its end."""
        run = self.claim(job_id, tick, name)
        self.carry_out(run, name, lasts)
        return run

    def carry_out(self, run: OpenRun, name: str, lasts: float = 0.2) -> Write:
        """What was claimed, from its second to the record of its end."""
        self.now = max(self.now, run.tick + 0.02)
        self.act("start", run, name)
        self.wait(lasts)
        self.act("end", run, name)
        self.wait(0.01)
        return self.end(run)

    def missed(
        self, job_id: str, name: str, first: int, last: int, count: int, *queued: QueuedRun
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
            node=self.uuid(name),
            node_name=name,
            at=self.now,
        )
        cursor = Cursor(tick=max([last, *(one.tick for one in queued)]))
        return self.write(
            (self.keys.run(job_id, gap.run_id), gap, 0),
            (self.keys.cursor(job_id), cursor, 0),
            *(self.queue(one, job_id) for one in queued),
        )[0]

    # losses

    def lost(self, run: OpenRun, name: str, *more: Put) -> tuple[Write, QueuedRun | None]:
        """What the leader makes of a run whose node died under it."""
        record = self.record(run, "lost", reason=f"its node {name} was lost", started_at=None)
        rerun = rerun_of(run, name, f"was lost with {name}", self.now + 5)
        news = News(
            run_id=run.run_id,
            job_id=run.job_id,
            state=RunState.lost,
            at=self.now,
            tick=run.tick,
            node=run.node,
            node_name=name,
            with_node=True,
        )
        queued = [self.queue(rerun, run.job_id)] if rerun is not None else []
        written = self.write(
            (self.keys.run(run.job_id, run.run_id), record, 0),
            (self.open_key(run), None, 0),
            (self.keys.news(run.job_id, run.run_id), news, 0),
            *queued,
            *more,
        )
        return written[0], rerun

    def declare_lost(self, name: str) -> tuple[Write, Failover]:
        lost = Failover(
            node=self.uuid(name),
            node_name=name,
            incarnation=self.leases[name],
            started_at=self.now,
        )
        return self.write((self.keys.failover(lost.node, lost.incarnation), lost, 0))[0], lost

    def move(self, job_id: str, source: str, target: str, *more: Put) -> Write:
        """Off a dead node, in one request."""
        uuid, lease = self.uuid(source), self.leases[source]
        outcome = JobOutcome(job_id=job_id, outcome=Outcome.moved, to=self.uuid(target))
        return self.assign(
            job_id,
            target,
            (self.keys.job(uuid, job_id), None, 0),
            (self.keys.failover_job(uuid, lease, job_id), outcome, 0),
            *more,
            anew=False,
            moved_from=uuid,
        )

    def alert(self, cause: Cause, about: str, **fields: Any) -> Put:
        alert = Alert(
            id=f"{cause}.{about}".replace(" ", "-"),
            cause=cause,
            severity=Severity.warning,
            title="",
            message="",
            at=self.now,
            **fields,
        )
        return (self.keys.alert(alert.id), alert, 0)

    def close(self, lost: Failover, *told: Put) -> Write:
        key = self.keys.failover(lost.node, lost.incarnation)
        closed = lost.model_copy(update={"closed_at": self.now, "moved": 1})
        under = [k for k in self._standing if k.startswith(f"{key}/")]
        roster = Roster(
            node=Node(uuid=lost.node, name=lost.node_name, incarnation=lost.incarnation),
            seen_at=self.now,
        )
        outcomes: list[Put] = [(k, None, 0) for k in under]
        return self.write(
            (key, closed, 0), (self.keys.roster(lost.node), roster, 0), *outcomes, *told
        )[0]

    def heard(self, run: OpenRun, *told: Put, failing: bool = False) -> list[Write]:
        """The leader takes the news of a run in."""
        known = {"failure": Told(since=self.now, at=self.now)} if failing else {}
        return self.write(
            (self.keys.health(run.job_id), Health(last_run_id=run.run_id, told=known), 0),
            (self.keys.news(run.job_id, run.run_id), None, 0),
            *told,
        )

    def news(self, run: OpenRun, state: str) -> Put:
        news = News(
            run_id=run.run_id, job_id=run.job_id, state=RunState(state), at=self.now, tick=run.tick
        )
        return (self.keys.news(run.job_id, run.run_id), news, 0)

    def kill_order(self, run: OpenRun) -> Write:
        order = Kill(who="ann", at=self.now)
        return self.write((self.keys.kill(run.node, run.job_id, run.run_id), order, 0x77))[0]

    # what the nemesis did

    def fault(
        self, kind: Kind, target: str = "", lasts: float | None = 2.0, **detail: str
    ) -> Fault:
        ended = None if lasts is None else self.now + lasts
        fault = Fault(kind=kind, target=target, began=self.now, ended=ended, detail=detail)
        self.faults.append(fault)
        return fault

    def history(self, **end: Any) -> History:
        keys = {key: write.lease for key, write in self._standing.items()}
        leases = tuple({*keys.values(), *self.stray_leases} - {0})
        fields = {"at": self.now, "keys": keys, "leases": leases, "survivors": self.survivors}
        return History(
            setup=self.setup,
            ledger=list(self.ledger),
            faults=list(self.faults),
            writes=list(self.writes),
            end=EndState(**{**fields, **end}),
        )
