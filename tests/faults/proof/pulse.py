"""The pulse of etcd: when a member was slow to answer, whatever the reason.

Nobody has to have inflicted it: a disk or a processor that others keep busy is enough. What came
late because of it is no fault of a daemon's, and nobody could tell without this witness.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.store import Etcd, EtcdSettings
from tests.faults.proof.history import Fault, Kind

if TYPE_CHECKING:
    from tests.faults.proof.cluster import ProofCluster
    from tests.faults.proof.nemesis.diary import Diary

SLOW = 0.5
"""Seconds. To answer a read that every member has to agree to takes milliseconds."""
_PAUSE = 0.2


async def feel_pulse(cluster: ProofCluster, member: str, diary: Diary) -> None:
    """Until cancelled. Past the links, so that it is the member, or the machine, that was slow."""
    async with Etcd(EtcdSettings(endpoints=(cluster.endpoint(member),))) as etcd:
        while True:
            began = time.time()
            with contextlib.suppress(StoreError):  # it took that long to be none
                await etcd.head()
            ended = time.time()
            if ended - began > SLOW:
                diary.faults.append(Fault(kind=Kind.stall, target=member, began=began, ended=ended))
            await asyncio.sleep(_PAUSE)
