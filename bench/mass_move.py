"""Ten thousand jobs of one node, moved to another when the node's lease has ended.

From the end of the lease to the last job's assignment. The floor: the same compares, deletions and
puts for each job, in transactions that were made beforehand, as many to a request and as many
requests under way as ours, through a bare gRPC stub, by nobody who leads or looks.

The nodes are simulated: what moves the jobs is the watcher.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.etcd_server import bare_stub, scratch
from bench.load import at_rest
from bench.row import Row, times
from bench.simulated_nodes import node_id, simulated_nodes
from bench.wishes import IDLE_JOB, assign
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.cluster import JobOutcome, Outcome
from crony_ops.model.node import Node
from crony_ops.store import Txn, absent, delete, exists, mod_is, put
from crony_ops.store.keys import Keys
from crony_ops.store.wire import txn_request

if TYPE_CHECKING:
    from etcd3.etcdrpc import rpc_pb2 as rpc

JOBS, ROUNDS = 10_000, 5
_TTL = 10
_IN_A_REQUEST, _IN_FLIGHT = 120, 8
_PATIENCE = 120.0


async def run() -> AsyncGenerator[Row, None]:
    ours, floor = [], []
    async with aclosing(moves(JOBS, ROUNDS)) as rounds:
        async for cluster, victim, taken in rounds:
            ours.append(taken)
            floor.append(await _bare(cluster, victim))
    yield Row("10,000 jobs of a lost node moved", tuple(ours), tuple(floor), times(2))


async def moves(jobs: int, rounds: int) -> AsyncGenerator[tuple[LocalCluster, int, float], None]:
    """One node after the other is lost with all the jobs. Each time the cluster, the number of the
    node, and the seconds until the next one had them."""
    ids = {f"job-{number:05}": IDLE_JOB for number in range(jobs)}
    overrides = {"watcher": {"ttl": _TTL}}
    with scratch() as folder, ExitStack() as nodes:
        async with LocalCluster(Path(folder), nodes=0, overrides=overrides) as cluster:
            nodes.enter_context(simulated_nodes(cluster, range(1), _TTL))
            await _registered(cluster, 0)
            await assign(cluster, ids, _PATIENCE)
            for victim in range(rounds):
                nodes.enter_context(simulated_nodes(cluster, range(victim + 1, victim + 2), _TTL))
                await _registered(cluster, victim + 1)
                [watcher] = cluster.watchers
                await at_rest(watcher.pid)
                yield cluster, victim, await _lose(cluster, victim, victim + 1, jobs)


async def _registered(cluster: LocalCluster, number: int) -> None:
    async def is_there() -> bool:
        return await cluster.store.get(cluster.keys.node(node_id(number))) is not None

    await cluster.wait_until(is_there, "the node is registered", _PATIENCE)


async def _lose(cluster: LocalCluster, victim: int, heir: int, jobs: int) -> float:
    entry = await cluster.store.get(cluster.keys.node(node_id(victim)))
    assert entry is not None
    began = time.perf_counter()
    await cluster.store.revoke(Node.from_json(entry.value).incarnation)

    async def all_have_moved() -> bool:
        return await cluster.store.count(cluster.keys.jobs_of(node_id(heir))) == jobs

    await cluster.wait_until(all_have_moved, "all have moved", _PATIENCE)
    return time.perf_counter() - began


async def _bare(cluster: LocalCluster, number: int) -> float:
    """The same moves, in a part of the key space that nobody looks at."""
    keys = Keys(f"/bare-{number}")
    moves = await _moves_to_make(cluster, keys)
    requests = [
        txn_request(Txn((), tuple(moves[start : start + _IN_A_REQUEST])))
        for start in range(0, len(moves), _IN_A_REQUEST)
    ]
    gate = asyncio.Semaphore(_IN_FLIGHT)
    async with bare_stub(cluster.store) as bare:

        async def send(request: rpc.TxnRequest) -> None:
            async with gate:
                answer = await bare.Txn(request)
            if not all(part.response_txn.succeeded for part in answer.responses):
                raise RuntimeError("a bare move was refused")

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for request in requests:
                group.create_task(send(request))
        return time.perf_counter() - began


async def _moves_to_make(cluster: LocalCluster, keys: Keys) -> list[Txn]:
    """Puts what they find under ``keys`` first."""
    store, source, target = cluster.store, "lost", "heir"
    values = [entry.value for entry in (await store.range(cluster.keys.jobs)).entries]
    ids = [f"job-{number:05}" for number in range(len(values))]
    failover = keys.failover(source, 1)
    puts = [put(keys.node(target), b"alive"), put(failover, b"open")]
    for job_id, value in zip(ids, values, strict=True):
        puts += [put(keys.spec(job_id), value), put(keys.job(source, job_id), value)]
    for start in range(0, len(puts), _IN_A_REQUEST):
        await store.txn(Txn((), tuple(puts[start : start + _IN_A_REQUEST])))
    specs = (await store.range(keys.specs)).entries
    given = (await store.range(keys.jobs_of(source))).entries
    return [
        Txn(
            (
                mod_is(spec.key, spec.mod_revision),
                mod_is(held.key, held.mod_revision),
                exists(keys.node(target)),
                absent(keys.job(target, job_id)),
                absent(keys.node(source)),
                exists(failover),
                absent(keys.failover_job(source, 1, job_id)),
            ),
            (
                delete(held.key),
                put(keys.failover_job(source, 1, job_id), _moved(job_id)),
                put(keys.job(target, job_id), held.value),
            ),
        )
        for job_id, spec, held in zip(ids, specs, given, strict=True)
    ]


def _moved(job_id: str) -> bytes:
    return JobOutcome(job_id=job_id, outcome=Outcome.moved, to="heir").to_json()
