"""What a certificate lets its owner do in etcd, and what it does not: tried."""

from __future__ import annotations

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from crony_ops.errors import StoreRefused, StoreUnavailable
from crony_ops.fleet.access import Action, plan
from crony_ops.fleet.granting import grant, look
from crony_ops.store import Etcd, Txn, auth, delete, exists, get, put, value_is
from crony_ops.store.permission import Permission, Right
from crony_ops.store.watch import WatchBroken

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from tests.integration.fleet.guarded import Guarded

Attempt = Callable[[Etcd, "Keys", str], Awaitable[object]]

WRITES: dict[str, Callable[[Keys, str], str]] = {
    "its own jobs": lambda keys, me: keys.job(me, "j"),
    "another's jobs": lambda keys, _: keys.job("other", "j"),
    "another node": lambda keys, _: keys.node("other"),
    "another's processes": lambda keys, _: keys.proc("other", "j", 1),
    "another's open runs": lambda keys, _: keys.open("other", "j", "r"),
    "another's orders to kill": lambda keys, _: keys.kill("other", "j", "r"),
    "another's switch": lambda keys, _: keys.system_switch("other"),
    "another's system info": lambda keys, _: keys.system_info("other"),
    "its own switch": lambda keys, me: keys.system_switch(me),
    "a spec": lambda keys, _: keys.spec("j"),
    "the leader": lambda keys, _: keys.leader,
    "a watcher": lambda keys, _: keys.watcher("w1"),
    "a pause": lambda keys, _: keys.pause("j"),
    "a cordon": lambda keys, _: keys.cordon("other"),
    "the roster": lambda keys, _: keys.roster("other"),
    "the health": lambda keys, _: keys.health("j"),
    "an alert": lambda keys, _: keys.alert("a"),
    "a failover": lambda keys, _: keys.failover("other", 1),
    "the rebalance": lambda keys, _: keys.rebalance,
    "the sync": lambda keys, _: keys.sync,
    "the lock of the sync": lambda keys, _: keys.sync_lock,
    "the meta key": lambda keys, _: keys.meta,
    "what is not Crony's": lambda _keys, _: "/elsewhere",
}

READS: dict[str, Callable[[Keys, str], str]] = {
    **{what: key for what, key in WRITES.items() if what.startswith(("another", "a ", "the r"))},
    "the leader": WRITES["the leader"],
    "its own processes": lambda keys, me: keys.proc(me, "j", 1),
    "a run's news": lambda keys, _: keys.news("j", "r"),
}
del READS["a pause"]


@pytest.fixture
def me(guarded: Guarded) -> str:
    return guarded.uuid("h1")


async def refused(attempt: Awaitable[object]) -> None:
    with pytest.raises(StoreRefused, match=r"^etcd refused: permission denied$"):
        await attempt


async def test_a_node_writes_nothing_that_is_not_its_own(guarded: Guarded, me: str) -> None:
    async with guarded.client("node-h1") as node, guarded.client("operator") as operator:
        for key_of in WRITES.values():
            key = key_of(guarded.keys, me).replace("other", guarded.uuid("h2"))
            await refused(node.put(key, b"evil"))
            await refused(node.delete(key))
            await refused(node.txn(Txn((), (put(key, b"evil"),))))
            await refused(node.txn(Txn((), (), (delete(key),))))
            if key.startswith("/crony/"):
                assert await operator.get(key) is None


async def test_a_node_reads_nothing_of_others(guarded: Guarded, me: str) -> None:
    async with guarded.client("node-h1") as node, guarded.client("operator") as operator:
        for key_of in READS.values():
            key = key_of(guarded.keys, me).replace("other", guarded.uuid("h2"))
            await operator.put(key, b"secret")
            await refused(node.get(key))
            await refused(node.txn(Txn((), (get(key),))))
            await refused(node.txn(Txn((exists(key),), ())))
            await refused(node.txn(Txn((value_is(key, b"guessed"),), ())))
        keys = guarded.keys
        for prefix in (keys.everything, keys.jobs, keys.nodes, keys.specs, keys.opens, "/", ""):
            if prefix:
                await refused(node.range(prefix))
                await refused(node.count(prefix))


async def test_a_node_watches_nothing_of_others(guarded: Guarded) -> None:
    other = guarded.keys.jobs_of(guarded.uuid("h2"))
    async with guarded.client("node-h1") as node:
        cluster_id, revision = await node.head()
        for prefix in (other, guarded.keys.jobs, guarded.keys.everything):
            with pytest.raises(WatchBroken, match="permission denied"):
                await node.watch(
                    {prefix: revision + 1}, lambda _: None, cluster_id=cluster_id, silence=3
                )


