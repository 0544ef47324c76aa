"""What the agent counts, and whether it is well."""

from __future__ import annotations

import dataclasses
import math
import time

import pytest

from crony_ops.daemon.contact import Contact
from crony_ops.model.run import RunState
from crony_ops.node.metrics import ENDS, NodeMetrics
from crony_ops.node.vitals import Vitals

WELL = Vitals(
    contact=Contact(lease_margin=9.0, watch_age=1.0),
    registered=True,
    stalled=0.0,
    spooled=3,
    runs_under_way=2,
    jobs=7,
    presets_ready=2,
    presets_failed=1,
)


@pytest.mark.parametrize(
    ("change", "ailments"),
    [
        ({}, []),
        ({"registered": False}, ["not registered: no tick is claimed"]),
        (
            {"contact": Contact(0.0, math.inf), "registered": False},
            [
                "no lease: etcd has not renewed it in time",
                "etcd was not read yet",
                "not registered: no tick is claimed",
            ],
        ),
        ({"spooled": 10_000, "presets_failed": 3}, []),  # a matter for an alert rule
    ],
)
def test_an_agent_is_well_when_it_can_claim(change: dict[str, object], ailments: list[str]) -> None:
    assert dataclasses.replace(WELL, **change).ailments(ttl=10) == ailments  # type: ignore[arg-type]


def test_what_was_counted_is_what_is_told() -> None:
    metrics = NodeMetrics()
    metrics.show(lambda: WELL)
    value = metrics.registry.get_sample_value
    for state in ENDS:
        assert value("crony_node_runs_total", {"state": state}) == 0
    metrics.run_ended(RunState.failed)
    metrics.run_ended(RunState.failed)
    metrics.run_started(0.02)
    metrics.run_started(7.0)
    metrics.run_started(-0.001)  # the clock was put back a little
    metrics.claim_answered(0.003, made=True)
    metrics.claim_answered(0.003, made=False)
    metrics.claim_failed()
    metrics.ticks_missed(12)
    assert value("crony_node_runs_total", {"state": "failed"}) == 2
    assert value("crony_node_runs_total", {"state": "succeeded"}) == 0
    assert value("crony_node_run_lateness_seconds_count") == 3
    assert value("crony_node_run_lateness_seconds_bucket", {"le": "1.0"}) == 2
    assert value("crony_node_run_lateness_seconds_sum") == pytest.approx(7.02)
    assert value("crony_node_claim_duration_seconds_count") == 2
    for outcome in ("made", "refused", "failed"):
        assert value("crony_node_claims_total", {"outcome": outcome}) == 1
    assert value("crony_node_ticks_missed_total") == 12
    assert value("crony_node_spool_reports") == 3
    assert value("crony_node_presets", {"state": "failed"}) == 1
    assert value("crony_node_registered") == 1


def test_two_agents_in_one_process_count_apart() -> None:
    one, other = NodeMetrics(), NodeMetrics()
    one.run_ended(RunState.succeeded)
    assert other.registry.get_sample_value("crony_node_runs_total", {"state": "succeeded"}) == 0


def test_to_count_a_run_costs_microseconds() -> None:
    metrics = NodeMetrics()
    began = time.process_time()
    for _ in range(1000):
        metrics.claim_answered(0.004, made=True)
        metrics.run_started(0.01)
        metrics.run_ended(RunState.succeeded)
    assert time.process_time() - began < 0.1  # some 5 ms; 0.1 ms a run would be too much
