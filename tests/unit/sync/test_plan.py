"""The plan: what counts as a change, and what is known about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.sync.plan import (
    Plan,
    digest_of,
    make_plan,
    with_holders,
    with_outlook,
)
from crony_ops.sync.plan_document import AddedJob, Changes, RemovedJob
from crony_ops.sync.stored import StoredSpec
from tests.unit.sync.jobs import spec, stored

if TYPE_CHECKING:
    from crony_ops.model.spec import Spec

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("UTC")).timestamp()


def ids(plan: Plan) -> tuple[list[str], list[str], list[str]]:
    return (
        [change.job_id for change in plan.added],
        [change.job_id for change in plan.changed],
        [change.job_id for change in plan.removed],
    )


def test_every_job_is_added_changed_removed_or_unchanged() -> None:
    plan = make_plan(
        {"new": spec(), "edited": spec(timeout="1h"), "same": spec()},
        {"edited": stored(timeout="30m"), "same": stored(), "gone": stored()},
    )
    assert ids(plan) == (["new"], ["edited"], ["gone"])
    assert plan.unchanged == 1
    assert len(plan) == 3
    assert plan.wanted == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"line": 1}, {"line": 90}),
        ({"commit": "a" * 40}, {"commit": "b" * 40}),
        ({"timeout": 3600}, {"timeout": "1h"}),
        ({}, {"run_on": "auto", "splay": 0, "notify": {"after": 1}}),
    ],
)
def test_what_means_the_same_is_no_change(before: Any, after: Any) -> None:
    assert not len(make_plan({"j": spec(**after)}, {"j": stored(**before)}))


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({}, {"schedule": "15 3 * * *"}, [("schedule", "30 2 * * *", "15 3 * * *")]),
        ({"timeout": "30m"}, {"timeout": "1h"}, [("timeout", "30m", "1h")]),
        ({}, {"timeout": "90s"}, [("timeout", None, "1m30s")]),
        ({"retries": {"count": 1}}, {}, [("retries.count", 1, 0)]),
        ({}, {"retries": {"delay": "1m"}}, [("retries.delay", "10s", "1m")]),
        ({}, {"run_on": {"group": "web"}}, [("run_on.group", None, "web")]),
        ({"env": {"A": "1"}}, {"env": {"B": "2"}}, [("env.A", "1", None), ("env.B", None, "2")]),
        (
            {"env": {"A_TOKEN": "x"}},
            {"env": {"A_TOKEN": "y"}},
            [("env.A_TOKEN", "(hidden)", "(hidden)")],
        ),
        ({}, {"success": {"exit_codes": [0, 2]}}, [("success.exit_codes", [0], [0, 2])]),
        (
            {"presets": ["p"], "sums": {"p": "1" * 64}},
            {"presets": ["p"], "sums": {"p": "2" * 64}},
            [("preset_sums.p", "1" * 64, "2" * 64)],
        ),
        ({"file": "a.yaml"}, {"file": "b.yaml"}, [("file", "a.yaml", "b.yaml")]),
        (
            {"http": {"url": "http://a/"}},
            {"http": {"url": "http://a/", "headers": {"Authorization": "x", "Accept": "y"}}},
            [("http.headers.Authorization", None, "(hidden)"), ("http.headers.Accept", None, "y")],
        ),
    ],
)
def test_a_change_is_told_field_by_field(before: Any, after: Any, fields: Any) -> None:
    [change] = make_plan({"j": spec(**after)}, {"j": stored(7, **before)}).changed
    assert change.revision == 7
    assert [(field.field, field.old, field.new) for field in change.fields] == fields


@pytest.mark.parametrize("value", [b"", b"no json", b"[]", b"{}", b'{"sha256": 1}', b"\xff"])
def test_a_stored_value_that_is_no_spec_is_replaced(value: bytes) -> None:
    [change] = make_plan({"j": spec()}, {"j": StoredSpec.of(value, 9)}).changed
    assert change.unreadable
    assert change.revision == 9


def test_a_stored_value_that_is_no_spec_is_removed_too() -> None:
    plan = with_outlook(make_plan({}, {"j": StoredSpec.of(b"?", 9)}), NOW)
    assert ids(plan) == ([], [], ["j"])
    assert Changes.of(plan).removed == [RemovedJob("j", None, None, None, ())]


def test_without_pruning_jobs_in_no_file_are_kept() -> None:
    plan = make_plan({}, {"b": stored(), "a": stored()}, prune=False)
    assert not len(plan)
    assert plan.kept == ("a", "b")


def test_next_ticks_are_told_in_the_zone_of_the_job() -> None:
    plan = make_plan({"j": spec(timezone="Asia/Shanghai")}, {})
    assert Changes.of(with_outlook(plan, NOW)).added == [
        AddedJob(
            job="j",
            file="jobs/a.yaml",
            line=1,
            interval="24 h apart",
            next=[
                "2026-11-23T02:30:00+08:00",
                "2026-11-24T02:30:00+08:00",
                "2026-11-25T02:30:00+08:00",
            ],
        )
    ]


def test_a_removal_tells_which_nodes_hold_the_job() -> None:
    plan = with_holders(make_plan({}, {"j": stored()}), {"j": ("web-1",), "other": ("web-2",)})
    assert plan.removed[0].holders == ("web-1",)


_specs = st.dictionaries(
    # Few ids, so that two catalogues often have some in common.
    st.sampled_from(["a", "b", "db-backup", "warm.cache", "x_1", "z9"]),
    st.builds(
        spec,
        schedule=st.sampled_from(["30 2 * * *", "@every 90s", "H H * * *"]),
        timeout=st.one_of(st.none(), st.integers(1, 100_000)),
        env=st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=4), max_size=2),
        file=st.sampled_from(["a.yaml", "b.yaml"]),
        line=st.integers(1, 9),
    ),
    max_size=6,
)


def _as_stored(specs: dict[str, Spec]) -> dict[str, StoredSpec]:
    return {job_id: StoredSpec.of(s.to_json(), 3) for job_id, s in specs.items()}


@given(_specs)
def test_a_catalogue_against_itself_is_an_empty_plan(specs: dict[str, Spec]) -> None:
    plan = make_plan(specs, _as_stored(specs))
    assert not len(plan)
    assert plan.unchanged == len(specs)


@given(_specs, _specs)
def test_after_a_plan_is_applied_nothing_is_left_to_do(
    before: dict[str, Spec], wanted: dict[str, Spec]
) -> None:
    held = _as_stored(before)
    plan = make_plan(wanted, held)
    for change in plan:
        if change.wanted:
            held[change.job_id] = StoredSpec.of(change.wanted.to_json(), 4)
        else:
            del held[change.job_id]
    assert not len(make_plan(wanted, held))


@given(_specs, _specs)
def test_every_change_has_a_reason(before: dict[str, Spec], wanted: dict[str, Spec]) -> None:
    plan = make_plan(wanted, _as_stored(before))
    assert all(change.fields for change in plan.changed)
    assert plan.wanted == len(wanted)


@given(_specs, _specs)
def test_the_digest_tells_catalogues_apart(one: dict[str, Spec], two: dict[str, Spec]) -> None:
    same = {k: s.sha256 for k, s in one.items()} == {k: s.sha256 for k, s in two.items()}
    assert (digest_of(one) == digest_of(two)) is same
