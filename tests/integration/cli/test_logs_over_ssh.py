"""`logs --full` and `--follow` of a run on a host of the inventory, over a real sshd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import pytest_asyncio
import yaml

from crony_ops.local.waiting import wait_until
from crony_ops.model.node import Roster
from crony_ops.model.run import Attempt
from crony_ops.store import Txn, delete, put
from tests.integration.cli.example_fleet import node, put_all
from tests.unit.cli.runs import a_run, under_way

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine
    from tests.sshd import Sshd

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a log is root's to read")
TICK = 1_795_372_200
ENDED = a_run(
    TICK,
    took=3.0,
    attempts=(Attempt(number=1, started_at=TICK, ended_at=TICK + 3, exit_code=0, output="tail\n"),),
)
RUNNING = under_way(TICK + 60)


@pytest_asyncio.fixture(autouse=True)
async def runs(etcd: Etcd, keys: Keys) -> None:
    known = Roster(node=node("u1", "node-1", TICK), seen_at=TICK)
    await put_all(etcd, {keys.run("backup", ENDED.run_id): ENDED, keys.roster("u1"): known})


@pytest.fixture
def hosts(sshd: Sshd, tmp_path: Path) -> Path:
    """An inventory in which node-1 is here."""
    own = {
        **sshd.variables("StrictHostKeyChecking=no"),
        "crony_node_settings": {"state_dir": str(tmp_path / "state")},
    }
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"nodes": {"hosts": {"node-1": own}}}))
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Where they stand on that host."""
    folder = tmp_path / "state" / "runs" / "backup"
    folder.mkdir(parents=True)
    return folder


def read_there(run_id: str) -> bool:
    """That host is this machine."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if words[-1:] == ["follow"] and run_id in words[-2]:
                return True
    return False


async def test_all_of_it_is_fetched(crony_ops: CommandLine, hosts: Path, logs: Path) -> None:
    whole = "".join(f"line {number} of a long log, ünd so on\n" for number in range(20_000))
    (logs / f"{ENDED.run_id}.log").write_text(whole)
    asked = ("logs", "backup", "--full", "--inventory", str(hosts))
    ended = await crony_ops(*asked)
    assert ended.out == whole
    last = ended.err.splitlines()[-1]
    assert last == (
        f"that is all of node-1:{logs}/{ENDED.run_id}.log: {len(whole.encode()):,} bytes"
    )
    document = json.loads((await crony_ops(*asked, "-o", "json")).out)
    assert document["output"] == whole
    assert document["log"]["path"] is None


async def test_a_log_that_is_gone_is_told_in_a_line(
    crony_ops: CommandLine, hosts: Path, logs: Path
) -> None:
    ended = await crony_ops("logs", "backup", "--full", "--inventory", str(hosts), status=1)
    assert ended.err.splitlines()[-1] == (
        f"crony-ops: node-1: {logs}/{ENDED.run_id}.log is not there (any more)"
    )


async def test_a_run_is_followed_to_its_end_and_its_exit_status(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, hosts: Path, logs: Path
) -> None:
    await put_all(etcd, {keys.open("u1", "backup", RUNNING.run_id): RUNNING})
    log = logs / f"{RUNNING.run_id}.log"
    log.write_text("begun\n")
    asked = ("logs", "backup", "--follow", "--inventory", str(hosts))
    following = asyncio.create_task(crony_ops(*asked))
    record = a_run(RUNNING.tick, took=5.0, attempts=ENDED.attempts)
    with log.open("a") as file:
        file.write("done\n")
    then = (
        delete(keys.open("u1", "backup", RUNNING.run_id)),
        put(keys.run("backup", record.run_id), record.to_json()),
    )
    await wait_until(lambda: read_there(RUNNING.run_id), "the log is read on its host")
    await etcd.txn(Txn(when=(), then=then))
    ended = await following
    assert ended.out == "begun\ndone\n"
    assert ended.err.endswith("backup succeeded on node-1 in 5.0 s: exit 0\n")


async def test_a_host_is_taken_from_the_inventory_and_never_from_etcd(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, hosts: Path
) -> None:
    strange = ENDED.model_copy(update={"node_name": "127.0.0.1"})
    await put_all(etcd, {keys.run("backup", ENDED.run_id): strange})
    ended = await crony_ops("logs", "backup", "--full", "--inventory", str(hosts), status=2)
    assert f"that is no host of {hosts}" in ended.err


@pytest.mark.parametrize("run_id", ["../../../etc/shadow", "x; reboot"])
async def test_an_id_that_is_none_names_no_file(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, hosts: Path, run_id: str
) -> None:
    strange = ENDED.model_copy(update={"run_id": run_id})
    await put_all(etcd, {keys.run("backup", ENDED.run_id): strange})
    ended = await crony_ops("logs", "backup", "--full", "--inventory", str(hosts), status=2)
    assert "there is no log of" in ended.err
