"""The watcher's metrics: what is counted as it happens, and what is read when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crony_ops import __version__
from crony_ops.model.alert import DeliveryState
from crony_ops.watcher.order import Move

if TYPE_CHECKING:
    from prometheus_client import Metric

    from crony_ops.watcher.order import Order
    from crony_ops.watcher.vitals import FleetNumbers, Vitals

_RECONCILE = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_RESULTS = {
    DeliveryState.delivered: "delivered",
    DeliveryState.retrying: "failed",
    DeliveryState.given_up: "given_up",
}
_EITHER = (False, True)


class WatcherMetrics:
    """``registry`` holds them all. What the leader alone knows, a watcher that stands by does not
    tell: to sum over the watchers counts nothing twice."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._reconcile = Histogram(
            "crony_watcher_reconcile_duration_seconds",
            "A look at everything, until its orders are carried out",
            buckets=_RECONCILE,
            registry=registry,
        )
        moves = Counter("crony_watcher_moves", "Steps of jobs", ["kind"], registry=registry)
        self._moves = {move: moves.labels(move.value) for move in Move}
        self._alerts = Counter(
            "crony_watcher_alerts", "Alerts made, by cause", ["cause"], registry=registry
        )
        self._closed = Counter(
            "crony_watcher_failovers_closed", "Failovers that came to their end", registry=registry
        )

        self._attempts = Counter(
            "crony_watcher_alert_attempts",
            "Attempts at sending an alert, by how they ended",
            ["channel", "result"],
            registry=registry,
        )
        pings = Counter(
            "crony_watcher_pings", "Pings of the dead-man's switch", ["result"], registry=registry
        )
        self._pings = {failed: pings.labels("failed" if failed else "ok") for failed in _EITHER}

    def attempted(self, channel: str, state: DeliveryState) -> None:
        """``state`` is what the attempt made of the delivery."""
        self._attempts.labels(channel, _RESULTS[state]).inc()

    def pinged(self, failed: bool) -> None:
        self._pings[failed].inc()

    def reconciled(self, seconds: float) -> None:
        self._reconcile.observe(seconds)

    def carried_out(self, order: Order) -> None:
        if order.move is not None:
            self._moves[order.move].inc()
        for alert in order.alerts:
            self._alerts.labels(alert.cause).inc()

    def failovers_closed(self, count: int) -> None:
        self._closed.inc(count)

    def show(self, vitals: Callable[[], Vitals]) -> None:
        """Have ``vitals`` asked at each scrape. Once."""
        self.registry.register(_AtScrape(vitals))


class _AtScrape(Collector):
    def __init__(self, vitals: Callable[[], Vitals]) -> None:
        self._vitals = vitals

    def collect(self) -> Iterable[Metric]:
        vitals = self._vitals()
        built = GaugeMetricFamily("crony_watcher_build_info", "Its version", labels=["version"])
        built.add_metric([__version__], 1)
        yield built
        for name, help_text, value in (
            ("leading", "Whether it leads: 1 or 0", vitals.fleet is not None),
            ("lease_margin_seconds", "Until the lease runs out", vitals.contact.lease_margin),
            ("watch_progress_age_seconds", "Since etcd was last heard", vitals.contact.watch_age),
        ):
            yield GaugeMetricFamily(f"crony_watcher_{name}", help_text, value=float(value))
        if vitals.fleet is not None:
            yield from _of_the_fleet(vitals.fleet)


def _of_the_fleet(fleet: FleetNumbers) -> Iterable[Metric]:
    nodes = GaugeMetricFamily("crony_watcher_nodes", "Nodes by state", labels=["state"])
    for state in ("alive", "lost", "cordoned"):
        nodes.add_metric([state], getattr(fleet, state))
    yield nodes
    jobs = GaugeMetricFamily("crony_watcher_jobs", "Jobs by state", labels=["state"])
    for state in ("assigned", "unassigned", "paused", "failing"):
        jobs.add_metric([state], getattr(fleet, state))
    yield jobs
    waiting = GaugeMetricFamily(
        "crony_watcher_alerts_waiting", "Alerts on their way, by channel", labels=["channel"]
    )
    for channel, count in fleet.waiting.items():
        waiting.add_metric([channel], count)
    yield waiting
    for name, help_text, value in (
        ("clock_outliers", "Nodes whose clock is wrong", fleet.clock_outliers),
        ("failovers_open", "Failovers under way", fleet.failovers_open),
        ("news_backlog", "Ends of runs that are not taken in yet", fleet.news),
        ("alerts_pending", "Alerts that stand in etcd", fleet.alerts),
    ):
        yield GaugeMetricFamily(f"crony_watcher_{name}", help_text, value=float(value))
