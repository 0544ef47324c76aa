"""A fleet as it stands in etcd, put there by hand through the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.model.alert import Alert, Severity
from crony_ops.model.cluster import (
    Failover,
    Health,
    JobOutcome,
    Leader,
    Meta,
    Outcome,
    SyncRecord,
    Watcher,
)
from crony_ops.model.job import Job
from crony_ops.model.node import Cordon, Node, Pause, PresetFailure, Roster
from crony_ops.model.run import Attempt, OpenRun, QueuedRun, RunRecord, RunState
from crony_ops.model.spec import Assignment, Cursor, Source, Spec
from crony_ops.store.txn import Op, Txn, put

if TYPE_CHECKING:
    from crony_ops.model.record import Record
    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys

LOST_LIFE = 0x51


async def put_all(etcd: Etcd, records: dict[str, Record]) -> None:
    """In as few transactions as fit."""
    ops: list[Op] = [put(key, record.to_json()) for key, record in records.items()]
    for start in range(0, len(ops), 100):
        await etcd.txn(Txn(when=(), then=tuple(ops[start : start + 100])))


def spec(
    job_id: str,
    schedule: str = "30 2 * * *",
    line: int = 1,
    preset_sums: dict[str, str] | None = None,
    **fields: object,
) -> Spec:
    if "http" not in fields:
        fields.setdefault("shell", f"run {job_id}")
    job = Job.model_validate({"schedule": schedule, **fields})
    source = Source(file="jobs/all.yaml", line=line, commit="4f1c2e9" + "0" * 33)
    return Spec.of(job, source, preset_sums or {})


def assigned(of: Spec, now: float, moved_from: str = "") -> Assignment:
    return Assignment(
        job=of.job,
        preset_sums=of.preset_sums,
        sha256=of.sha256,
        spec_revision=1,
        assigned_at=now,
        moved_from=moved_from,
    )


def node(uuid: str, name: str, now: float, **fields: object) -> Node:
    known = {"incarnation": 7, "version": "0.3.0", "renewed_at": now - 1, "ip": "10.0.0.1"}
    return Node.model_validate({"uuid": uuid, "name": name, **known, **fields})


def example_fleet(keys: Keys, now: float) -> dict[str, Record]:
    """Two living nodes, one of them cordoned; a lost one with a stranded job; one job of each kind
    of trouble."""
    specs = {
        "db-backup": spec("db-backup", "30 2 * * *", 2, timezone="Asia/Shanghai"),
        "report": spec("report", "*/5 * * * *", 12),
        "warm-cache": spec("warm-cache", "@every 10s", 22, http={"url": "http://127.0.0.1/warm"}),
        "etl-nightly": spec(
            "etl-nightly",
            line=32,
            run_on={"group": "etl"},
            presets=["py-etl"],
            preset_sums={"py-etl": "9c1d" * 16},
        ),
        "old-shell": spec("old-shell", line=42),
        "resting": spec("resting", "0 5 * * *", 52),
    }
    web_1 = node(
        "u-web-1",
        "web-1",
        now,
        groups=("web",),
        presets={"pg-client": ("ab" * 32,), "py-etl": ("9c1d" * 16,)},
    )
    web_2 = node(
        "u-web-2",
        "web-2",
        now,
        groups=("web",),
        preset_failures={"py-etl": PresetFailure(reason="exit 1", at=now - 180)},
    )
    db_1 = node("u-db-1", "db-1", now - 240, groups=("db",))
    records: dict[str, Record] = {
        keys.meta: Meta(incarnation="i1", cluster="prod"),
        keys.leader: Leader(id="w1", since=now - 3 * 86_400),
        keys.watcher("w1"): Watcher(id="w1", host="a", pid=1, version="0.3.0", started_at=now - 9),
        keys.watcher("w2"): Watcher(id="w2", host="b", pid=1, version="0.3.0", started_at=now - 9),
        keys.sync: SyncRecord(
            commit="4f1c2e9" + "0" * 33,
            jobs=6,
            added=6,
            digest="d",
            generation=3,
            who="ci",
            at=now - 7_200,
        ),
        keys.node("u-web-1"): web_1,
        keys.node("u-web-2"): web_2,
        keys.roster("u-web-1"): Roster(node=web_1, seen_at=now - 1),
        keys.roster("u-web-2"): Roster(node=web_2, seen_at=now - 1),
        keys.roster("u-db-1"): Roster(node=db_1, seen_at=now - 240, lost_at=now - 230),
        keys.cordon("u-web-2"): Cordon(who="ada@ops", at=now - 60, why="new disk"),
        keys.failover("u-db-1", LOST_LIFE): Failover(
            node="u-db-1", node_name="db-1", incarnation=LOST_LIFE, started_at=now - 230
        ),
        keys.failover_job("u-db-1", LOST_LIFE, "warm-cache"): JobOutcome(
            job_id="warm-cache", outcome=Outcome.moved, to="u-web-2"
        ),
        keys.failover_job("u-db-1", LOST_LIFE, "old-shell"): JobOutcome(
            job_id="old-shell", outcome=Outcome.stranded
        ),
        keys.pause("resting"): Pause(who="bob@ops", at=now - 600, why="holidays"),
        keys.health("db-backup"): Health(
            consecutive_failures=3,
            failing_since=now - 3_600,
            last_state=RunState.failed,
            last_run_id="20261122T183000Z-s",
            last_at=now - 100,
            last_reason="exit 1: pg_dump: connection refused",
        ),
        keys.alert("a1"): Alert(
            id="a1",
            cause="node-lost",
            severity=Severity.critical,
            title="node db-1 is lost",
            message="db-1 is gone",
            at=now - 230,
            node="u-db-1",
        ),
        keys.open("u-web-1", "report", "20261122T184500Z-s"): OpenRun(
            run_id="20261122T184500Z-s",
            job_id="report",
            tick=1,
            node="u-web-1",
            incarnation=7,
            claimed_at=now - 3,
        ),
        keys.queued("report", "20261122T184000Z-r1"): QueuedRun(
            run_id="20261122T184000Z-r1", tick=1, reason="lost with db-1", rerun=1
        ),
        keys.run("report", "20261122T183500Z-s"): _run("20261122T183500Z-s", "report", now - 600),
        keys.run("report", "20261122T184000Z-s"): _run("20261122T184000Z-s", "report", now - 300),
        keys.cursor("report"): Cursor(tick=int(now) - 3),
        keys.cursor("resting"): Cursor(tick=int(now) - 90_000),
    }
    records |= {keys.spec(job_id): each for job_id, each in specs.items()}
    for job_id, holder in (
        ("db-backup", "u-web-1"),
        ("report", "u-web-1"),
        ("warm-cache", "u-web-2"),
        ("old-shell", "u-db-1"),
        ("resting", "u-web-1"),
    ):
        records[keys.job(holder, job_id)] = assigned(specs[job_id], now - 1_000)
    return records


def _run(run_id: str, job_id: str, at: float) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        job_id=job_id,
        tick=int(at),
        state=RunState.succeeded,
        node="u-web-1",
        node_name="web-1",
        started_at=at,
        ended_at=at + 2,
        attempts=(
            Attempt(
                number=1, started_at=at, ended_at=at + 2, exit_code=0, output=f"{run_id} is done\n"
            ),
        ),
    )
