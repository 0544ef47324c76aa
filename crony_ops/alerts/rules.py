"""Of what a job's runs and its placement come to, what people are told, and when. Pure.

Level-triggered: what was told stands in the job's health, beside what it was told of. A state is
told when it begins, again every ``remind``, and once when it is over. Events that go on (missed
ticks, lost and slow runs) are told at the first, and then counted until ``remind`` has passed. A
job that begins to fail for the third time within an hour is told of as flapping, and then not until
it has kept to one state for an hour; events meanwhile are counted from the first one on. What
happens in a window of maintenance is told at its end, if it still is so; events in it are only
counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.health import DRAGGING_KEPT, health_after, slow_limit, with_duration
from crony_ops.alerts.watched import (
    EVENTS,
    FLAP_WINDOW,
    MOST_OF_A_REASON,
    ONSETS_OF_A_FLAP,
    told_of_event,
)
from crony_ops.model.alert import MAX_OUTPUT, Cause
from crony_ops.model.cluster import Told
from crony_ops.model.notify import Occasion
from crony_ops.model.run import RunState

if TYPE_CHECKING:
    from crony_ops.alerts.watched import Ruled, Watched
    from crony_ops.model.cluster import Health
    from crony_ops.model.run import News, OpenRun


def hear(health: Health, news: News, watched: Watched) -> Ruled:
    """What one end of a run comes to."""
    after = health_after(health, news)
    if news.state == "missed":
        return _event(after, watched, Cause.missed, news.at, _of_run(news), events=news.count)
    match news.state:
        case RunState.lost if not news.with_node:
            return _event(after, watched, Cause.lost, news.at, _of_run(news))
        case RunState.failed | RunState.timed_out:
            return _fails(after, news, watched)
        case RunState.succeeded:
            recovered, told = _succeeds(health, after, news, watched)
            slow, also = _slow(recovered, news, watched)
            return slow, (*told, *also)
        case _:
            return after, ()


def drags_on(
    health: Health, opened: OpenRun, node_name: str, watched: Watched, now: float
) -> Ruled:
    """What it comes to that a run is still under way: one that hangs may never end. The very same
    health where nothing is to be said of it, or was said before."""
    limit, took = slow_limit(health, watched.job), now - opened.claimed_at
    if limit is None or took <= limit or opened.run_id in health.dragging:
        return health, ()
    if not watched.wants(Occasion.slow) or watched.rests(now) is not None:
        return health, ()
    dragging = (*health.dragging, opened.run_id)[-DRAGGING_KEPT:]
    health = health.model_copy(update={"dragging": dragging})
    run = {"run_id": opened.run_id, "node": opened.node, "node_name": node_name, "reason": ""}
    return _event(health, watched, Cause.slow, now, run, took=took, limit=limit, running=1)


def _fails(health: Health, news: News, watched: Watched) -> Ruled:
    after = watched.job.notify.after
    if health.consecutive_failures == after:
        onsets = (*health.onsets, news.at)[-ONSETS_OF_A_FLAP:]
        health = health.model_copy(update={"onsets": onsets})
    known = Cause.failure in health.told or Cause.flapping in health.told
    if health.consecutive_failures < after or known:
        return health, ()
    since = health.failing_since or news.at
    if (until := watched.rests(news.at)) is not None:
        return health.telling(Cause.failure, Told(since=since, remind_at=until)), ()
    cause, fields = Cause.failure, {}
    if len(health.onsets) == ONSETS_OF_A_FLAP and news.at - health.onsets[0] < FLAP_WINDOW:
        cause, fields = Cause.flapping, {"times": ONSETS_OF_A_FLAP}
        since = health.onsets[0]
    told = Told(since=since, at=news.at, remind_at=watched.remind_after(news.at))
    health = health.telling(cause, told)
    if not watched.wants(Occasion.failure):
        return health, ()
    alert = watched.alert(
        cause,
        news.run_id,
        news.at,
        **_of_run(news),
        output=news.output[-MAX_OUTPUT:],
        since=since,
        facts={"failures": health.consecutive_failures, **fields},
    )
    return health, (alert,)


def _succeeds(before: Health, after: Health, news: News, watched: Watched) -> Ruled:
    told = after.told.get(Cause.failure)
    if told is None:
        return after, ()
    after = after.telling(Cause.failure, None)
    if not told.at or not watched.wants(Occasion.recovery):
        return after, ()
    alert = watched.alert(
        Cause.recovery,
        news.run_id,
        news.at,
        **_of_run(news),
        ended=True,
        since=told.since,
        facts={"failures": before.consecutive_failures, "lasted": news.at - told.since},
    )
    return after, (alert,)


def _slow(health: Health, news: News, watched: Watched) -> Ruled:
    if news.took is None or watched.job.notify.slow is None:
        return health, ()
    limit = slow_limit(health, watched.job)
    health = with_duration(health, watched.job, news.took)
    if limit is None or news.took <= limit or news.run_id in health.dragging:
        return health, ()
    run = _of_run(news)
    return _event(health, watched, Cause.slow, news.at, run, took=news.took, limit=limit)


def _event(
    health: Health,
    watched: Watched,
    cause: Cause,
    at: float,
    run: dict[str, str],
    *,
    events: int = 1,
    **facts: float,
) -> Ruled:
    told = health.told.get(cause)
    if not watched.wants(EVENTS[cause]) or watched.rests(at) is not None:
        return health, ()
    if told is None and Cause.flapping in health.told:
        told = told_of_event(watched, at, at)
    if told is not None:
        update = {"untold": told.untold + events, "reason": run["reason"]}
        return health.telling(cause, told.model_copy(update=update)), ()
    health = health.telling(cause, told_of_event(watched, at, at))
    alert = watched.alert(cause, run["run_id"], at, **run, facts={"events": events, **facts})
    return health, (alert,)


def _of_run(news: News) -> dict[str, str]:
    return {
        "run_id": news.run_id,
        "node": news.node,
        "node_name": news.node_name,
        "reason": news.reason[:MOST_OF_A_REASON],
    }
