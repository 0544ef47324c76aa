"""How late a run started, and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crony_ops.node.runs.concurrency import named

LATE = 1.0
"""Seconds after its time from which on a start is called late."""

_AHEAD = 1.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a run came to be claimed here, as far as its node knows. Times are in unix seconds.

    ``due_at``: its tick and splay; for a run that somebody asked for, when that was seen.
    ``gained_at``: when this node got the job. ``asked_at``, ``claimed_at``: when its claim was sent
    and when it was answered. ``hindered_at``: when something last kept the job's ticks from being
    claimed, and ``hindered_by`` what. ``clock``: wall time less time since boot, before it was due.
    ``repeats``: the run that it repeats, and why. ``made_up``: its tick had been missed.
    """

    due_at: float
    gained_at: float
    asked_at: float
    claimed_at: float
    clock: float
    hindered_at: float = 0.0
    hindered_by: str = ""
    repeats: str = ""
    made_up: bool = False


def lateness(
    way: Way, started_at: float, clock: float, waited_for: Sequence[str] = ()
) -> tuple[float, str]:
    """Seconds, and in words what most of them went to; 0 and nothing up to ``LATE``.

    ``clock``: wall time less time since boot at the start. ``waited_for``: the runs before.
    """
    late = started_at - way.due_at
    if late <= LATE:
        return 0.0, ""
    if way.repeats:
        return late, f"run again: {way.repeats}"
    stepped = clock - way.clock
    claimed_late = max(way.claimed_at - way.due_at, 0.0)
    if late - claimed_late > claimed_late:
        because = _started_late(late - claimed_late, stepped, waited_for)
    else:
        because = _claimed_late(way, claimed_late, stepped)
    return late, f"made up: {because}" if way.made_up else because


def _started_late(seconds: float, stepped: float, waited_for: Sequence[str]) -> str:
    if waited_for:
        return f"waited for {named(waited_for)}"
    if stepped > seconds / 2:
        return _stepped(stepped)
    return f"this machine was busy or asleep: the agent got to it {seconds:.1f} s late"


def _claimed_late(way: Way, seconds: float, stepped: float) -> str:
    gained_late = way.gained_at - way.due_at
    if gained_late > max(0.0, way.hindered_at - way.gained_at):
        return f"this node got the job {gained_late:.1f} s after its time"
    if way.hindered_at >= way.due_at - _AHEAD:
        return way.hindered_by
    if stepped > seconds / 2:
        return _stepped(stepped)
    if way.claimed_at - way.asked_at > seconds / 2:
        return f"etcd took {way.claimed_at - way.asked_at:.1f} s to answer the claim"
    return f"this machine was busy or asleep: the agent claimed it {seconds:.1f} s late"


def _stepped(seconds: float) -> str:
    return f"the clock was put forward by {seconds:.1f} s"
