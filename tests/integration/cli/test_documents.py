"""What each verb prints with `-o json` is what its committed schema says, against a real etcd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import yaml

from crony_ops.cli.documents import DOCUMENTS
from crony_ops.model.run import RunRecord, RunState
from tests.integration.cli.committed_schemas import faults
from tests.integration.cli.example_fleet import put_all
from tests.unit.cli.runs import a_gap, a_run, under_way

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine

TICK = 1_795_372_200
JOBS = """\
jobs:
  report: {schedule: "*/7 * * * *", shell: run report, env: {TOKEN: hunter2}}
  new: {schedule: H 3 * * *, shell: "true", retries: {count: 2}, labels: {team: ops}}
  call:
    schedule: "@hourly"
    http: {url: "https://ada:hunter2@example.com/?token=x", headers: {Authorization: hunter2}}
"""
INVALID = "jobs: {a: {schedule: often, shell: x}, b: {schedule: '@daily', shel: x}}\n"
HERE_OR_THERE = {
    "standing.watch.NoStatus": "test_status_watch",  # wants an etcd that goes away
    "live.LiveDocument": "test_live",  # wants an agent
    "run.RunDocument": "test_orders",  # wants somebody who runs it
    "rollout.RolloutDocument": "test_rollout",  # wants playbooks and hosts
}
CASES = [
    ("standing.document.StatusDocument", "status", 0),
    ("view.job_rows.JobList", "jobs", 0),
    ("view.job_document.JobDocument", "jobs report", 0),
    ("view.job_document.JobDocument", "jobs db-backup", 0),
    ("view.job_document.JobDocument", "jobs etl-nightly", 0),
    ("view.job_document.JobDocument", "jobs resting", 0),
    ("view.job_document.JobDocument", "jobs warm-cache", 0),
    ("nodes.NodeList", "nodes", 0),
    ("nodes.NodeStory", "nodes web-1", 0),
    ("nodes.NodeStory", "nodes web-2", 0),
    ("nodes.NodeStory", "nodes db-1", 0),
    ("next.NextList", "next", 0),
    ("next.NextList", "next --files jobs/all.yaml", 0),
    ("ahead.heat_map.HeatMap", "next --days 2", 0),
    ("ahead.herd.HerdList", "next --herd", 0),
    ("history.HistoryDocument", "history report", 0),
    ("history.HistoryDocument", "history backup", 0),
    ("logs.LogsDocument", "logs report", 0),
    ("logs.LogsDocument", "logs report --run 184000Z-s", 0),
    ("logs.LogsDocument", "logs backup --run -1", 0),
    ("explain.Explanation", "explain report", 0),
    ("explain.Explanation", "explain etl-nightly --at 2h", 0),
    ("drain.DrainDocument", "drain web-1", 0),
    ("rebalance.RebalanceDocument", "rebalance --dry-run", 0),
    ("alerts.AlertList", "alerts", 0),
    ("silence.SilenceList", "silence list", 0),
    ("doctor.DoctorDocument", "doctor", 1),
    ("view.validate_document.ValidateDocument", "validate", 0),
    ("view.validate_document.ValidateDocument", "validate invalid", 2),
    ("sync.PlanDocument", "plan", 0),
    ("sync.SyncDocument", "sync --dry-run --force", 0),
    ("sync.SyncDocument", "sync --force", 0),
]


@pytest_asyncio.fixture
async def everything(fleet: float, etcd: Etcd, keys: Keys, crony_ops: CommandLine) -> None:
    """The fleet with runs that ended in every way, specs that can't be read, and job files that
    add, change and remove."""
    ended = [
        a_run(TICK + number * 60, state, reason=f"it {state}")
        for number, state in enumerate(RunState)
    ]
    records: dict[str, RunRecord] = {keys.run("backup", run.run_id): run for run in ended}
    gap = a_gap(TICK - 600, TICK - 300, 2, "nobody was there")
    running = under_way(int(fleet))
    await put_all(
        etcd,
        {
            **records,
            keys.run("backup", gap.run_id): gap,
            keys.open("u-web-1", "backup", running.run_id): running,
        },
    )
    for job_id in ("call", "broken"):  # one that stands in a file, and one that does not
        await etcd.put(keys.spec(job_id), b"{")
    await etcd.put(keys.once("report"), b"u-web-1")
    for name, text in (("jobs", JOBS), ("invalid", INVALID)):
        (crony_ops.folder / name).mkdir()
        (crony_ops.folder / name / "all.yaml").write_text(text)


def test_every_form_of_every_document_is_held() -> None:
    forms = {form for verb in DOCUMENTS.values() for form in verb}
    assert {form for form, _, _ in CASES} | HERE_OR_THERE.keys() == forms


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(("form", "line", "status"), CASES, ids=[line for _, line, _ in CASES])
async def test_what_is_printed_is_what_the_schema_says(
    crony_ops: CommandLine, form: str, line: str, status: int
) -> None:
    verb, *arguments = line.split()
    out = (await crony_ops(verb, *arguments, "-o", "json", status=status)).out
    assert faults(verb, form.rpartition(".")[2], json.loads(out)) == []
    assert "hunter2" not in out


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("form", "verb"), [("view.job_rows.JobList", "jobs"), ("sync.PlanDocument", "plan")]
)
async def test_what_is_printed_as_yaml_is_too(crony_ops: CommandLine, form: str, verb: str) -> None:
    out = (await crony_ops(verb, "-o", "yaml")).out
    assert faults(verb, form.rpartition(".")[2], yaml.safe_load(out)) == []


@pytest.mark.parametrize("line", ["jobs nobody", "nodes nobody", "history nobody", "plan"])
async def test_a_failure_is_a_line_on_stderr_and_no_document(
    crony_ops: CommandLine, line: str
) -> None:
    """Nothing stands in etcd, nor in the folder."""
    ended = await crony_ops(*line.split(), "-o", "json", status=2)
    assert ended.out == ""
    assert ended.err.splitlines()[-1].startswith("crony-ops: ")
