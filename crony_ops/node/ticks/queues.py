"""What is queued for the jobs of this node: made-up ticks and re-runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.run import QueuedRun

if TYPE_CHECKING:
    from crony_ops.store import Change, Entry


class Queues:
    """The mirrored entries of the queue, by job and key."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Entry]] = {}

    def take(self, job_id: str, change: Change) -> None:
        queue = self._of.setdefault(job_id, {})
        if change.new is not None:
            queue[change.key] = change.new
            return
        queue.pop(change.key, None)
        if not queue:
            del self._of[job_id]

    def of(self, job_id: str, node: str) -> Iterator[tuple[QueuedRun, Entry]]:
        """What the node of that name may claim, oldest tick first. What can't be read is named in
        the log once, for this is asked at each tick, and is not there until it is written anew."""
        queue = self._of.get(job_id, {})
        for key, entry in sorted(queue.items()):
            queued = QueuedRun.read(key, entry.value)
            if queued is None:
                del queue[key]
            elif queued.node in ("", node):
                yield queued, entry
