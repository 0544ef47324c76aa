"""When people are told that a job has no node, and that it has one again. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.watched import MOST_OF_A_REASON
from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.model.cluster import Told
from crony_ops.model.notify import Occasion

if TYPE_CHECKING:
    from crony_ops.alerts.watched import Ruled, Watched
    from crony_ops.model.cluster import Health


def lacks_node(
    health: Health, watched: Watched, reason: str, now: float, *, told_at: float | None
) -> Ruled:
    """The job has had no node for longer than the grace. ``told_at``: when the message of its
    node's loss told of it, if it did."""
    reason = reason[:MOST_OF_A_REASON]
    health = health.model_copy(update={"unplaced_since": now})
    until = watched.rests(now)
    if told_at is not None or until is not None:
        held = Told(
            since=now,
            at=told_at or 0.0,
            remind_at=watched.remind_after(told_at) if told_at is not None else until,
            reason=reason,
            with_node=told_at is not None,
        )
        return health.telling(Cause.unassigned, held), ()
    told = Told(since=now, at=now, remind_at=watched.remind_after(now), reason=reason)
    alerts: tuple[Alert, ...] = ()
    if watched.wants(Occasion.unassigned):
        alerts = (watched.alert(Cause.unassigned, f"{int(now)}", now, reason=reason, since=now),)
    return health.telling(Cause.unassigned, told), alerts


def has_node(health: Health, watched: Watched, now: float) -> Ruled:
    """The job has a node again."""
    told = health.told.get(Cause.unassigned)
    health = health.model_copy(update={"unplaced_since": None}).telling(Cause.unassigned, None)
    if told is None or not told.at or told.with_node or not watched.wants(Occasion.unassigned):
        return health, ()
    ended = watched.alert(
        Cause.unassigned,
        f"{int(told.since)}.ended",
        now,
        ended=True,
        severity=Severity.info,
        since=told.since,
    )
    return health, (ended,)
