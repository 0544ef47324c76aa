"""When a job fires: cron expressions, time zones, splay and missed ticks. Pure."""

from __future__ import annotations

from crony_ops.schedule.expression import parse_schedule
from crony_ops.schedule.missed import Gap, MissedTicks, account_for_missed
from crony_ops.schedule.splay import splay_offset
from crony_ops.schedule.timetable import Schedule

__all__ = [
    "Gap",
    "MissedTicks",
    "Schedule",
    "account_for_missed",
    "parse_schedule",
    "splay_offset",
]
