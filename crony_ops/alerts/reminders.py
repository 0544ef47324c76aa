"""What has to be told of a job only because time has passed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.watched import (
    EVENTS,
    FLAP_WINDOW,
    ONSETS_OF_A_FLAP,
    STATES,
    told_of_event,
)
from crony_ops.model.alert import Alert, Cause
from crony_ops.model.cluster import Told
from crony_ops.model.notify import Occasion

if TYPE_CHECKING:
    from crony_ops.alerts.watched import Ruled, Watched
    from crony_ops.model.cluster import Health


def due(health: Health, watched: Watched, now: float) -> Ruled:
    """What has to be told only because time has passed. A cause that this version does not know is
    a newer one's, and left alone."""
    alerts: tuple[Alert, ...] = ()
    for cause, told in health.told.items():
        if _has_settled(cause, health, now):
            if _fails(health, watched) and watched.rests(now) is not None:
                continue  # it is told at the end of the window, if it still is so
            health, also = _settles(health, told, watched, now)
        elif not told.remind_at or now < told.remind_at:
            continue
        elif (end := watched.rests(now)) is not None:
            health, also = health.telling(cause, told.model_copy(update={"remind_at": end})), ()
        elif cause in EVENTS:
            health, also = _event_again(health, Cause(cause), told, watched, now)
        elif cause in STATES:
            health, also = _again(health, Cause(cause), told, watched, now)
        else:
            continue
        alerts += also
    return health, alerts


def is_due(health: Health, now: float) -> bool:
    """Whether ``due`` may have something to say; cheap, for it is asked of every job."""
    return any(
        (told.remind_at and now >= told.remind_at) or _has_settled(cause, health, now)
        for cause, told in health.told.items()
    )


def _has_settled(cause: str, health: Health, now: float) -> bool:
    return cause == Cause.flapping and now - max(health.onsets, default=0.0) >= FLAP_WINDOW


def _fails(health: Health, watched: Watched) -> bool:
    return health.consecutive_failures >= watched.job.notify.after


def _event_again(health: Health, cause: Cause, told: Told, watched: Watched, now: float) -> Ruled:
    """The quiet time after an event's message is over."""
    if not told.untold or not watched.wants(EVENTS[cause]):
        return health.telling(cause, None), ()
    health = health.telling(cause, told_of_event(watched, told.since, now))
    alert = watched.alert(
        cause,
        _again_id(told),
        now,
        since=told.since,
        reason=told.reason,
        facts={"again": 1, "events": told.untold, "lasted": now - told.at},
    )
    return health, (alert,)


def _again(health: Health, cause: Cause, told: Told, watched: Watched, now: float) -> Ruled:
    """A state goes on: a reminder, or the first word of it after a window of maintenance."""
    next_told = told.model_copy(
        update={"at": now, "remind_at": watched.remind_after(now), "with_node": False}
    )
    health = health.telling(cause, next_told)
    if not watched.wants(STATES[cause]):
        return health, ()
    unassigned = cause is Cause.unassigned
    alert = watched.alert(
        cause,
        _again_id(told),
        now,
        since=told.since,
        reason=told.reason if unassigned else health.last_reason,
        run_id="" if unassigned else health.last_run_id,
        facts={
            "again": int(told.at > 0),
            "failures": health.consecutive_failures,
            "times": ONSETS_OF_A_FLAP,
            "lasted": now - told.since,
        },
    )
    return health, (alert,)


def _settles(health: Health, flapped: Told, watched: Watched, now: float) -> Ruled:
    """The job has kept to one state for long enough: that is told, and it flaps no more."""
    health = health.telling(Cause.flapping, None).model_copy(update={"onsets": ()})
    fails = _fails(health, watched)
    facts = {
        "settled": 1,
        "failures": health.consecutive_failures,
        "lasted": now - flapped.since,
    }
    if fails:
        since = health.failing_since or now
        told = Told(since=since, at=now, remind_at=watched.remind_after(now))
        health = health.telling(Cause.failure, told)
    if not watched.wants(Occasion.failure if fails else Occasion.recovery):
        return health, ()
    alert = watched.alert(
        Cause.failure if fails else Cause.recovery,
        f"{int(flapped.since)}.settled",
        now,
        ended=not fails,
        since=flapped.since,
        reason=health.last_reason if fails else "",
        run_id=health.last_run_id,
        facts=facts,
    )
    return health, (alert,)


def _again_id(told: Told) -> str:
    return f"{int(told.since)}.{int(told.remind_at)}"
