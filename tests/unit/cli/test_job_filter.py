"""Which jobs are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crony_ops.cli.view.job_filter import Shown, read_filter
from crony_ops.cli.view.job_standing import standings
from crony_ops.cli.view.lookup import UnknownName
from crony_ops.errors import InvalidInput
from tests.integration.cli.example_fleet import assigned, spec
from tests.unit.cli.views import KEYS, NOW, example_view

if TYPE_CHECKING:
    from crony_ops.model.record import Record

NIGHTLY = spec("nightly", labels={"team": "data", "tier": "1"}, run_on={"group": "db"})
HOURLY = spec("hourly", labels={"team": "data"}, run_on={"group": "web"})


def listed(**written: Any) -> set[str]:
    also: dict[str, Record] = {
        KEYS.spec("nightly"): NIGHTLY,
        KEYS.spec("hourly"): HOURLY,
        KEYS.job("u-db-1", "nightly"): assigned(NIGHTLY, NOW),
        KEYS.job("u-web-1", "hourly"): assigned(HOURLY, NOW),
    }
    view = example_view(also=also)
    given = {"labels": (), "groups": (), "nodes": (), "states": (), **written}
    wanted = read_filter(view, **given)
    return {
        job_id
        for job_id, standing in standings(view, NOW).items()
        if wanted.lets(view.specs[job_id].job, standing)
    }


@pytest.mark.parametrize(
    ("written", "jobs"),
    [
        ({"labels": ("team",)}, {"nightly", "hourly"}),
        ({"labels": ("team=data", "tier=1")}, {"nightly"}),
        ({"labels": ("team=web",)}, set()),
        ({"labels": ("tier=",)}, set()),
        ({"groups": ("db", "etl")}, {"nightly", "etl-nightly"}),
        ({"nodes": ("db-1",)}, {"nightly", "old-shell"}),
        ({"nodes": ("u-db-1", "web-2")}, {"nightly", "old-shell", "warm-cache"}),
        ({"states": (Shown.running,)}, {"report"}),
        ({"states": (Shown.running, Shown.paused)}, {"report", "resting"}),
        ({"nodes": ("web-1",), "states": (Shown.failing,)}, {"db-backup"}),
        ({"labels": ("team",), "nodes": ("web-1",)}, {"hourly"}),
    ],
)
def test_all_conditions_hold_and_of_one_kind_any_but_of_labels_all(
    written: dict[str, Any], jobs: set[str]
) -> None:
    assert listed(**written) == jobs


def test_without_a_condition_every_job_is_listed() -> None:
    assert len(listed()) == 8


def test_an_unknown_node_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"there is no node 'web-3' \(nearest: web-"):
        listed(nodes=("web-3",))


def test_a_label_has_a_name() -> None:
    with pytest.raises(InvalidInput, match="write it as NAME or NAME=VALUE"):
        listed(labels=("=x",))
