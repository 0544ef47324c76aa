"""A run that this node has claimed: how it is to start, and what is known of it until its end."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crony_ops.node.execution.stop_order import StopOrder

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from crony_ops.model.run import OpenRun, RunState
    from crony_ops.model.spec import Assignment
    from crony_ops.node.execution.attempts import Execution
    from crony_ops.node.runs.lateness import Way


@dataclass(frozen=True, slots=True)
class Start:
    """When and how a claimed run starts. ``fires_at`` and ``next_due``, when the run after it is to
    start, are in unix seconds; ``way`` tells how it came here. ``claimed`` is the revision of etcd
    at which it was claimed, 0 where that is not known."""

    run: OpenRun
    assignment: Assignment
    fires_at: float
    previous_tick: int | None
    next_due: int
    way: Way
    claimed: int = 0
    offline: bool = False


@dataclass(eq=False, slots=True)
class ActiveRun:
    """A run that this node has claimed and not yet reported.

    ``claimed`` as in its Start. ``adopted``: it was begun by an earlier life of this agent, under
    another lease.
    ``execution`` is None until it starts; ``ended`` is set when it is over, reported or not: from
    then on it is in nobody's way. ``late``: seconds, and why. ``waited_for`` and ``replaced`` are
    the ids of the runs that held it up, and of those that it ended.
    """

    run: OpenRun
    job: Job
    fires_at: float = 0.0
    claimed: int = 0
    offline: bool = False
    adopted: bool = False
    execution: Execution | None = None
    late: tuple[float, str] = (0.0, "")
    waited_for: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    order: StopOrder = field(default_factory=StopOrder)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def is_under_way(self, now: float) -> bool:
        """A run that was claimed ahead is in nobody's way until its second has come. One that has
        begun is, also when the clock has been put back before its second."""
        begun = self.execution is not None
        return not self.ended.is_set() and (begun or self.fires_at <= now)

    def stop(self, state: RunState, reason: str, first: signal.Signals = signal.SIGTERM) -> None:
        """Have it end as ``Execution.stop`` says, or not start at all. The first call wins."""
        self.order.give(state, reason, first)
        if self.execution is not None:
            self.execution.stop(state, reason, first)
