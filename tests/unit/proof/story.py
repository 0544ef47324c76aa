"""Histories made by hand: what a sound cluster would have written, told step by step.

Each step is of the time ``now``; ``wait`` goes on. Every method does what the product does in one
request, and gives back what it wrote, so that a test can leave one thing out, or do it twice.
"""

from __future__ import annotations

from typing import Any

from crony_ops.model.cluster import Health, Leader
from crony_ops.model.job import Job
from crony_ops.model.node import Cordon, Node, Pause, node_uuid
from crony_ops.model.record import Record
from crony_ops.model.run import OpenRun, QueuedRun, RunKind, RunRecord, RunState, tick_run_id
from crony_ops.model.spec import Assignment, Cursor, Source, Spec
from crony_ops.store.endings import news_of
from crony_ops.store.keys import Keys
from tests.faults.proof.history import Act, EndState, Fault, History, Kind, NodeSetup, Setup, Write

T = 1_800_000_000
TTL = 3
Put = tuple[str, Record | bytes | None, int]


class Story:
    """Two nodes in the group web, the first of which offers the preset env, and two watchers.

    ``there``: what stands in etcd, by key.
    """

    def __init__(self) -> None:
        self.keys = Keys()
        self.now = T + 0.3
        self.writes: list[Write] = []
        self.ledger: list[Act] = []
        self.faults: list[Fault] = []
        self.leases: dict[str, int] = {}
        self.survivors: tuple[str, ...] = ()
        self.stray_leases: tuple[int, ...] = ()
        self.there: dict[str, Write] = {}
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
            before = self.there.get(key)
            previous = before.revision if before is not None else 0
            one = Write(revision, self.now, key, text, lease, previous)
            if text is not None:
                self.there[key] = one
            elif self.there.pop(key, None) is None:
                continue
            written.append(one)
        self.writes += written
        return written

    def last(self, key: str) -> Write:
        """The newest write of the key, be it a deletion."""
        return next(one for one in reversed(self.writes) if one.key == key)

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
        wanted = self.there[self.keys.spec(job_id)]
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

    def tidy(self, job_id: str, name: str, *more: Put) -> Write:
        """What is left of a removed job goes."""
        held, pause = self.keys.job(self.uuid(name), job_id), self.keys.pause(job_id)
        return self.write((held, None, 0), (pause, None, 0), *more)[0]

    def cordon(self, name: str) -> Write:
        order = Cordon(who="ann", at=self.now)
        return self.write((self.keys.cordon(self.uuid(name)), order, 0))[0]

    # runs

    def open_run(self, job_id: str, tick: int, name: str, **fields: Any) -> OpenRun:
        job = self.given(job_id).job if self.keys.spec(job_id) in self.there else None
        held = self.there.get(self.keys.job(self.uuid(name), job_id))
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
        """The leader hears of it at once, unless the story says itself what becomes of its news."""
        record, news = self.record(run, state, **fields), self.keys.news(run.job_id, run.run_id)
        stands = (self.keys.run(run.job_id, run.run_id), record, 0)
        closed: tuple[Put, ...] = (stands, (self.open_key(run), None, 0), *more)
        if state in ("succeeded", "skipped") or any(put[0] == news for put in more):
            return self.write(*closed)[0]
        return self.told((news, news_of(record), 0), *closed)

    def told(self, news: Put, *puts: Put) -> Write:
        """Something is put on record, and the leader takes the news of it in."""
        written = self.write(*puts, news)
        job_id, run_id = news[0].removeprefix(self.keys.all_news).split("/")
        health = (self.keys.health(job_id), Health(last_run_id=run_id), 0)
        self.write(health, (news[0], None, 0))
        return written[0]

    def begin(self, job_id: str, tick: int, name: str) -> OpenRun:
        """A tick from its claim to its start, both in time."""
        self.until(tick - T - 0.6)
        run = self.claim(job_id, tick, name)
        self.until(tick - T + 0.02)
        self.act("start", run, name)
        return run

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

    # what the nemesis did

    def fault(
        self, kind: Kind, target: str = "", lasts: float | None = 2.0, **detail: str
    ) -> Fault:
        ended = None if lasts is None else self.now + lasts
        fault = Fault(kind=kind, target=target, began=self.now, ended=ended, detail=detail)
        self.faults.append(fault)
        return fault

    def history(self, **end: Any) -> History:
        keys = {key: write.lease for key, write in self.there.items()}
        leases = tuple({*keys.values(), *self.stray_leases} - {0})
        fields = {"at": self.now, "keys": keys, "leases": leases, "survivors": self.survivors}
        return History(
            setup=self.setup,
            ledger=list(self.ledger),
            faults=list(self.faults),
            writes=list(self.writes),
            end=EndState(**{**fields, **end}),
        )
