"""What etcd tells this node: its jobs, and what is wanted of it; each change goes to whom it
concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.daemon.logs import about

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crony_ops.node.ticks.duty import Duty
    from crony_ops.node.ticks.holdings import Holdings
    from crony_ops.node.ticks.queues import Queues
    from crony_ops.store import Change, Mirror
    from crony_ops.store.keys import Keys


def watched(keys: Keys, uuid: str) -> tuple[str, ...]:
    """The prefixes of all that is of interest to the node."""
    return (
        *(keys.jobs_of(uuid), keys.onces, keys.queue, keys.pauses),
        *(keys.kills_on(uuid), keys.system_switch(uuid)),
    )


class Inbox:
    """``on_withdrawn`` is told the id of a job that this node holds no more, ``on_kill`` and
    ``on_switch`` that an order to kill, or the switch of the system info, has changed."""

    def __init__(
        self,
        keys: Keys,
        uuid: str,
        holdings: Holdings,
        queues: Queues,
        duty: Duty,
        *,
        on_withdrawn: Callable[[str], None],
        on_kill: Callable[[], None],
        on_switch: Callable[[], None],
    ) -> None:
        self._keys = keys
        self._uuid = uuid
        self._holdings = holdings
        self._queues = queues
        self._duty = duty
        self._on_withdrawn = on_withdrawn
        self._on_kill = on_kill
        self._on_switch = on_switch

    def take(self, changes: Sequence[Change]) -> None:
        keys, uuid = self._keys, self._uuid
        for change in changes:
            if change.key.startswith(keys.jobs_of(uuid)):
                self._assignment_changed(change)
            elif change.key.startswith(keys.kills_on(uuid)):
                self._on_kill()
            elif change.key == keys.system_switch(uuid):
                self._on_switch()
            else:
                self._job_changed(change)

    async def forget_withdrawn(self, mirror: Mirror) -> None:
        """Of what the journal recalled, drop what was taken from this node while it was away."""
        await mirror.synced()
        for job_id, holding in list(self._holdings.of.items()):
            if mirror.get(holding.key) is None:
                self._withdrawn(job_id)

    def _assignment_changed(self, change: Change) -> None:
        job_id = change.key[len(self._keys.jobs_of(self._uuid)) :]
        entry = change.new
        if entry is None:
            self._withdrawn(job_id)
            return
        with about(job=job_id):
            if self._holdings.hold(job_id, entry.key, entry.value, entry.mod_revision) is not None:
                self._duty.look_at(job_id)

    def _withdrawn(self, job_id: str) -> None:
        self._holdings.drop(job_id)
        self._on_withdrawn(job_id)

    def _job_changed(self, change: Change) -> None:
        keys = self._keys
        for prefix in (keys.onces, keys.queue, keys.pauses):
            if change.key.startswith(prefix):
                job_id = change.key[len(prefix) :].partition("/")[0]
                if prefix == keys.queue:
                    self._queues.take(job_id, change)
                holding = self._holdings.of.get(job_id)
                if holding is not None:
                    if prefix == keys.pauses and change.new is None:
                        holding.cursor = None
                    self._duty.look_at(job_id)
