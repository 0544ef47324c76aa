"""The agent's metrics: what is counted as it happens, and what is read when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crony_ops import __version__
from crony_ops.model.run import RunState

if TYPE_CHECKING:
    from prometheus_client import Metric

    from crony_ops.node.vitals import Vitals

ENDS: tuple[RunState, ...] = tuple(
    state
    for state in RunState
    if state not in (RunState.queued, RunState.claimed, RunState.running)
)

_LATENESS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600)
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class NodeMetrics:
    """``registry`` holds them all. No metric has a label for the job: there may be 10,000."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        runs = Counter("crony_node_runs", "Runs that ended", ["state"], registry=registry)
        self._runs = {state: runs.labels(state.value) for state in ENDS}
        claims = Counter("crony_node_claims", "Claims made of etcd", ["outcome"], registry=registry)
        self._made, self._refused, self._unknown = (
            claims.labels(outcome) for outcome in ("made", "refused", "failed")
        )
        self._lateness = Histogram(
            "crony_node_run_lateness_seconds",
            "From a run's time to its start",
            buckets=_LATENESS,
            registry=registry,
        )
        self._latency = Histogram(
            "crony_node_claim_duration_seconds",
            "From the sending of a claim until its outcome was known",
            buckets=_LATENCY,
            registry=registry,
        )
        self._missed = Counter(
            "crony_node_ticks_missed",
            "Ticks recorded as missed",
            registry=registry,
        )

    def run_started(self, late: float) -> None:
        """``late``: seconds from its time on."""
        self._lateness.observe(max(0.0, late))

    def run_ended(self, state: RunState) -> None:
        self._runs[state].inc()

    def claim_answered(self, seconds: float, *, made: bool) -> None:
        self._latency.observe(seconds)
        (self._made if made else self._refused).inc()

    def claim_failed(self) -> None:
        self._unknown.inc()

    def ticks_missed(self, count: int) -> None:
        self._missed.inc(count)

    def show(self, vitals: Callable[[], Vitals]) -> None:
        """Have ``vitals`` asked at each scrape. Once."""
        self.registry.register(_AtScrape(vitals))


class _AtScrape(Collector):
    def __init__(self, vitals: Callable[[], Vitals]) -> None:
        self._vitals = vitals

    def collect(self) -> Iterable[Metric]:
        vitals = self._vitals()
        built = GaugeMetricFamily("crony_node_build_info", "Its version", labels=["version"])
        built.add_metric([__version__], 1)
        yield built
        presets = GaugeMetricFamily("crony_node_presets", "Presets by state", labels=["state"])
        presets.add_metric(["ready"], vitals.presets_ready)
        presets.add_metric(["failed"], vitals.presets_failed)
        yield presets
        for name, help_text, value in (
            ("registered", "Whether the node holds its key: 1 or 0", vitals.registered),
            ("lease_margin_seconds", "Until the lease runs out", vitals.contact.lease_margin),
            ("watch_progress_age_seconds", "Since etcd was last heard", vitals.contact.watch_age),
            ("spool_reports", "Ends of runs that etcd was not told yet", vitals.spooled),
            ("runs_under_way", "Runs claimed and not yet reported", vitals.runs_under_way),
            ("jobs", "Jobs that this node holds", vitals.jobs),
        ):
            yield GaugeMetricFamily(f"crony_node_{name}", help_text, value=float(value))
