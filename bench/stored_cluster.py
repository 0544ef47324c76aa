"""A cluster as etcd holds it when all is well: every job wanted, assigned and accounted for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from crony_ops.model.node import Node, Roster
from crony_ops.model.spec import Assignment, Cursor, Spec
from crony_ops.store import Batcher, Etcd, Txn, put

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys

_WAITING = 1_000


def fleet(nodes: int, now: float) -> dict[str, Node]:
    """So many nodes, all of group `db`, by uuid."""
    return {
        f"n{number}": Node(
            uuid=f"n{number}",
            name=f"node-{number}",
            groups=("db",),
            incarnation=number + 1,
            renewed_at=now,
        )
        for number in range(nodes)
    }


async def put_cluster(etcd: Etcd, keys: Keys, specs: Mapping[str, Spec], nodes: int) -> None:
    """The jobs in turn on the nodes; no lease holds any of it."""
    now = time.time()
    known = fleet(nodes, now)
    uuids = list(known)
    gate = asyncio.Semaphore(_WAITING)
    batcher = Batcher(etcd)
    sending = asyncio.create_task(batcher.run())

    async def submit(*ops: tuple[str, bytes]) -> None:
        try:
            await batcher.submit(Txn((), tuple(put(key, value) for key, value in ops)))
        finally:
            gate.release()

    async with asyncio.TaskGroup() as group:
        for uuid, node in known.items():
            await gate.acquire()
            roster = Roster(node=node, seen_at=now)
            group.create_task(
                submit((keys.node(uuid), node.to_json()), (keys.roster(uuid), roster.to_json()))
            )
        for number, (job_id, spec) in enumerate(specs.items()):
            await gate.acquire()
            given = Assignment(job=spec.job, sha256=spec.sha256, spec_revision=1, assigned_at=now)
            group.create_task(
                submit(
                    (keys.spec(job_id), spec.to_json()),
                    (keys.job(uuids[number % nodes], job_id), given.to_json()),
                    (keys.cursor(job_id), Cursor(tick=int(now)).to_json()),
                )
            )
    sending.cancel()
