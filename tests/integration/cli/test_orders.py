"""`run`, `pause`, `resume`, `cordon` and `uncordon` against a real etcd."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.node import Cordon, Pause
from crony_ops.model.run import Attempt, OpenRun, RunKind, RunRecord, RunState, once_run_id
from crony_ops.model.spec import Cursor
from crony_ops.store import Mirror, Txn, create_is, delete, put
from tests.integration.cli.committed_schemas import faults
from tests.integration.cli.example_fleet import put_all, spec

if TYPE_CHECKING:
    from crony_ops.store import Entry, Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine


async def appears(etcd: Etcd, key: str) -> Entry:
    put_there = asyncio.Event()
    mirror = Mirror(etcd, (key,), on_change=lambda _: put_there.set())
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        following = group.create_task(mirror.run())
        await put_there.wait()
        following.cancel()
    entry = mirror.get(key)
    assert entry is not None
    return entry


async def take_and_end(
    etcd: Etcd, keys: Keys, job_id: str, state: RunState, *, node_in_id: str = ""
) -> None:
    """What a node does with an order: claim it, and later end its run."""
    once = await appears(etcd, keys.once(job_id))
    run_id = once_run_id(time.time(), once.create_revision, node_in_id)
    opened = OpenRun(
        run_id=run_id,
        job_id=job_id,
        tick=int(time.time()),
        kind=RunKind.once,
        node="u-web-1",
        incarnation=7,
    )
    open_key = keys.open("u-web-1", job_id, run_id)
    claimed = await etcd.txn(
        Txn(
            when=(create_is(once.key, once.create_revision),),
            then=(delete(once.key), put(open_key, opened.to_json())),
        )
    )
    assert claimed.succeeded
    now = time.time()
    record = RunRecord(
        run_id=run_id,
        job_id=job_id,
        tick=opened.tick,
        state=state,
        kind=RunKind.once,
        node="u-web-1",
        node_name="web-1",
        started_at=now,
        ended_at=now + 1.5,
        reason="" if state is RunState.succeeded else "exit 3",
        attempts=(Attempt(number=1, started_at=now, ended_at=now + 1.5, output="hello there\n"),),
    )
    await etcd.txn(
        Txn(when=(), then=(delete(open_key), put(keys.run(job_id, run_id), record.to_json())))
    )


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("state", "node_in_id", "status"),
    [
        pytest.param(RunState.succeeded, "", 0, id="succeeded"),
        pytest.param(RunState.failed, "web-1", 1, id="failed, of an every-node job"),
    ],
)
async def test_a_run_that_is_waited_for_shows_its_output_and_end(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, state: RunState, node_in_id: str, status: int
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(etcd, keys, "report", state, node_in_id=node_in_id))
        waiting = group.create_task(crony_ops("run", "report", "--wait", status=status))
    ended = waiting.result()
    assert ended.out == "hello there\n"
    assert f"report {state.value} on web-1 in 1.5 s" in ended.err
    assert "attempt" not in ended.err


@pytest.mark.usefixtures("fleet")
async def test_machines_get_the_record_of_a_run_that_is_waited_for(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(etcd, keys, "report", RunState.failed))
        waiting = group.create_task(crony_ops("run", "report", "--wait", "-o", "json", status=1))
    document = json.loads(waiting.result().out)
    assert faults("run", "RunDocument", document) == []
    assert (document["job"], document["run"]["state"]) == ("report", "failed")
    assert document["run"]["attempts"][0]["output"] == "hello there\n"


@pytest.mark.usefixtures("fleet")
async def test_an_order_that_nobody_takes_is_told_when_it_lapses(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    async def lapse() -> None:
        entry = await appears(etcd, keys.once("report"))
        assert entry.value == b""
        await etcd.revoke(entry.lease)

    async with asyncio.TaskGroup() as group:
        group.create_task(lapse())
        waiting = group.create_task(crony_ops("run", "report", "--wait", status=1))
    assert "no node took it" in waiting.result().err


@pytest.mark.usefixtures("fleet")
async def test_a_patience_without_a_wait_is_refused_and_orders_nothing(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    ended = await crony_ops("run", "report", "--timeout", "1m", status=2)
    assert "--timeout says how long --wait waits" in ended.err
    ended = await crony_ops("run", "report", "-o", "json", status=2)
    assert "--output says how --wait tells the end" in ended.err
    assert await etcd.get(keys.once("report")) is None


@pytest.mark.usefixtures("fleet")
async def test_waiting_ends_at_its_timeout(crony_ops: CommandLine) -> None:
    ended = await crony_ops("run", "report", "--wait", "--timeout", "1s", status=1)
    assert "has not ended within 1 s" in ended.err


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("repot",), 2, "there is no job 'repot' (nearest: report"),
        (("old-shell",), 1, "it has no node: db-1 was lost"),
        (("report", "--on", "web-2"), 1, "web-2 does not hold it: web-1 does"),
        (("report", "--on", "web-9"), 2, "there is no node 'web-9'"),
    ],
)
async def test_an_order_that_cannot_be_met_is_refused_with_a_reason(
    crony_ops: CommandLine,
    etcd: Etcd,
    keys: Keys,
    arguments: tuple[str, ...],
    status: int,
    reason: str,
) -> None:
    ended = await crony_ops("run", *arguments, status=status)
    assert reason in ended.err
    assert (await etcd.range(keys.onces)).entries == []


@pytest.mark.usefixtures("fleet")
async def test_an_order_names_its_node_and_a_second_one_is_refused(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    await crony_ops("run", "resting", "--on", "web-1")
    entry = await etcd.get(keys.once("resting"))
    assert entry is not None
    assert entry.value == b"u-web-1"
    assert entry.lease
    ended = await crony_ops("run", "resting", status=1)
    assert "an order to run it waits already" in ended.err


@pytest.mark.usefixtures("fleet")
async def test_a_pause_is_put_once_and_names_who_did_it(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    await crony_ops("pause", "report", "--why", "new tables", "--for", "2h")
    entry = await etcd.get(keys.pause("report"))
    assert entry is not None
    order = Pause.from_json(entry.value)
    assert "@" in order.who
    assert order.why == "new tables"
    assert order.until is not None
    assert order.until - order.at == pytest.approx(7_200)
    assert "paused already" in (await crony_ops("pause", "report")).out
    assert await etcd.get(keys.pause("report")) == entry


@pytest.mark.usefixtures("fleet")
async def test_a_misspelt_name_pauses_nothing(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    await crony_ops("pause", "report", "db-bakup", status=2)
    assert await etcd.get(keys.pause("report")) is None


@pytest.mark.usefixtures("fleet")
async def test_resume_moves_every_cursor_up_to_now_and_none_back(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    ahead = int(time.time()) + 1_000
    await etcd.put(keys.cursor("resting", "u-web-1"), Cursor(tick=5).to_json())
    await etcd.put(keys.cursor("resting", "u-web-2"), Cursor(tick=ahead).to_json())
    await etcd.put(keys.cursor("resting-too"), Cursor(tick=5).to_json())
    before = int(time.time())
    await crony_ops("resume", "resting")
    assert await etcd.get(keys.pause("resting")) is None

    async def tick(key: str) -> int:
        entry = await etcd.get(key)
        assert entry is not None
        return Cursor.from_json(entry.value).tick

    assert await tick(keys.cursor("resting")) >= before
    assert await tick(keys.cursor("resting", "u-web-1")) >= before
    assert await tick(keys.cursor("resting", "u-web-2")) == ahead
    assert await tick(keys.cursor("resting-too")) == 5


@pytest.mark.usefixtures("fleet")
async def test_resume_moves_more_cursors_than_a_transaction_holds(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    for number in range(300):
        await etcd.put(keys.cursor("resting", f"n{number}"), Cursor(tick=5).to_json())
    before = int(time.time())
    await crony_ops("resume", "resting")
    entries = (await etcd.range(keys.cursor("resting"))).entries
    assert len(entries) == 301
    assert all(Cursor.from_json(entry.value).tick >= before for entry in entries)
    assert await etcd.get(keys.pause("resting")) is None


@pytest.mark.usefixtures("fleet")
async def test_a_resume_that_meets_a_changing_cursor_looks_again(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    async def meddle() -> None:
        while await etcd.get(keys.pause("resting")) is not None:
            await etcd.put(keys.cursor("resting"), Cursor(tick=5).to_json())
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as group:
        group.create_task(meddle())
        await crony_ops("resume", "resting")


@pytest.mark.usefixtures("fleet")
async def test_a_removed_job_cannot_be_resumed(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    removal = Pause(who="sync", at=time.time(), removal=True)
    await etcd.put(keys.pause("report"), removal.to_json())
    await etcd.delete(keys.spec("report"))
    ended = await crony_ops("resume", "report", status=2)
    assert "it left the job files" in ended.err
    assert await etcd.get(keys.pause("report")) is not None


@pytest.mark.usefixtures("fleet")
async def test_many_jobs_are_paused_in_few_requests_and_resumed(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    jobs = [f"many-{number:03}" for number in range(300)]
    await put_all(etcd, {keys.spec(job_id): spec(job_id) for job_id in jobs})
    await put_all(etcd, {keys.cursor(job_id): Cursor(tick=1) for job_id in jobs})
    _, before = await etcd.head()
    paused = await crony_ops("pause", *jobs)
    assert paused.out.splitlines() == [f"{job_id} is paused" for job_id in jobs]
    _, after = await etcd.head()
    resumed = await crony_ops("resume", *jobs)
    assert resumed.out.splitlines() == [f"{job_id} runs again" for job_id in jobs]
    cursors = (await etcd.range(keys.cursor("many-"))).entries
    assert len(cursors) == len(jobs)
    assert all(Cursor.from_json(entry.value).tick > 1 for entry in cursors)
    # A request that writes makes one revision.
    assert after - before < 20


@pytest.mark.usefixtures("fleet")
async def test_a_job_that_cannot_be_resumed_keeps_no_other_from_it(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    removal = Pause(who="sync", at=time.time(), removal=True)
    await etcd.put(keys.pause("report"), removal.to_json())
    ended = await crony_ops("resume", "report", "resting", status=2)
    assert "it left the job files" in ended.err
    assert "resting runs again" in ended.out
    assert await etcd.get(keys.pause("resting")) is None


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("name", ["web-1", "u-web-1"])
async def test_a_node_is_cordoned_and_uncordoned_by_name_or_uuid(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, name: str
) -> None:
    assert "it keeps its 3 jobs" in (await crony_ops("cordon", name, "--why", "new disk")).out
    entry = await etcd.get(keys.cordon("u-web-1"))
    assert entry is not None
    assert Cordon.from_json(entry.value).why == "new disk"
    nodes = json.loads((await crony_ops("nodes", "-o", "json")).out)["nodes"]
    assert nodes[0]["state"] == "cordoned"
    await crony_ops("uncordon", name)
    assert await etcd.get(keys.cordon("u-web-1")) is None
    assert "was not cordoned" in (await crony_ops("uncordon", name)).out


@pytest.mark.usefixtures("fleet")
async def test_an_unknown_node_is_not_cordoned(crony_ops: CommandLine) -> None:
    ended = await crony_ops("cordon", "web-12", status=2)
    assert "nearest: web-" in ended.err
