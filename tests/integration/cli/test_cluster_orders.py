"""`rebalance`, `drain`, `forget`, `restored` and `cursor reset` against a real etcd."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.cluster import Meta, Rebalance
from crony_ops.model.node import Cordon
from crony_ops.model.run import Kill, QueuedRun, tick_run_id
from crony_ops.model.spec import Cursor
from tests.integration.cli.example_fleet import assigned, node, put_all, spec
from tests.integration.cli.test_orders import appears

if TYPE_CHECKING:
    from crony_ops.store import Entry, Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine

pytestmark = pytest.mark.usefixtures("fleet")


async def tick(etcd: Etcd, key: str) -> int:
    entry = await etcd.get(key)
    assert entry is not None
    return Cursor.from_json(entry.value).tick


async def all_on_web_1(etcd: Etcd, keys: Keys, fleet: float) -> None:
    """Nothing keeps web-2 from taking jobs; four HTTP jobs are on web-1."""
    await etcd.delete(keys.cordon("u-web-2"))
    for number in range(4):
        one = spec(f"page-{number}", http={"url": "http://127.0.0.1/"})
        await put_all(
            etcd,
            {
                keys.spec(f"page-{number}"): one,
                keys.job("u-web-1", f"page-{number}"): assigned(one, fleet),
            },
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ("forget", "db-1"),
        ("restored",),
        ("cursor", "reset", "resting"),
        ("drain", "web-1", "--kill-after", "1m"),
    ],
)
async def test_a_script_has_to_say_yes_and_nothing_is_changed_until_it_does(
    crony_ops: CommandLine, etcd: Etcd, arguments: tuple[str, ...]
) -> None:
    _, before = await etcd.head()
    ended = await crony_ops(*arguments, status=2)
    assert "say --yes" in ended.err
    assert (await etcd.head())[1] == before


class TestRebalance:
    async def test_it_shows_the_moves_and_gives_the_order(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await all_on_web_1(etcd, keys, fleet)
        shown = json.loads((await crony_ops("rebalance", "--dry-run", "-o", "json")).out)
        assert shown["moves"] == [
            {"job": f"page-{n}", "source": "web-1", "target": "web-2", "waits": False}
            for n in range(3)
        ]
        assert shown["loads"] == [
            {"node": "web-1", "before": 7, "after": 4},
            {"node": "web-2", "before": 1, "after": 4},
        ]
        assert await etcd.get(keys.rebalance) is None
        assert "say --yes" in (await crony_ops("rebalance", status=2)).err
        assert await etcd.get(keys.rebalance) is None
        await crony_ops("rebalance", "--yes")
        entry = await etcd.get(keys.rebalance)
        assert entry is not None
        assert "@" in Rebalance.from_json(entry.value).who
        again = await crony_ops("rebalance", "--yes")
        assert "under way already" in again.err
        assert await etcd.get(keys.rebalance) == entry

    async def test_waiting_ends_when_the_order_is_gone_or_at_its_timeout(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await all_on_web_1(etcd, keys, fleet)
        late = await crony_ops("rebalance", "--yes", "--wait", "--timeout", "0s", status=1)
        assert "3 jobs are not moved yet: page-0, page-1, page-2" in late.err
        await etcd.delete(keys.rebalance)

        async def lead() -> None:
            await etcd.delete((await appears(etcd, keys.rebalance)).key)

        async with asyncio.TaskGroup() as group:
            group.create_task(lead())
            group.create_task(crony_ops("rebalance", "--yes", "--wait"))

    async def test_an_even_spread_is_no_order(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        assert "nothing to move" in (await crony_ops("rebalance")).out
        assert await etcd.get(keys.rebalance) is None


class TestDrain:
    async def test_it_says_what_leaves_what_waits_and_what_stays_and_why(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await all_on_web_1(etcd, keys, fleet)
        told = json.loads((await crony_ops("drain", "web-1", "--why", "x", "-o", "json")).out)
        assert told["leaving"] == [{"job": f"page-{n}", "waits": False} for n in range(4)]
        assert told["staying"][0] == {
            "job": "db-backup",
            "reason": "a shell job that names no preset stays with its node",
        }
        entry = await etcd.get(keys.cordon("u-web-1"))
        assert entry is not None
        order = Cordon.from_json(entry.value)
        assert (order.evict, order.why) == (True, "x")
        nodes = json.loads((await crony_ops("nodes", "-o", "json")).out)["nodes"]
        assert nodes[0]["state"] == "draining"
        assert "may have jobs again" in (await crony_ops("uncordon", "web-1")).out

    async def test_what_the_watcher_was_told_may_move_leaves_too(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        await etcd.delete(keys.cordon("u-web-2"))
        leader = await etcd.get(keys.leader)
        assert leader is not None
        told = json.loads(leader.value) | {"cmd_auto_allocation": True}
        await etcd.put(keys.leader, json.dumps(told).encode())
        document = json.loads((await crony_ops("drain", "web-1", "-o", "json")).out)
        assert {"job": "report", "waits": True} in document["leaving"]
        assert document["staying"] == []

    async def test_waiting_ends_when_all_have_left(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await all_on_web_1(etcd, keys, fleet)
        late = await crony_ops("drain", "web-1", "--wait", "--timeout", "0s", status=1)
        assert "4 jobs have not left web-1 yet: page-0" in late.err

        async def lead() -> None:
            for number in range(4):
                await etcd.delete(keys.job("u-web-1", f"page-{number}"))

        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(crony_ops("drain", "web-1", "--wait"))
            group.create_task(lead())
        assert "has given up what it can" in waiting.result().err

    async def test_at_its_limit_the_runs_that_hold_jobs_are_told_to_end(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await all_on_web_1(etcd, keys, fleet)
        run_id = "20261122T184500Z-s"
        opened = await etcd.get(keys.open("u-web-1", "report", run_id))
        assert opened is not None
        for number in range(2, 4):
            await etcd.delete(keys.job("u-web-1", f"page-{number}"))

        async def obey() -> Entry:
            # One after the other: runs of two jobs have one id where they are of one tick.
            for job_id in ("page-0", "page-1"):
                held = opened.value.replace(b"report", job_id.encode())
                await etcd.put(keys.open("u-web-1", job_id, run_id), held)
                told = await appears(etcd, keys.kill("u-web-1", job_id, run_id))
                await etcd.delete(keys.job("u-web-1", job_id))
            return told

        async with asyncio.TaskGroup() as group:
            obeying = group.create_task(obey())
            group.create_task(crony_ops("drain", "web-1", "--kill-after", "1s", "--yes"))
        assert Kill.from_json(obeying.result().value).why == "web-1 is drained"
        assert await etcd.get(keys.kill("u-web-1", "report", run_id)) is None

    async def test_a_drain_that_somebody_ends_is_not_waited_for(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await all_on_web_1(etcd, keys, fleet)

        async def meddle() -> None:
            await etcd.delete((await appears(etcd, keys.cordon("u-web-1"))).key)

        async with asyncio.TaskGroup() as group:
            group.create_task(meddle())
            waiting = group.create_task(crony_ops("drain", "web-1", "--wait", status=1))
        assert "not drained any more" in waiting.result().err

    async def test_a_lost_node_is_not_drained(self, crony_ops: CommandLine) -> None:
        assert "crony-ops forget" in (await crony_ops("drain", "db-1", status=1)).err


class TestForget:
    async def test_a_lost_node_leaves_roster_and_cordon(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await etcd.put(keys.cordon("u-db-1"), Cordon(who="ada", at=fleet).to_json())
        assert "1 jobs are released" in (await crony_ops("forget", "db-1", "--yes")).out
        assert await etcd.get(keys.roster("u-db-1")) is None
        assert await etcd.get(keys.cordon("u-db-1")) is None
        assert "no node 'db-1'" in (await crony_ops("forget", "db-1", "--yes", status=2)).err

    async def test_a_living_node_is_not_forgotten(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        assert "web-1 is up" in (await crony_ops("forget", "web-1", "--yes", status=2)).err
        assert await etcd.get(keys.roster("u-web-1")) is not None


class TestRestored:
    async def test_every_cursor_is_at_now_and_the_incarnation_is_another(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        ahead = int(time.time()) + 1_000
        lease = await etcd.grant(600)
        for number in range(300):
            await etcd.put(keys.cursor("every", f"n{number}"), Cursor(tick=5).to_json())
        await etcd.put(keys.cursor("gone"), Cursor(tick=5).to_json(), lease=lease)
        await etcd.put(keys.cursor("ahead"), Cursor(tick=ahead).to_json())
        await etcd.put(keys.cursor("broken"), b"\xff")
        await etcd.put(keys.once("report"), b"")
        before = int(time.time())
        said = (await crony_ops("restored", "--yes")).out
        assert "304 cursors are at now, 2 queued runs are dropped" in said
        entries = (await etcd.range(keys.cursors)).entries
        assert all(Cursor.from_json(entry.value).tick >= before for entry in entries)
        assert await tick(etcd, keys.cursor("ahead")) == ahead
        assert (await appears(etcd, keys.cursor("gone"))).lease == lease
        assert not (await etcd.range(keys.queue)).entries
        assert not (await etcd.range(keys.onces)).entries
        entry = await etcd.get(keys.meta)
        assert entry is not None
        meta = Meta.from_json(entry.value)
        assert meta.incarnation != "i1"
        assert meta.cluster == "prod"

    async def test_nodes_of_long_ago_are_no_reason_to_doubt_the_clock(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        for uuid in ("u-web-1", "u-web-2"):
            old = node(uuid, uuid[2:], fleet - 7_200)
            await etcd.put(keys.node(uuid), old.to_json())
        await crony_ops("restored", "--yes")

    async def test_with_a_clock_behind_the_nodes_nothing_is_done(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys, fleet: float
    ) -> None:
        await etcd.put(keys.node("u-web-1"), node("u-web-1", "web-1", fleet + 900).to_json())
        _, before = await etcd.head()
        assert "behind the nodes' clocks" in (await crony_ops("restored", "--yes", status=1)).err
        assert (await etcd.head())[1] == before

    async def test_where_no_key_space_is_none_is_made(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        await etcd.delete(keys.meta)
        assert "there is nothing" in (await crony_ops("restored", "--yes", status=1)).err
        assert await etcd.get(keys.meta) is None


class TestCursorReset:
    async def test_one_in_the_future_comes_back(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        await etcd.put(keys.cursor("report"), Cursor(tick=int(time.time()) + 90_000).to_json())
        before, given = int(time.time()), await etcd.get(keys.job("u-web-1", "report"))
        said = (await crony_ops("cursor", "reset", "report", "--yes")).out
        assert "1 d ahead, and comes back" in said
        # The owner, who waits for tomorrow, hears of it by its assignment.
        anew = await etcd.get(keys.job("u-web-1", "report"))
        assert given is not None
        assert anew is not None
        assert anew.value == given.value
        assert anew.mod_revision > given.mod_revision
        assert before <= await tick(etcd, keys.cursor("report")) <= time.time()

    async def test_what_it_had_queued_of_the_time_to_come_is_taken_back_with_it(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        now = int(time.time())
        ahead = now + 3_600
        await etcd.put(keys.cursor("report"), Cursor(tick=ahead).to_json())
        past = (await etcd.range(keys.queue_of("report"), keys_only=True)).entries
        assert past
        for due in range(ahead - 199, ahead + 1):
            queued = QueuedRun(run_id=tick_run_id(due), tick=due, reason="made up after a misfire")
            await etcd.put(keys.queued("report", queued.run_id), queued.to_json())
        said = (await crony_ops("cursor", "reset", "report", "--yes")).out
        assert "comes back with 200 queued runs" in said
        left = (await etcd.range(keys.queue_of("report"), keys_only=True)).entries
        assert [entry.key for entry in left] == [entry.key for entry in past]

    async def test_what_another_node_has_queued_of_a_job_on_every_node_stays(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        ahead = int(time.time()) + 50
        for name, further in (("web-1", 3_600), ("web-2", 0)):
            cursor = Cursor(tick=ahead + further)
            await etcd.put(keys.cursor("old-shell", f"u-{name}"), cursor.to_json())
            queued = QueuedRun(
                run_id=tick_run_id(ahead, name), tick=ahead, reason="made up", node=name
            )
            await etcd.put(keys.queued("old-shell", queued.run_id), queued.to_json())
        await crony_ops("cursor", "reset", "old-shell", "--yes")
        left = (await etcd.range(keys.queue_of("old-shell"), keys_only=True)).entries
        assert [entry.key for entry in left] == [
            keys.queued("old-shell", tick_run_id(ahead, "web-2"))
        ]

    async def test_one_that_is_behind_gives_its_ticks_up(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        before = int(time.time())
        said = (await crony_ops("cursor", "reset", "resting", "--yes")).out
        assert "1 tick given up" in said or "2 ticks given up" in said
        assert await tick(etcd, keys.cursor("resting")) >= before

    async def test_one_that_is_as_it_should_be_stays(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        claimed_ahead = int(time.time()) + 2
        await etcd.put(keys.cursor("resting"), Cursor(tick=claimed_ahead).to_json())
        said = (await crony_ops("cursor", "reset", "resting")).out
        assert "nothing to reset" in said
        assert await tick(etcd, keys.cursor("resting")) == claimed_ahead

    async def test_a_job_on_every_node_has_all_of_them_reset(
        self, crony_ops: CommandLine, etcd: Etcd, keys: Keys
    ) -> None:
        for name in ("u-web-1", "u-web-2"):
            cursor = Cursor(tick=int(time.time()) + 90_000)
            await etcd.put(keys.cursor("old-shell", name), cursor.to_json())
        await crony_ops("cursor", "reset", "old-shell", "--yes")
        for name in ("u-web-1", "u-web-2"):
            assert await tick(etcd, keys.cursor("old-shell", name)) <= time.time()

    async def test_a_misspelt_name_is_told(self, crony_ops: CommandLine) -> None:
        ended = await crony_ops("cursor", "reset", "repot", status=2)
        assert "nearest: report" in ended.err
