"""A claim that is made when its tick was run without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crony_ops.model.job import Job
from crony_ops.model.run import OpenRun, RunRecord, RunState
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.history import History
from crony_ops.node.journal import Journal, Pinned
from crony_ops.node.report import Report
from crony_ops.node.reports import Reports
from crony_ops.node.ticks.claims import Claimant, claim_tick
from crony_ops.node.ticks.holding import Holding
from crony_ops.store import Batcher
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd, Txn
    from crony_ops.store.keys import Keys

NODE, TICK = "u", 1_800_000_000
RUN_ON = {"every": True}, {"node": "n"}


async def claim_in_doubt(
    etcd: Etcd, keys: Keys, journal: Journal, run_on: dict[str, object]
) -> tuple[Txn, OpenRun]:
    """Sent, not yet made; and its second has come, so the tick was taken without it."""
    lease = await etcd.grant(60)
    await etcd.put(keys.node(NODE), b"{}", lease=lease)
    job = Job.model_validate({"schedule": "* * * * * *", "shell": "true", "run_on": run_on})
    given = Assignment(job=job, sha256="s", spec_revision=1).to_json()
    key = keys.job(NODE, "j")
    revision = await etcd.put(key, given)
    holding = Holding.read("j", key, given, revision, keys, NODE)
    holding.cursor = TICK - 1
    at = await etcd.put(holding.cursor_key, Cursor(tick=holding.cursor).to_json())
    holding.cursor_revision = at
    claim, run = claim_tick(Claimant(keys, NODE, "n", lease), holding, TICK, TICK - 1.0)
    journal.remember_pinned(Pinned("j", key, given, revision, TICK - 1, at))
    journal.claim_offline("j", TICK, run_id=run.run_id, run=run.to_json())
    return claim, run


def end_of(run: OpenRun) -> Report:
    record = RunRecord.of_run(run, RunState.succeeded, node_name="n", ended_at=TICK + 1.0)
    return Report(record=record, offline=True)


@pytest.mark.parametrize("run_on", RUN_ON, ids=["everywhere", "pinned"])
@pytest.mark.parametrize("made", ["before its end is told", "after"])
async def test_what_was_run_without_it_is_not_left_open(
    etcd: Etcd, keys: Keys, tmp_path: Path, run_on: dict[str, object], made: str
) -> None:
    journal, batcher = Journal(tmp_path), Batcher(etcd)
    history = History(etcd, keys, journal, lambda: None)
    reports = Reports(etcd, batcher, keys, journal, history, keep=10, keep_each=3, spool_limit=1000)
    claim, run = await claim_in_doubt(etcd, keys, journal, run_on)
    async with running(batcher.run()):
        if made == "after":
            await reports.send(end_of(run))
            assert not (await etcd.txn(claim)).succeeded
        else:
            assert (await etcd.txn(claim)).succeeded
            await reports.send(end_of(run))
    assert await etcd.count(keys.opens) == 0
    (told,) = (await etcd.range(keys.runs_of("j"))).entries
    assert RunRecord.from_json(told.value).state is RunState.succeeded
    journal.close()
