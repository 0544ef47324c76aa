"""A job as the alert rules see it, and how they make an alert of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.alerts.maintenance import rests_until
from crony_ops.alerts.phrases import phrased
from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.model.cluster import Health, Told
from crony_ops.model.notify import Occasion

if TYPE_CHECKING:
    from crony_ops.model.job import Job

FLAP_WINDOW = 3600.0
ONSETS_OF_A_FLAP = 3
EVENTS_QUIET = 14_400
"""Seconds from one message of an event to the next, for a job that wants no reminders."""
MOST_OF_A_REASON = 1000
"""Characters: a record of somebody else's may hold any number."""

_SEVERITY = {
    Cause.recovery: Severity.info,
    Cause.slow: Severity.info,
    Cause.failure: Severity.critical,
}
EVENTS = {Cause.missed: Occasion.missed, Cause.lost: Occasion.lost, Cause.slow: Occasion.slow}
STATES = {
    Cause.failure: Occasion.failure,
    Cause.flapping: Occasion.failure,
    Cause.unassigned: Occasion.unassigned,
}

Ruled = tuple[Health, tuple[Alert, ...]]
"""The job's next health, and what is to be told with it."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A job as the rules see it. ``groups``: those it is chosen by in routes and silences."""

    job_id: str
    job: Job
    groups: tuple[str, ...] = ()

    def rests(self, at: float) -> float | None:
        return rests_until(self.job, self.job_id, at)

    def wants(self, occasion: Occasion) -> bool:
        return occasion in self.job.notify.on

    def remind_after(self, at: float) -> float:
        """0 where nobody wants to be reminded."""
        return at + self.job.notify.remind if self.job.notify.remind else 0.0

    def alert(self, cause: Cause, name: str, at: float, **fields: object) -> Alert:
        """``name``: what makes the id that of this very cause."""
        notify = self.job.notify
        return phrased(
            Alert.model_validate(
                {
                    "id": f"{cause.value}.{self.job_id}.{name}",
                    "cause": cause.value,
                    "severity": _SEVERITY.get(cause, Severity.warning),
                    "title": "",
                    "message": "",
                    "at": at,
                    "job": self.job_id,
                    "groups": self.groups,
                    "labels": self.job.labels,
                    "runbook": notify.runbook or "",
                    "to": notify.to,
                    "channels": notify.channels,
                    **fields,
                }
            )
        )


def told_of_event(watched: Watched, since: float, at: float) -> Told:
    return Told(since=since, at=at, remind_at=watched.remind_after(at) or at + EVENTS_QUIET)
