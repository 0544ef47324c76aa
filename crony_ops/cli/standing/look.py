"""Looking at how all of it stands, once or again and again, over one connection."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from crony_ops.cli.standing.document import StatusDocument, member_trouble, status_document
from crony_ops.cli.view.cluster_view import ClusterView, read_cluster
from crony_ops.cli.view.drift import drift
from crony_ops.cli.view.expected import NOTHING_EXPECTED, Expected, expected_of
from crony_ops.errors import StoreUnavailable, first_cause

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys
    from crony_ops.store.member_status import MemberStatus
    from crony_ops.store.settings import EtcdSettings

_PATIENCE = 3.0
# Members that have lost their leader elect another, in a second or two where nothing is wrong.
_LOOKS = 3
# Two processes of git's: too much for every look, and a tree changes by hand.
_DRIFT_KNOWN_FOR = 15.0
# One that can't be read is a second of Ansible's each time.
_INVENTORY_KNOWN_FOR = 15.0


class NoQuorum(StoreUnavailable):
    """Members answer, but the store as a whole does not."""

    message = "etcd has no quorum: {standing}. Nothing can be claimed or changed until it has"


def hurried(settings: EtcdSettings) -> EtcdSettings:
    """For somebody who waits at a screen."""
    return settings.model_copy(update={"request_timeout": min(settings.request_timeout, _PATIENCE)})


class StatusLook:
    """``jobs`` is the folder that the last sync is compared with, ``inventory`` what the nodes
    are; None: they are not compared."""

    def __init__(
        self, etcd: Etcd, keys: Keys, jobs: Path | None, inventory: Path | None = None
    ) -> None:
        self._etcd = etcd
        self._keys = keys
        self._jobs = jobs
        self._inventory = inventory
        self._expected = NOTHING_EXPECTED
        self._expected_until = 0.0
        self._view: ClusterView | None = None
        self._drift: str | None = None
        self._drift_of: object = None
        self._drift_at = 0.0

    async def look(self) -> StatusDocument:
        """As of now. All is read anew only where something was written since the last look.

        Raises StoreError.
        """
        try:
            async with asyncio.TaskGroup() as group:
                members = group.create_task(self._etcd.members())
                expected = group.create_task(self._expect())
                view = await self._read_of(members)
                drifted = group.create_task(self._drifted(view))
        except ExceptionGroup as several:
            raise first_cause(several) from None
        return status_document(
            view, members.result(), drifted.result(), time.time(), expected.result()
        )

    async def _read_of(self, members: asyncio.Task[list[MemberStatus]]) -> ClusterView:
        """Again, while most of the members are up all the same. Raises StoreUnavailable."""
        for _ in range(_LOOKS - 1):
            try:
                return await self._read()
            except StoreUnavailable as error:
                _require_quorum(await members, error)
        return await self._read()

    async def _read(self) -> ClusterView:
        known = self._view
        if known is None or (await self._etcd.head())[1] != known.revision:
            self._view = known = await read_cluster(self._etcd, self._keys)
        return known

    async def _expect(self) -> Expected:
        if self._inventory is not None and time.monotonic() > self._expected_until:
            self._expected = await asyncio.to_thread(expected_of, self._inventory)
            self._expected_until = time.monotonic() + _INVENTORY_KNOWN_FOR
        return self._expected

    async def _drifted(self, view: ClusterView) -> str | None:
        if self._jobs is None:
            return None
        age = time.monotonic() - self._drift_at
        if self._drift_of != (view.sync,) or age > _DRIFT_KNOWN_FOR:
            self._drift = await drift(self._jobs, view.sync)
            self._drift_of, self._drift_at = (view.sync,), time.monotonic()
        return self._drift


def _require_quorum(members: list[MemberStatus], error: StoreUnavailable) -> None:
    """Raises NoQuorum where too few members answer, and ``error`` if none at all does: then it
    may be the network as well."""
    answering = [member.name for member in members if member.error is None]
    if not answering:
        raise error
    if len(answering) > len(members) // 2:
        return
    silent = [f"{member.name} ({member_trouble(member)})" for member in members if member.error]
    standing = (
        f"{len(answering)} of {len(members)} members answer: {', '.join(answering)}; "
        f"silent: {', '.join(silent)}"
    )
    raise NoQuorum(standing=standing) from None
