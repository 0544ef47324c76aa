"""`crony-ops status` against a real etcd, and against one that has lost its quorum."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from crony_ops.cli.standing.look import StatusLook
from crony_ops.errors import StoreUnavailable
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.etcd_server import EtcdCluster, etcd_binaries, memory_folder
from tests.integration.cli.conftest import CommandLine
from tests.integration.cli.example_fleet import assigned, put_all, spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crony_ops.model.record import Record

# A busy machine leaves only this ratio steady: how long a person waits is for bench/start_up.py.
_LIBRARIES = "asyncio, croniter, etcd3.etcdrpc, grpc.aio, pydantic, rich.console, rich.table, typer"
_OVER_IMPORTS = 2.5


@pytest.fixture
def cluster() -> Iterator[EtcdCluster]:
    binaries = etcd_binaries()
    if not binaries:
        pytest.skip("no etcd at hand")
    cluster = EtcdCluster(next(iter(binaries.values())), memory_folder())
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.mark.usefixtures("fleet")
async def test_status_tells_of_every_part(crony_ops: CommandLine) -> None:
    out = (await crony_ops("status")).out
    for words in (
        "prod · etcd 1/1, leader",
        "w1 leads since 3 d · w2 stands by",
        "6 · 2 ok · 1 failing · 1 paused · 2 without a node · 1 running · next",
        "moved 1, failed 1",
        "3 in a row for 1 h",
        "no node that is up is in group etl",
        "node db-1 is lost",
    ):
        assert words in out
    assert "\x1b[" not in out


@pytest.mark.usefixtures("fleet")
async def test_json_and_yaml_are_the_same_document(crony_ops: CommandLine) -> None:
    as_json = json.loads((await crony_ops("status", "--output", "json")).out)
    as_yaml = yaml.safe_load((await crony_ops("status", "--output", "yaml")).out)
    assert as_json.keys() == as_yaml.keys()
    assert as_json["nodes"] == as_yaml["nodes"]
    assert as_json["jobs"]["unassigned"] == 2
    assert not as_json["healthy"]


@pytest.mark.usefixtures("fleet")
async def test_an_unhealthy_cluster_fails_only_who_asks(crony_ops: CommandLine) -> None:
    await crony_ops("status")
    await crony_ops("status", "--exit-code", status=3)


async def test_an_etcd_without_any_key_is_told_of(crony_ops: CommandLine) -> None:
    assert "none leads" in (await crony_ops("status")).out


async def test_an_etcd_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    nowhere = CommandLine(EtcdSettings(endpoints=("127.0.0.1:1",)), tmp_path)
    began = time.monotonic()
    ended = await nowhere("status", status=1)
    assert time.monotonic() - began < 8
    assert len(ended.err.splitlines()) == 1
    assert "can't be reached" in ended.err


async def test_a_look_that_fails_raises_what_went_wrong_and_no_group(tmp_path: Path) -> None:
    nowhere = EtcdSettings(endpoints=("127.0.0.1:1",), request_timeout=1)
    async with Etcd(nowhere) as etcd:
        look = StatusLook(etcd, Keys(nowhere.prefix), tmp_path)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await look.look()


async def test_a_lost_quorum_is_told_in_one_line_within_seconds(
    cluster: EtcdCluster, tmp_path: Path
) -> None:
    crony_ops = CommandLine(EtcdSettings(endpoints=cluster.endpoints), tmp_path)
    for server in cluster.servers[1:]:
        server.kill()
    began = time.monotonic()
    ended = await crony_ops("status", status=1)
    assert time.monotonic() - began < 8
    assert len(ended.err.splitlines()) == 1
    assert "Connection refused" in ended.err
    assert "etcd has no quorum: 1 of 3 members answer: " in ended.err


async def test_a_look_while_the_members_elect_a_leader_waits_for_it(
    cluster: EtcdCluster, tmp_path: Path
) -> None:
    # An election takes from one second to several: more than one reading has here.
    hasty = EtcdSettings(endpoints=cluster.endpoints, request_timeout=2)
    async with Etcd(hasty) as etcd:
        leader = next(member.name for member in await etcd.members() if member.is_leader)
        next(server for server in cluster.servers if server.name == leader).kill()
        document = await StatusLook(etcd, Keys(hasty.prefix), tmp_path).look()
    assert sum(member.error is None for member in document.etcd) == 2


async def test_a_member_that_is_down_makes_the_cluster_unhealthy(
    cluster: EtcdCluster, tmp_path: Path
) -> None:
    crony_ops = CommandLine(EtcdSettings(endpoints=cluster.endpoints), tmp_path)
    cluster.servers[2].kill()
    document = json.loads((await crony_ops("status", "-o", "json")).out)
    assert [member["error"] is None for member in document["etcd"]] == [True, True, False]
    assert any("etcd member" in problem for problem in document["problems"])


async def test_the_working_tree_is_compared_with_the_last_sync(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
) -> None:
    from crony_ops.model.cluster import SyncRecord

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=crony_ops.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    jobs = crony_ops.folder / "jobs"
    jobs.mkdir()
    (jobs / "a.yaml").write_text("jobs: {}\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "jobs")
    commit = git("rev-parse", "HEAD")
    record = SyncRecord(commit=commit, jobs=6, digest="d", generation=1, who="ci", at=fleet)
    await etcd.put(keys.sync, record.to_json())

    assert "the working tree agrees" in (await crony_ops("status")).out
    (jobs / "a.yaml").write_text("jobs: {} # edited\n")
    (jobs / "b.yaml").write_text("jobs: {}\n")
    assert "2 files in jobs changed since that commit" in (await crony_ops("status")).out


async def test_status_of_a_thousand_jobs_comes_at_once(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
) -> None:
    records: dict[str, Record] = {}
    for number in range(1_000):
        each = spec(f"job-{number}", f"{number % 60} {number % 24} * * *", line=number + 1)
        records[keys.spec(f"job-{number}")] = each
        records[keys.job("u-web-1", f"job-{number}")] = assigned(each, fleet)
    await put_all(etcd, records)
    took, worked, floor = [], [], []
    for _ in range(5):
        floor.append(_processor_time_of_imports())
        began, before = time.perf_counter(), _children()
        ended = await crony_ops("status")
        took.append(time.perf_counter() - began)
        worked.append(_children() - before)
        assert "1,006 · 1,002 ok" in ended.out
    print(  # noqa: T201
        f"status of 1,000 jobs: median {statistics.median(took):.2f} s; processor time "
        f"{min(worked):.2f} s, {min(worked) / min(floor):.2f} × its libraries' {min(floor):.2f} s"
    )
    assert min(worked) < _OVER_IMPORTS * min(floor)


def _processor_time_of_imports() -> float:
    before = _children()
    subprocess.run([sys.executable, "-c", f"import {_LIBRARIES}"], check=True)
    return _children() - before


def _children() -> float:
    """Processor seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
