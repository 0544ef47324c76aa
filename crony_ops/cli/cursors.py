"""A job's cursors as a command reads them, and whether this machine's clock may move any."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import span
from crony_ops.errors import CronyError
from crony_ops.model.node import Node
from crony_ops.model.spec import Cursor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry
    from crony_ops.store.keys import Keys

_NEWEST_RENEWAL_WITHIN = 60


class ClockError(CronyError):
    """Cursors are to be put at now: with a wrong clock that would forget ticks, or repeat some."""

    message = "nothing is done: this machine's clock is {off} {direction} the nodes' clocks"


async def cursors_of(etcd: Etcd, keys: Keys, job_id: str) -> list[Entry]:
    """The job's cursor, or those that it has on each node."""
    own = keys.cursor(job_id)
    entries = (await etcd.range(own)).entries
    return [entry for entry in entries if entry.key == own or entry.key.startswith(f"{own}/")]


def tick_of(cursor: Entry) -> int:
    """0 for one that can't be read: whatever it was, it is behind."""
    try:
        return Cursor.from_json(cursor.value).tick
    except ValueError:
        return 0


def clock_offset(now: float, nodes: Iterable[Node]) -> float:
    """How many seconds ``now`` is ahead of (behind: negative) what it can be, given that one of
    the living ``nodes`` has told its time a moment ago. 0 if all is well, or there is no node."""
    newest = max((node.renewed_at for node in nodes), default=now)
    return now - newest if not -5 <= now - newest <= _NEWEST_RENEWAL_WITHIN else 0.0


async def check_clock(etcd: Etcd, keys: Keys, *, nodes_may_be_old: bool = False) -> None:
    """Raises ClockError. ``nodes_may_be_old``: their records are of a time long gone."""
    off = clock_offset(time.time(), _readable((await etcd.range(keys.nodes)).entries))
    if off < 0 or (off > 0 and not nodes_may_be_old):
        raise ClockError(off=span(abs(off)), direction="ahead of" if off > 0 else "behind")


def _readable(entries: Iterable[Entry]) -> list[Node]:
    """A record that can't be read must not keep anybody from moving a cursor."""
    nodes = []
    for entry in entries:
        with contextlib.suppress(ValueError):
            nodes.append(Node.from_json(entry.value))
    return nodes
