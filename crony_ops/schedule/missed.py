"""What becomes of the ticks that have come due since the cursor: made up, or recorded as a gap."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from math import ceil, floor
from typing import TYPE_CHECKING, Literal, assert_never

if TYPE_CHECKING:
    from crony_ops.schedule.timetable import Schedule


@dataclass(frozen=True, slots=True)
class Gap:
    """``count`` ticks that are not made up; ``first`` and ``last`` are its ends, both included."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class MissedTicks:
    """Every due tick after the old cursor is in ``make_up`` (ascending) or counted in ``gap``,
    never in both. All of the gap lies before all of ``make_up``. ``cursor`` is the newest due tick.
    """

    cursor: int
    make_up: tuple[int, ...]
    gap: Gap | None


def account_for_missed(
    schedule: Schedule,
    *,
    cursor: int,
    now: float,
    splay: int,
    policy: Literal["latest", "all", "skip"],
    grace: float,
    maximum: int,
) -> MissedTicks | None:
    """Decide about every tick after ``cursor`` that is due: tick + splay <= now.

    ``now`` is in unix seconds; ``splay`` is the job's own offset and ``grace`` how late a run may
    still start, both in seconds. ``latest`` makes up the newest due tick if it is within the
    grace, ``all`` the newest ``maximum`` of those within the grace, ``skip`` none.
    None when nothing is due. The cost does not grow with the number of ticks missed.
    """
    newest = schedule.newest_at(floor(now - splay))
    if newest is None or newest <= cursor:
        return None
    match policy:
        case "latest":
            wanted = 1
        case "all":
            wanted = maximum
        case "skip":
            wanted = 0
        case _:
            assert_never(policy)
    in_time_since = now - splay - grace
    after = cursor if in_time_since <= cursor else ceil(in_time_since) - 1
    made_up = tuple(islice(schedule.between_backwards(after, newest), wanted))[::-1]
    return MissedTicks(cursor=newest, make_up=made_up, gap=_gap(schedule, cursor, newest, made_up))


def _gap(schedule: Schedule, cursor: int, newest: int, made_up: tuple[int, ...]) -> Gap | None:
    """The due ticks before those made up."""
    last = schedule.previous_before(made_up[0]) if made_up else newest
    if last is None or last <= cursor:
        return None
    return Gap(first=schedule.next_after(cursor), last=last, count=schedule.count(cursor, last))
