"""`logs` against a real etcd, from a folder of a local cluster and from elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import yaml

from crony_ops.model.node import Roster
from crony_ops.model.run import Attempt, RunState
from crony_ops.store import Txn, delete, put
from tests.integration.cli.example_fleet import node, put_all
from tests.unit.cli.runs import a_run, under_way

if TYPE_CHECKING:
    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine

TICK = 1_795_372_200
FAILED = a_run(
    TICK,
    RunState.failed,
    3.0,
    reason="exit 3",
    attempts=(
        Attempt(number=1, started_at=TICK, ended_at=TICK + 1, exit_code=1, output="first\n"),
        Attempt(number=2, started_at=TICK + 2, ended_at=TICK + 3, exit_code=3, output="second"),
    ),
)
RUNNING = under_way(TICK + 60)
PLACE = (
    f"on node-1 in <state_dir>/runs/backup/{FAILED.run_id}.log "
    "(/var/lib/crony unless its agent is told otherwise)"
)


@pytest_asyncio.fixture(autouse=True)
async def one_failed(etcd: Etcd, keys: Keys) -> None:
    known = Roster(node=node("u1", "node-1", TICK), seen_at=TICK)
    await put_all(etcd, {keys.run("backup", FAILED.run_id): FAILED, keys.roster("u1"): known})


@pytest.fixture
def state_folder(crony_ops: CommandLine, store_settings: EtcdSettings) -> Path:
    """That of node-1 in a local cluster, as the command line finds it from its folder."""
    cluster = crony_ops.folder / ".crony"
    runs = cluster / "node-1" / "runs" / "backup"
    runs.mkdir(parents=True)
    port = int(store_settings.addresses[0].rpartition(":")[2])
    (cluster / "cluster.yaml").write_text(yaml.safe_dump({"etcd_ports": [port, 1]}))
    return cluster / "node-1"


async def test_elsewhere_the_kept_tails_are_printed_and_the_place_of_the_log(
    crony_ops: CommandLine,
) -> None:
    ended = await crony_ops("logs", "backup")
    assert ended.out == "first\nsecond\n"
    assert ended.err.splitlines() == [
        f"{FAILED.run_id}: backup failed on node-1 in 3.0 s: exit 3",
        "attempt 1 of 2: exit 1 after 1.0 s",
        "attempt 2 of 2: exit 3 after 1.0 s",
        f"these are the 12 bytes that etcd keeps; the log is {PLACE}: --full fetches it",
    ]
    document = json.loads((await crony_ops("logs", "backup", "-o", "json")).out)
    assert [attempt["output"] for attempt in document["attempts"]] == ["first\n", "second"]
    assert (document["log"]["node"], document["log"]["path"]) == ("node-1", None)
    assert document["output"] is None


async def test_one_attempt_may_be_asked_for(crony_ops: CommandLine) -> None:
    assert (await crony_ops("logs", "backup", "--attempt", "2")).out == "second\n"
    ended = await crony_ops("logs", "backup", "--attempt", "3", status=2)
    assert "has 2 attempts, none is 3" in ended.err


async def test_in_a_local_cluster_the_whole_log_is_printed(
    crony_ops: CommandLine, state_folder: Path
) -> None:
    log = state_folder / "runs" / "backup" / f"{FAILED.run_id}.log"
    log.write_text("the whole of first\nand of second\n")
    ended = await crony_ops("logs", "backup", "--run", "-1")
    assert ended.out == "the whole of first\nand of second\n"
    assert f"that is all of {log}" in ended.err
    document = json.loads((await crony_ops("logs", "backup", "-o", "json")).out)
    assert document["output"] == "the whole of first\nand of second\n"


async def test_a_log_that_is_trimmed_leaves_the_tails(
    crony_ops: CommandLine, state_folder: Path
) -> None:
    assert not list((state_folder / "runs" / "backup").iterdir())
    ended = await crony_ops("logs", "backup")
    assert ended.out == "first\nsecond\n"
    assert ended.err.endswith(f"{FAILED.run_id}.log, or was: it is not there\n")


async def test_a_run_under_way_is_followed_to_its_end(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, state_folder: Path
) -> None:
    await put_all(etcd, {keys.open("u1", "backup", RUNNING.run_id): RUNNING})
    log = state_folder / "runs" / "backup" / f"{RUNNING.run_id}.log"
    log.write_text("begun\n")
    assert "is under way on node-1" in (await crony_ops("logs", "backup")).err
    following = asyncio.create_task(crony_ops("logs", "backup", "--follow"))
    record = a_run(RUNNING.tick, took=5.0)
    with log.open("a") as file:
        file.write("done\n")
    then = (
        delete(keys.open("u1", "backup", RUNNING.run_id)),
        put(keys.run("backup", record.run_id), record.to_json()),
    )
    await etcd.txn(Txn(when=(), then=then))
    ended = await following
    assert ended.out == "begun\ndone\n"
    assert "backup succeeded on node-1 in 5.0 s" in ended.err


async def test_without_an_inventory_a_log_elsewhere_is_neither_followed_nor_fetched(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    await put_all(etcd, {keys.open("u1", "backup", RUNNING.run_id): RUNNING})
    ended = await crony_ops("logs", "backup", "--follow", status=2)
    assert "on node-1 in <state_dir>" in ended.err
    assert "no inventory says where that is: name it with --inventory" in ended.err
    assert "no inventory" in (await crony_ops("logs", "backup", "--full", status=2)).err
    assert "etcd has its output when it has ended" in (await crony_ops("logs", "backup")).err
