"""For how long was a node awake? While it is frozen its agent ends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index


def longest_awake(index: Index, node: str, began: float, ended: float) -> float:
    """The longest time between two moments in which the node was not frozen (seconds)."""
    longest, awake_from = 0.0, began
    for sleep in index.sleeps_of.get(node, ()):
        if sleep.began >= ended:
            break
        longest = max(longest, sleep.began - awake_from)
        over = index.history.end.at if sleep.ended is None else sleep.ended
        awake_from = max(awake_from, over)
    return max(longest, ended - awake_from)
