"""One decision of the leader, as the transaction that carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.model.cluster import Alert
    from crony_ops.store import Txn


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction that compares what it was decided on, and the alert that it creates.

    The leader's own fence is not in it: that guards the batch that carries it. ``note`` goes into
    the log once the order is carried out.
    """

    txn: Txn
    alert: Alert | None = None
    note: str = ""
