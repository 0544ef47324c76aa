"""Dashboard, alert rules and the table of metrics speak of metrics that really exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from crony_ops.daemon.contact import Contact
from crony_ops.model.alert import DeliveryState
from crony_ops.node import vitals as node_vitals
from crony_ops.node.metrics import NodeMetrics
from crony_ops.watcher import vitals as watcher_vitals
from crony_ops.watcher.metrics import WatcherMetrics

if TYPE_CHECKING:
    from prometheus_client import Metric

DOCS = Path(__file__).parents[3] / "docs"
WELL = Contact(lease_margin=9.0, watch_age=1.0)
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def families() -> Iterator[Metric]:
    node, watcher = NodeMetrics(), WatcherMetrics()
    node.show(lambda: node_vitals.Vitals(WELL, True, 0.0, 0, 0, 0, 0, 0))
    fleet = watcher_vitals.FleetNumbers(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {"mail": 0})
    watcher.attempted("mail", DeliveryState.delivered)
    watcher.show(lambda: watcher_vitals.Vitals(WELL, fleet))
    for registry in (node.registry, watcher.registry):
        yield from registry.collect()


EXPORTED = {
    f"{family.name}{suffix}": family for family in families() for suffix in SUFFIXES[family.type]
}


def rules() -> list[dict[str, Any]]:
    written = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())
    return [rule for group in written["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    dashboard = json.loads((DOCS / "monitoring" / "dashboard.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [rule["expr"] for rule in rules()] + [target["expr"] for target in targets]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_what_is_exported(expression: str) -> None:
    asked = re.findall(r"\b((?:crony|process)_\w+)(?:\{([^}]*)\})?", expression)
    assert asked
    for name, matchers in asked:
        assert name in EXPORTED, name
        samples = EXPORTED[name].samples
        for label, operator, values in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
            if label != "job":  # which Prometheus adds
                told = {sample.labels.get(label) for sample in samples}
                assert set(values.split("|") if operator == "=~" else [values]) <= told


def test_the_table_names_every_metric_and_no_other() -> None:
    text = (DOCS / "monitoring" / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", text, re.MULTILINE)
    told = {name: (label, kind) for name, label, kind in rows}
    exported: dict[str, tuple[str, str]] = {}
    for name, family in EXPORTED.items():
        if name.startswith("crony_"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            base = family.name if family.type == "histogram" else name
            exported[base] = (",".join(sorted(labels)), family.type)
    assert exported.pop("crony_watcher_alerts_total") == ("", "counter")  # no alert, no cause yet
    assert told.pop("crony_watcher_alerts_total") == ("cause", "counter")
    assert told == exported


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^##+ (.*)$", (DOCS.parent / path).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}
    assert anchor in anchors
    assert rule["annotations"]["summary"]


def test_metrics_are_named_as_prometheus_wants_them() -> None:
    for family in families():
        if family.name.startswith("crony_"):
            assert family.type != "histogram" or family.name.endswith("_seconds")
            assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))
            assert family.documentation
