"""One decision of the leader, as the transaction that carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crony_ops.store import put

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crony_ops.model.alert import Alert
    from crony_ops.store import Op, Txn
    from crony_ops.store.keys import Keys


class Move(StrEnum):
    """What an order does with a job: it gets its first node, goes to another one (off a node that
    lives, or that is lost), is changed where it is, or is left without a node."""

    placed = "placed"
    moved = "moved"
    failed_over = "failed_over"
    changed = "changed"
    withdrawn = "withdrawn"


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction that compares what it was decided on, and the alerts that it creates.

    The leader's own fence is not in it: that guards the batch that carries it. ``note`` goes into
    the log once the order is carried out, with ``job``, the one that it is about.
    """

    txn: Txn
    alerts: tuple[Alert, ...] = ()
    note: str = ""
    job: str = ""
    move: Move | None = None


def make_alerts(keys: Keys, alerts: Iterable[Alert]) -> list[Op]:
    """For the transaction that records what they tell of."""
    return [put(keys.alert(alert.id), alert.to_json()) for alert in alerts]
