"""The pulse of the machine: when an etcd member was slow to answer, and when a daemon had to wait
for a processor.

Nobody has to have inflicted it: a disk or a processor that others keep busy is enough. What came
late because of it is no fault of a daemon's, and nobody could tell without this witness.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.store import Etcd, EtcdSettings
from tests.faults.proof.company import ETCDS, NODES, WATCHERS
from tests.faults.proof.history import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.proof.cluster import ProofCluster
    from tests.faults.proof.nemesis.diary import Diary

SLOW = 0.5
"""Seconds. To answer a read that a majority has to agree to takes milliseconds."""
STARVED = 0.4
"""Of a second: so long a daemon was ready to run, and others had the processors."""
_PAUSE = 0.2


def pulses(
    cluster: ProofCluster, diary: Diary, group: asyncio.TaskGroup
) -> Iterator[asyncio.Task[None]]:
    """The tasks that feel them, each until cancelled."""
    for member in ETCDS:
        yield group.create_task(_feel_member(cluster, member, diary))
    for name in (*WATCHERS, *NODES):
        yield group.create_task(_feel_daemon(cluster, name, diary))


async def _feel_member(cluster: ProofCluster, member: str, diary: Diary) -> None:
    """Past the links, so that it is the member, or the machine, that was slow."""
    async with Etcd(EtcdSettings(endpoints=(cluster.endpoint(member),))) as etcd:
        while True:
            began = time.time()
            with contextlib.suppress(StoreError):  # it took that long to be none
                await etcd.head()
            ended = time.time()
            if ended - began > SLOW:
                diary.faults.append(Fault(kind=Kind.stall, target=member, began=began, ended=ended))
            await asyncio.sleep(_PAUSE)


async def _feel_daemon(cluster: ProofCluster, name: str, diary: Diary) -> None:
    """By the kernel's own account. A frozen process waits for no processor."""
    while True:
        pid = cluster.child(name).pid
        began, before = time.time(), _waited(pid)
        await asyncio.sleep(1.0)
        ended, after = time.time(), _waited(pid)
        if before is not None and after is not None and after - before > STARVED:
            diary.faults.append(Fault(kind=Kind.stall, target=name, began=began, ended=ended))


def _waited(pid: int) -> float | None:
    """Seconds that a process has waited for a processor; None if it is gone. See proc(5) and the
    kernel's scheduler/sched-stats."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return None
