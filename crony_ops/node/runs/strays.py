"""Claims made later than we looked: a request without an answer may still be on its way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.model.run import OpenRun

if TYPE_CHECKING:
    from crony_ops.store import Etcd

log = logging.getLogger(__name__)

SETTLED_AFTER = 10.0
"""Seconds after which a request that was given up is surely done or gone: twice its deadline. Two
looks go by."""


class Strays:
    """After a doubt, looks at what stands open under ``prefix`` until the doubt must have settled,
    and on until all of it is known. ``launch`` gets each run that is not among ``ours`` in two
    looks on end: the answer to a claim that was just made comes between them. ``ours``: those under
    way, and those that have ended and whose end etcd has not heard of yet. What can't be read, the
    leader complains of. No clock is asked how old a claim is: it may have been put back since."""

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
        seen: set[tuple[str, str]] = set()
        looked_for = 0
        while True:
            doubts = self._doubts
            await asyncio.sleep(SETTLED_AFTER / 2)
            ours = self._ours()  # before the look: what ends meanwhile is known by then
            try:
                found = (await self._etcd.range(self._prefix)).entries
            except StoreError as error:
                log.info("strays can't be looked for yet: %s", error)
                continue
            runs = [run for entry in found if (run := OpenRun.read(entry.key, entry.value))]
            unknown = {(r.job_id, r.run_id): r for r in runs if (r.job_id, r.run_id) not in ours}
            for which in unknown.keys() & seen:
                self._launch(unknown[which])
            if not unknown and looked_for == doubts == self._doubts:
                return
            seen, looked_for = set(unknown), doubts
