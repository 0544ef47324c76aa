"""Which changes of the key space are a reason to look again. Pure."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import TYPE_CHECKING

from crony_ops.model.node import Node

if TYPE_CHECKING:
    from crony_ops.store import Change
    from crony_ops.store.keys import Keys


class Interest(enum.Enum):
    """``NEWS``: only what the news say is to be taken in."""

    NONE = enum.auto()
    NEWS = enum.auto()
    LOOK = enum.auto()


def interest_in(change: Change, keys: Keys, held: Collection[str] | None) -> Interest:
    """``held``: the jobs that wait to leave their node until their run there has ended; None while
    that is being found out, and may be any.

    Renewals, cursors that move on, runs that come and go and what the leader notes about them are
    the system at work: they change nothing about where a job belongs.
    """
    key = change.key
    if key.startswith(keys.all_news):
        return Interest.NEWS if change.new is not None else Interest.NONE
    if key.startswith(keys.nodes) and only_renewed(change):
        return Interest.NONE
    if key.startswith(keys.cursors) and change.new is not None:
        return Interest.NONE
    if key.startswith((keys.healths, keys.alerts, keys.silences)):
        return Interest.NONE
    if key.startswith(keys.opens):
        _node, _, run = key.removeprefix(keys.opens).partition("/")
        job_id = run.partition("/")[0]
        waited_for = change.new is None and (held is None or job_id in held)
        return Interest.LOOK if waited_for else Interest.NONE
    return Interest.LOOK


def only_renewed(change: Change) -> bool:
    """Whether a node's record changed in nothing but the wall time of its last renewal."""
    if change.old is None or change.new is None:
        return False
    try:
        before, after = Node.from_json(change.old.value), Node.from_json(change.new.value)
    except ValueError:
        return False
    return same_but_renewal(before, after)


def same_but_renewal(before: Node, after: Node) -> bool:
    return before.model_copy(update={"renewed_at": after.renewed_at}) == after
