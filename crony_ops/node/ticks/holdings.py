"""Which jobs this node holds: as etcd assigns them and, for those that can't run elsewhere, as the
journal recalls them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from crony_ops import __version__
from crony_ops.errors import BadSchedule
from crony_ops.model.job import JOB_ID
from crony_ops.node.ticks.holding import Holding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.node.journal import Journal
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)


class Holdings:
    """``of``: each job's holding by its id. What means nothing to this version is not held."""

    def __init__(self, keys: Keys, uuid: str, journal: Journal) -> None:
        self._keys = keys
        self._uuid = uuid
        self._journal = journal
        self.of: dict[str, Holding] = {}

    def hold(self, job_id: str, key: str, value: bytes, revision: int) -> Holding | None:
        """Take what is assigned; an earlier assignment of the job gives way to it."""
        if JOB_ID.fullmatch(job_id) is None:
            log.error("%r is no job id: it is passed over", job_id)
            return None
        before = self.of.pop(job_id, None)
        try:
            holding = Holding.read(job_id, key, value, revision, self._keys, self._uuid)
        except (ValueError, BadSchedule) as error:
            log.error("job %s means nothing here: %s", job_id, error)
            return None
        if before is not None:
            holding.gained_at = before.gained_at
        self.of[job_id] = holding
        return holding

    def recall(self) -> None:
        """Jobs that can't run elsewhere stand in the journal: they need no etcd to begin with."""
        offline = self._journal.offline()
        for pinned in self._journal.pinned():
            if pinned.key != self._keys.job(self._uuid, pinned.job_id):
                self._journal.forget_pinned(pinned.job_id)  # this agent had another name then
                continue
            holding = self.hold(pinned.job_id, pinned.key, pinned.value, pinned.revision)
            if holding is not None:
                known, taken = pinned.cursor, offline.get(pinned.job_id, 0)
                holding.cursor = None if known is None else max(known, taken)
                holding.cursor_revision = pinned.cursor_revision

    def drop(self, job_id: str) -> None:
        self.of.pop(job_id, None)


def not_understood(fields: Sequence[str]) -> str:
    """Why a job is not run that asks for what this version doesn't know."""
    named = ", ".join(fields)
    return f"this agent ({__version__}) does not know what {named} means: upgrade it"
