"""How jobs fare: the news of their runs, and whether they have a node at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from crony_ops.model.alert import Alert, Severity
from crony_ops.model.cluster import Health
from crony_ops.model.run import News, RunState
from crony_ops.store import Txn, delete, mod_is, put
from crony_ops.watcher.order import Order

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.view import Seen, View

MAX_NEWS_IN_AN_ORDER = 30


def take_news(
    keys: Keys, job_id: str, news: Sequence[Seen[News]], health: Health, revision: int
) -> Txn:
    """News go into the job's health, each once: their keys go in the same transaction.

    ``revision`` is that of the health as it stands, 0 where there is none."""
    for seen in sorted(news, key=lambda s: (s.value.at, s.value.run_id)):
        health = health_after(health, seen.value)
    key = keys.health(job_id)
    return Txn(
        (
            mod_is(key, revision),
            *(mod_is(seen.entry.key, seen.entry.mod_revision) for seen in news),
        ),
        (put(key, health.to_json()), *(delete(seen.entry.key) for seen in news)),
    )


def health_after(health: Health, news: News) -> Health:
    """What one end does to a job's health. A skipped run says nothing about the job."""
    if news.state == "missed":
        return health.model_copy(update={"missed": health.missed + news.count})
    last = {
        "last_state": news.state,
        "last_run_id": news.run_id,
        "last_at": news.at,
        "last_reason": news.reason,
    }
    match news.state:
        case RunState.succeeded:
            return health.model_copy(
                update={**last, "consecutive_failures": 0, "failing_since": None}
            )
        case RunState.failed | RunState.timed_out:
            return health.model_copy(
                update={
                    **last,
                    "consecutive_failures": health.consecutive_failures + 1,
                    "failing_since": health.failing_since or news.at,
                }
            )
        case RunState.lost:
            return health.model_copy(update={**last, "lost": health.lost + 1})
        case _:
            return health.model_copy(update=last)


def note_unplaced(
    keys: Keys,
    job_id: str,
    health: Health,
    revision: int,
    *,
    reason: str,
    spec_revision: int,
    now: float,
) -> tuple[Txn, Alert]:
    """A job has no node: its health says since when, and an alert why."""
    key = keys.health(job_id)
    alert = Alert(
        id=f"unassigned.{job_id}.{spec_revision}.{int(now)}",
        cause="unassigned",
        severity=Severity.warning,
        title=f"job {job_id} has no node",
        message=reason,
        at=now,
        job=job_id,
    )
    txn = Txn(
        (mod_is(key, revision),),
        (
            put(key, health.model_copy(update={"unplaced_since": now}).to_json()),
            put(keys.alert(alert.id), alert.to_json()),
        ),
    )
    return txn, alert


def note_placed(before: Seen[Health]) -> Txn:
    health = before.value.model_copy(update={"unplaced_since": None})
    return Txn(
        (mod_is(before.entry.key, before.entry.mod_revision),),
        (put(before.entry.key, health.to_json()),),
    )


def digest(view: View) -> Iterable[Order]:
    by_job: dict[str, list[Seen[News]]] = {}
    for tail, seen in view.news.items():
        by_job.setdefault(tail.partition("/")[0], []).append(seen)
    for job_id, news in by_job.items():
        oldest = sorted(news, key=lambda s: s.value.at)[:MAX_NEWS_IN_AN_ORDER]
        yield Order(take_news(view.keys, job_id, oldest, *_standing(view, job_id)))


def placed_or_not(
    view: View, overdue: Mapping[str, str], unplaced: Collection[str], now: float
) -> Iterable[Order]:
    """``overdue``: jobs that have had no node for too long, with the reason."""
    for job_id, reason in overdue.items():
        health, revision = _standing(view, job_id)
        spec = view.wants.entry(job_id)
        if spec is not None and health.unplaced_since is None:
            noted = note_unplaced(
                view.keys,
                job_id,
                health,
                revision,
                reason=reason,
                spec_revision=spec.mod_revision,
                now=now,
            )
            yield Order(*noted)
    for job_id, seen in view.healths.items():
        if seen.value.unplaced_since is not None and job_id not in unplaced:
            yield Order(note_placed(seen))


def _standing(view: View, job_id: str) -> tuple[Health, int]:
    """A job's health and its revision. One that can't be read is begun anew, in its place."""
    seen, entry = view.healths.get(job_id), view.healths.entry(job_id)
    return seen.value if seen else Health(), entry.mod_revision if entry else 0
