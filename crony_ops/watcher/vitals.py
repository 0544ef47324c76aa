"""How a watcher is at one moment, and what it sees of the fleet while it leads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crony_ops.alerts.line import waits
from crony_ops.watcher.failover import is_open

if TYPE_CHECKING:
    from crony_ops.daemon.contact import Contact
    from crony_ops.watcher.view import View


@dataclass(frozen=True, slots=True)
class FleetNumbers:
    """A cordoned node counts as alive or lost, too; a paused or failing job as assigned or not.

    ``news``: ends of runs that are not taken in yet; ``alerts``: those that stand in etcd;
    ``waiting``: those of them that are on their way, by channel.
    """

    alive: int
    lost: int
    cordoned: int
    clock_outliers: int
    assigned: int
    unassigned: int
    paused: int
    failing: int
    failovers_open: int
    news: int
    alerts: int
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vitals:
    """``fleet`` is None while another watcher leads: the numbers are the leader's to tell."""

    contact: Contact
    fleet: FleetNumbers | None


def fleet_numbers(view: View) -> FleetNumbers:
    mirror, keys = view.mirror, view.keys
    wanted = {key[len(keys.specs) :] for key in mirror.prefix(keys.specs)}
    placed = {key.rpartition("/")[2] for key in mirror.prefix(keys.jobs)}
    paused = {key[len(keys.pauses) :] for key in mirror.prefix(keys.pauses)}
    rosters = [seen.value for _, seen in view.rosters.items()]
    failing = {job_id for job_id, seen in view.healths.items() if seen.value.failing}
    return FleetNumbers(
        alive=len(mirror.prefix(keys.nodes)),
        lost=sum(roster.lost_at is not None for roster in rosters),
        cordoned=len(mirror.prefix(keys.cordons)),
        clock_outliers=sum(roster.clock_offset is not None for roster in rosters),
        assigned=len(wanted & placed),
        unassigned=len(wanted - placed),
        paused=len(wanted & paused),
        failing=len(wanted & failing),
        failovers_open=sum(is_open(seen) for _, seen in view.failovers.items()),
        news=len(mirror.prefix(keys.all_news)),
        alerts=len(mirror.prefix(keys.alerts)),
        waiting=Counter(
            channel
            for _, seen in view.alerts.items()
            for channel in seen.value.deliveries
            if waits(seen.value, channel)
        ),
    )
