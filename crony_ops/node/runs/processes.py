"""The processes that run here, told to whoever looks: `/crony/proc/` keys on the agent's lease."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from crony_ops.errors import StoreError
from crony_ops.model.run import OpenRun, Proc
from crony_ops.node.runs.strays import SETTLED_AFTER

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

TOLD_AFTER = 0.3
"""Seconds that a process lives before it gets a key: most end sooner, and need none."""
BUSY = 0.05
"""Seconds by which a timer goes off late when the event loop has more to do than it can."""
MOST_TIMES = 10
"""A process that lives for so many times ``TOLD_AFTER`` is told of, however busy it is."""
COMMAND_LENGTH = 200


class Hooks(TypedDict):
    """What an execution calls when a process starts and ends."""

    on_process: Callable[[int, int, str], None]
    on_process_end: Callable[[int], None]


class ProcessKeys:
    """Best effort: a key that can't be put is no reason to disturb a run. But no process is told of
    for ever: a request without an answer may still be carried out, and is put right then."""

    def __init__(
        self, etcd: Etcd, keys: Keys, uuid: str, lease: Callable[[], int], group: asyncio.TaskGroup
    ) -> None:
        self._etcd = etcd
        self._keys = keys
        self._uuid = uuid
        self._lease = lease
        self._group = group
        self._living: dict[str, Proc] = {}
        self._pids: dict[tuple[str, str], int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._told: set[str] = set()
        self._doubtful: set[str] = set()
        self._mending: asyncio.Task[None] | None = None

    def hooks(self, run: OpenRun) -> Hooks:
        def key(pid: int) -> str:
            return self._keys.proc(self._uuid, run.job_id, pid)

        def started(pid: int, attempt: int, command: str) -> None:
            self._pids[run.job_id, run.run_id] = pid
            self._living[key(pid)] = Proc(
                run_id=run.run_id,
                started_at=time.time(),
                command=command[:COMMAND_LENGTH],
                attempt=attempt,
            )
            self._tell_later(key(pid))

        def ended(pid: int) -> None:
            self._timers.pop(key(pid)).cancel()
            self._living.pop(key(pid))
            self._pids.pop((run.job_id, run.run_id), None)
            if key(pid) in self._told:
                self._told.discard(key(pid))
                self._group.create_task(self._delete(key(pid)))

        return {"on_process": started, "on_process_end": ended}

    def pid_of(self, run: OpenRun) -> int | None:
        """Of the process that leads it right now; for an HTTP job a count of requests."""
        return self._pids.get((run.job_id, run.run_id))

    def tell_again(self) -> None:
        """After a registration: the keys went with the old lease, or wait for the first one."""
        for key in self._told & self._living.keys():
            self._tell(key)

    def _tell_later(self, key: str, times: int = MOST_TIMES) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + TOLD_AFTER
        self._timers[key] = loop.call_at(at, self._tell_unless_busy, key, at, times - 1)

    def _tell_unless_busy(self, key: str, at: float, times: int) -> None:
        """A loop that is late has not heard yet of what ended meanwhile. After a thousand starts at
        once each of them would be told of, and taken away again: most of what etcd had to do."""
        if times and asyncio.get_running_loop().time() - at > BUSY:
            self._tell_later(key, times)
        else:
            self._tell(key)

    def _tell(self, key: str) -> None:
        self._told.add(key)
        self._group.create_task(self._put(key, self._living[key]))

    async def _put(self, key: str, proc: Proc) -> None:
        lease = self._lease()
        if not lease:
            return  # before the first registration, which tells of it
        try:
            await self._etcd.put(key, proc.to_json(), lease=lease)
        except StoreError as error:
            log.info("%s is not told of: %s", key, error)
            self._doubt(key)
            return
        if key not in self._living:
            await self._delete(key)

    async def _delete(self, key: str) -> None:
        try:
            await self._etcd.delete(key)
        except StoreError as error:
            log.info("%s stays for now: %s", key, error)
            self._doubt(key)

    def _doubt(self, key: str) -> None:
        self._doubtful.add(key)
        if self._mending is None or self._mending.done():
            self._mending = self._group.create_task(self._mend())

    async def _mend(self) -> None:
        while self._doubtful:
            await asyncio.sleep(SETTLED_AFTER)
            doubtful, self._doubtful = self._doubtful, set()
            for key in doubtful:
                if (proc := self._living.get(key)) is not None:
                    await self._put(key, proc)
                else:
                    await self._delete(key)
