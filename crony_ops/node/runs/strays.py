"""Claims made later than we looked: a request without an answer may still be on its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.model.run import OpenRun

if TYPE_CHECKING:
    from crony_ops.store import Etcd

log = logging.getLogger(__name__)

SETTLED_AFTER = 10.0
"""Seconds after which a request that was given up is surely done or gone: twice its deadline."""


class Strays:
    """After a doubt, looks once more at what stands open under ``prefix``, when the doubt must have
    settled, and again until nothing is found. ``launch`` gets each run that was claimed before and
    is not among ``ours``: those under way, and those that have ended and whose end etcd has not
    heard of yet. What can't be read, the leader complains of."""

    def __init__(
        self,
        etcd: Etcd,
        prefix: str,
        group: asyncio.TaskGroup,
        launch: Callable[[OpenRun], None],
        ours: Callable[[], set[tuple[str, str]]],
    ) -> None:
        self._etcd = etcd
        self._prefix = prefix
        self._group = group
        self._launch = launch
        self._ours = ours
        self._search: asyncio.Task[None] | None = None
        self._doubts = 0

    def expect(self) -> None:
        self._doubts += 1
        if self._search is None or self._search.done():
            self._search = self._group.create_task(self._look())

    async def _look(self) -> None:
        while True:
            doubts = self._doubts
            await asyncio.sleep(SETTLED_AFTER)
            ours = self._ours()  # before the look: what ends meanwhile is known by then
            try:
                found = (await self._etcd.range(self._prefix)).entries
            except StoreError as error:
                log.info("strays can't be looked for yet: %s", error)
                continue
            strays = []
            for entry in found:
                run = OpenRun.read(entry.key, entry.value)
                before = time.time() - SETTLED_AFTER / 2
                if run and run.claimed_at < before and (run.job_id, run.run_id) not in ours:
                    strays.append(run)
            for run in strays:
                self._launch(run)
            if not strays and doubts == self._doubts:  # one that came meanwhile may settle later
                return
