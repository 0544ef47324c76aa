"""Which logs of runs go: by age, and the oldest first while all together are too large. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = 86_400.0
_ROOM = 0.9


@dataclass(frozen=True, slots=True)
class Log:
    """``at``: unix seconds of its last line. ``size``: bytes on disk. ``unfinished``: its run's end
    is not told yet."""

    path: Path
    at: float
    size: int
    unfinished: bool


def to_remove(logs: Iterable[Log], now: float, days: float, total: int) -> list[Log]:
    """Those older than ``days``; and if the rest holds more than ``total`` bytes, the oldest until
    a tenth of that is free again, so that the next few runs don't ask for all this anew.

    Never one of an unfinished run, though its size counts.
    """
    removed: list[Log] = []
    kept: list[Log] = []
    for log in sorted(logs, key=lambda log: (log.at, log.path)):
        too_old = log.at < now - days * DAY and not log.unfinished
        (removed if too_old else kept).append(log)
    size = sum(log.size for log in kept)
    if size <= total:
        return removed
    for log in kept:
        if size <= total * _ROOM:
            break
        if not log.unfinished:
            removed.append(log)
            size -= log.size
    return removed
