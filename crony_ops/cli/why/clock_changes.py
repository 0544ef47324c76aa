"""What a change of the clocks does to a tick, in words. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from crony_ops.schedule.zone import span_at

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def clock_change(zone: ZoneInfo, tick: int) -> str:
    """Empty for a tick (unix seconds) at a wall time that comes just once."""
    here = span_at(zone, tick)
    wall = tick + here.offset
    if tick == here.start and here.seen < wall:
        return (
            f"the clocks are put forward to {_wall(zone, tick)} then: a job at a fixed time within "
            "the missing hour runs now, once"
        )
    if wall < here.seen:
        return f"{_wall(zone, tick)} comes twice that day, and this is the second time"
    following = span_at(zone, here.end)
    if wall >= following.start + following.offset and wall < following.seen:
        return (
            f"{_wall(zone, tick)} comes twice that day, and this is the first time: a job at a "
            "fixed time runs then only, one that goes by intervals both times"
        )
    return ""


def _wall(zone: ZoneInfo, tick: int) -> str:
    return f"{datetime.fromtimestamp(tick, zone):%H:%M}"
