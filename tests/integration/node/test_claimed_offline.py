"""What a killed agent had claimed without etcd has an end, and one only."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from crony_ops.local.waiting import wait_until
from crony_ops.model.run import OpenRun, RunRecord, RunState, rerun_id, tick_run_id
from crony_ops.node.journal import Journal
from crony_ops.node.report import Report
from crony_ops.node.settings import NodeSettings
from tests.integration.node.an_agent import an_agent

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys

TICK = 1_800_000_000
RUN_ID = tick_run_id(TICK)


def left_in(state_dir: Path) -> int:
    """How many claims the journal has whose end is neither spooled nor told."""
    with closing(sqlite3.connect(f"file:{state_dir}/journal.db?mode=ro", uri=True)) as journal:
        return int(journal.execute("SELECT count(*) FROM offline_run").fetchone()[0])


def ended(run: OpenRun, state: RunState) -> RunRecord:
    return RunRecord.of_run(run, state, node_name="n", ended_at=TICK + 1.0)


async def test_a_run_that_was_claimed_and_never_began_is_lost_but_not_one_whose_end_is_known(
    etcd: Etcd, keys: Keys, store_settings: EtcdSettings, tmp_path: Path
) -> None:
    settings = NodeSettings(etcd=store_settings, name="n", state_dir=tmp_path)
    runs = {
        job_id: OpenRun(
            run_id=RUN_ID,
            job_id=job_id,
            tick=TICK,
            node=settings.identity,
            incarnation=0,
            on_node_loss_rerun=job_id != "report",
            bound=True,
        )
        for job_id in ("report", "rerun", "open", "spooled", "told")
    }
    journal = Journal(tmp_path)
    for job_id, run in runs.items():
        journal.claim_offline(job_id, TICK, run_id=RUN_ID, run=run.to_json())
    spooled = Report(record=ended(runs["spooled"], RunState.succeeded), offline=True)
    journal.spool(spooled.to_json(), job_id="spooled", run_id=RUN_ID, worth=spooled.worth)
    journal.close()
    # A claim without an answer was made after all; an end was told right before the agent died.
    await etcd.put(keys.open(settings.identity, "open", RUN_ID), runs["open"].to_json())
    told = ended(runs["told"], RunState.skipped).to_json()
    await etcd.put(keys.run("told", RUN_ID), told)

    async with an_agent(settings, etcd):

        async def each_has_an_end() -> bool:
            return len((await etcd.range(keys.runs)).entries) == len(runs)

        await wait_until(each_has_an_end, "each run has an end")
        await wait_until(lambda: left_in(tmp_path) == 0, "the journal waits for none any more")

    states = {
        job_id: json.loads(entry.value)["state"]
        for job_id in runs
        if (entry := await etcd.get(keys.run(job_id, RUN_ID))) is not None
    }
    assert states == {
        "report": "lost",
        "rerun": "lost",
        "open": "lost",
        "spooled": "succeeded",
        "told": "skipped",
    }
    again = {entry.key for entry in (await etcd.range(keys.queue)).entries}
    assert again == {keys.queued(job_id, rerun_id(TICK, 1)) for job_id in ("rerun", "open")}
    assert not (await etcd.range(keys.opens)).entries
    news = {entry.key for entry in (await etcd.range(keys.all_news)).entries}
    assert news == {keys.news(job_id, RUN_ID) for job_id in runs if job_id != "told"}
