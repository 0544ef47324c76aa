"""One decision of the leader, as the transaction that carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.store import Op
from crony_ops.store.txn import Action, Target

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

    @property
    def written(self) -> set[str]:
        """Keys that a mirror hears of: put, or deleted and surely there before."""
        compared = {c.key for c in self.txn.when if c.target is Target.MOD and c.operand}
        return {
            op.key
            for op in self.txn.then
            if isinstance(op, Op) and (op.action is Action.PUT or op.key in compared)
        }
