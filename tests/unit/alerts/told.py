"""A job and its news, for tests of what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crony_ops.alerts.reminders import due, is_due
from crony_ops.alerts.rules import drags_on, hear
from crony_ops.alerts.unassigned import has_node, lacks_node
from crony_ops.alerts.watched import Watched
from crony_ops.model.cluster import Health
from crony_ops.model.job import Job
from crony_ops.model.run import News, OpenRun, RunState, tick_run_id

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert

NOON = 1_800_000_000.0
HOUR = 3600.0


def news(state: RunState | str, at: float = NOON, **fields: Any) -> News:
    return News.model_validate(
        {
            "run_id": tick_run_id(int(at)),
            "job_id": "j",
            "state": state,
            "at": at,
            "tick": int(at),
            "node_name": "web-1",
            **fields,
        }
    )


class Listener:
    """One job through its time: its health, and all that is told. Without a look of the leader's
    nothing is told that time alone brings."""

    def __init__(self, notify: dict[str, Any] | None = None, **fields: Any) -> None:
        job = {"schedule": "* * * * *", "shell": "true", "notify": notify or {}, **fields}
        self.watched = Watched("j", Job.model_validate(job))
        self.health = Health()
        self.told: list[Alert] = []

    def hears(self, state: RunState | str, at: float, **fields: Any) -> list[Alert]:
        return self._next(hear(self.health, news(state, at, **fields), self.watched))

    def looks(self, at: float) -> list[Alert]:
        return self._next(due(self.health, self.watched, at)) if is_due(self.health, at) else []

    def drags_on(self, began: float, at: float) -> list[Alert]:
        """A run that began then is still under way."""
        run = OpenRun(
            run_id=tick_run_id(int(began)),
            job_id="j",
            tick=int(began),
            node="u-1",
            incarnation=1,
            claimed_at=began,
        )
        return self._next(drags_on(self.health, run, "web-1", self.watched, at))

    def loses_its_node(self, at: float, *, told_at: float | None = None) -> list[Alert]:
        ruled = lacks_node(self.health, self.watched, "no node is up", at, told_at=told_at)
        return self._next(ruled)

    def has_a_node_again(self, at: float) -> list[Alert]:
        return self._next(has_node(self.health, self.watched, at))

    def causes(self) -> list[str]:
        return [cause_of(alert) for alert in self.told]

    def _next(self, ruled: tuple[Health, tuple[Alert, ...]]) -> list[Alert]:
        # As it comes back from etcd.
        self.health = Health.from_json(ruled[0].to_json())
        assert self.health == ruled[0]
        self.told += ruled[1]
        return list(ruled[1])


def cause_of(alert: Alert) -> str:
    """Such as "failure", "failure again" for a reminder, "recovery settled" after a flap."""
    manner = next((name for name in ("again", "settled") if alert.facts.get(name)), "")
    return f"{alert.cause} {manner}".strip()
