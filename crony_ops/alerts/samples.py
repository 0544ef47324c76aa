"""An alert of each cause as it may come, for whoever wants to see one before the night it comes."""

from __future__ import annotations

from crony_ops.alerts.phrases import phrased
from crony_ops.model.alert import Alert, Cause, Severity

_OF_A_NODE = frozenset({Cause.node_lost, Cause.node_back, Cause.preset_failed, Cause.clock})
_OF_NOBODY = frozenset(
    {Cause.watcher_took_over, Cause.value_unreadable, Cause.cursor_ahead, Cause.rebalance}
)
_ENDED = frozenset({Cause.recovery, Cause.node_back})
# As the rules have them: a route may ask for it.
_INFO = _ENDED | {Cause.slow, Cause.watcher_took_over, Cause.rebalance}
_CRITICAL = frozenset({Cause.failure, Cause.node_lost})
_WITH_OUTPUT = frozenset({Cause.failure, Cause.flapping, Cause.slow})
_REASONS = {
    Cause.failure: "exit 1: pg_dump: connection refused",
    Cause.flapping: "exit 1: pg_dump: connection refused",
    Cause.missed: "the node was away",
    Cause.lost: "the agent was killed",
    Cause.unassigned: "needs preset pg-client: no living node offers it",
    Cause.preset_failed: "exit 1: no pg_dump on the PATH",
    Cause.spec_rejected: "schedule: Field required",
    Cause.value_unreadable: "Invalid JSON",
}
_FACTS: dict[str, str | int | float] = {
    "moved": 12,
    "moved_jobs": "db-verify, etl-nightly, report-usage and 9 more",
    "failed": 1,
    "failed_jobs": "db-backup",
    "bound": 2,
    "lost_runs": 1,
    "lost_jobs": "db-backup",
    "failures": 3,
    "events": 2,
    "times": 3,
    "lasted": 2400,
    "window": 3600,
    "took": 5400,
    "limit": 1800,
    "preset": "pg-client",
    "offset": 4.2,
    "watcher": "watcher-2",
    "before": "watcher-1",
    "key": "/crony/spec/db-backup",
    "cursor": "db-backup",
    "ahead": 7200,
    "left": 2,
    "jobs": "db-backup, etl-nightly",
}


def sample(cause: Cause, now: float) -> Alert:
    """Made up, and saying so in its run's output; ``now`` is in unix seconds."""
    return phrased(
        Alert(
            id=f"sample.{cause.replace(' ', '-')}.{int(now)}",
            cause=cause,
            severity=_severity(cause),
            title="",
            message="",
            at=now,
            node_name="" if cause in _OF_NOBODY else "db-1",
            job="" if cause in _OF_A_NODE | _OF_NOBODY else "db-backup",
            run_id="" if cause not in _WITH_OUTPUT else "20261123T023000Z",
            reason=_REASONS.get(cause, ""),
            output="This is a sample: nothing has happened.\n" if cause in _WITH_OUTPUT else "",
            ended=cause in _ENDED,
            since=now - 2400,
            facts=_FACTS,
        )
    )


def _severity(cause: Cause) -> Severity:
    if cause in _CRITICAL:
        return Severity.critical
    return Severity.info if cause in _INFO else Severity.warning