async def test_a_node_reads_its_jobs_and_tells_of_its_runs(guarded: Guarded, me: str) -> None:
    keys = guarded.keys
    async with guarded.client("node-h1") as node, guarded.client("operator") as operator:
        lease = await node.grant(30)
        await node.put(keys.node(me), b"{}", lease=lease)
        await node.put(keys.proc(me, "j", 1), b"{}", lease=lease)
        await operator.put(keys.job(me, "j"), b"mine")
        assert [entry.value for entry in (await node.range(keys.jobs_of(me))).entries] == [b"mine"]
        for key in (keys.cursor("j"), keys.run("j", "r"), keys.news("j", "r"), keys.once("j")):
            await node.put(key, b"{}")
            await node.delete(key)
        await node.revoke(lease)
        assert await operator.get(keys.node(me)) is None


async def test_a_node_leaves_the_leases_of_others_alone(guarded: Guarded, me: str) -> None:
    keys = guarded.keys
    async with guarded.client("node-h1") as node, guarded.client("watcher-w1") as watcher:
        lease = await watcher.grant(30)
        await watcher.put(keys.leader, b"{}", lease=lease)
        await refused(node.revoke(lease))
        await refused(node.put(keys.node(me), b"{}", lease=lease))
        assert await watcher.get(keys.leader) is not None


async def test_only_root_changes_rights(guarded: Guarded) -> None:
    everything = Permission.under(Right.readwrite, "/")
    for user in ("node-h1", "watcher-w1", "operator"):
        async with guarded.client(user) as client:
            await refused(auth.permit(client, user, everything))
            await refused(auth.give_role(client, user, "root"))
            await refused(auth.add_user(client, "mallory"))


async def test_watchers_and_operators_touch_their_prefix_and_nothing_else(
    guarded: Guarded,
) -> None:
    for user in ("watcher-w1", "operator"):
        async with guarded.client(user) as client:
            await client.put(guarded.keys.leader, b"{}")
            assert (await client.range(guarded.keys.everything)).entries
            await refused(client.put("/elsewhere", b""))
            await refused(client.get(guarded.keys.root))


async def test_a_certificate_that_is_no_users_is_good_for_nothing(guarded: Guarded) -> None:
    async with guarded.client("stranger") as stranger:
        await refused(stranger.get(guarded.keys.meta))
        await refused(stranger.put(guarded.keys.meta, b""))


async def test_a_client_without_a_certificate_is_not_let_in(guarded: Guarded) -> None:
    without = {"cert_file": None, "key_file": None, "request_timeout": 1.0}
    async with Etcd(guarded.settings("operator").model_copy(update=without)) as client:
        with pytest.raises(StoreUnavailable):
            await client.get(guarded.keys.meta)
    context = ssl.create_default_context(cafile=str(guarded.pki / "ca.pem"))
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(
            urllib.request.urlopen, f"{guarded.server.endpoint}/version", context=context, timeout=5
        )


async def test_a_user_that_was_taken_away_is_refused_from_then_on(guarded: Guarded) -> None:
    left = {name: what for name, what in guarded.access.items() if name != "node-h2"}
    async with guarded.client("node-h2") as gone, guarded.client("root") as root:
        await gone.get(guarded.keys.meta)
        steps = await grant(root, left, ["node-h2"])
        assert [step.action for step in steps] == [Action.delete_user, Action.delete_role]
        await refused(gone.get(guarded.keys.meta))
        assert await grant(root, left, ["node-h2"]) == []


async def test_rights_that_somebody_has_changed_are_put_right(guarded: Guarded) -> None:
    async with guarded.client("root") as root:
        assert await grant(root, guarded.access, []) == []
        keys, me = guarded.keys, guarded.uuid("h1")
        too_much = Permission.under(Right.readwrite, keys.everything)
        await auth.permit(root, "node-h1", too_much)
        await auth.permit(root, "node-h1", Permission.under(Right.readwrite, keys.jobs_of(me)))
        await auth.forbid(root, "node-h2", Permission.under(Right.readwrite, keys.runs))
        await auth.give_role(root, "node-h2", "operator")
        await auth.take_role(root, "watcher-w1", "watcher-w1")
        stored = await look(root, guarded.access)
        assert await grant(root, guarded.access, []) == plan(guarded.access, [], stored) != []
        assert plan(guarded.access, [], await look(root, guarded.access)) == []
    async with guarded.client("node-h1") as node:
        await refused(node.put(keys.job(me, "j"), b""))


async def test_nobody_is_refused_while_rights_are_changed(guarded: Guarded) -> None:
    """A request that was under way meanwhile is sent again."""
    done = asyncio.Event()

    async def work() -> int:
        count = 0
        async with guarded.client("node-h1") as node:
            while not done.is_set():
                await asyncio.gather(
                    *(node.put(guarded.keys.once(f"job-{n}"), b"") for n in range(8)),
                    *(node.range(guarded.keys.onces) for _ in range(8)),
                )
                count += 1
        return count

    async def change() -> None:
        async with guarded.client("root") as root:
            for number in range(60):
                on = Permission.on(Right.read, f"/elsewhere/{number}")
                await auth.permit(root, "operator", on)
        done.set()

    async with asyncio.TaskGroup() as group:
        worked = group.create_task(work())
        group.create_task(change())
    assert worked.result()
