"""A job goes into etcd and comes out the same, and says only what is not the default."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crony_ops.model.job import Job
from crony_ops.model.run import OpenRun
from crony_ops.model.spec import Assignment, Source, Spec

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PLACES = st.one_of(
    st.just("auto"),
    st.fixed_dictionaries({"node": NAMES}),
    st.fixed_dictionaries({"group": NAMES}, optional={"every": st.booleans()}),
    st.just({"every": True}),
)
COMMON = {
    "description": TEXT,
    "timezone": st.sampled_from(["UTC", "Asia/Shanghai"]),
    "run_on": PLACES,
    "timeout": st.sampled_from([None, 1, "30m"]),
    "retries": st.fixed_dictionaries(
        {}, optional={"count": st.integers(0, 100), "backoff": st.just("exponential")}
    ),
    "concurrency": st.sampled_from(["forbid", "allow", "replace"]),
    "misfire": st.fixed_dictionaries({"policy": st.sampled_from(["skip", "latest", "all"])}),
    "on_node_loss": st.sampled_from(["report", "rerun"]),
    "splay": st.sampled_from([0, "10m"]),
    "notify": st.fixed_dictionaries({}, optional={"to": st.lists(TEXT, max_size=2)}),
}
SHELL = st.fixed_dictionaries(
    {"schedule": st.just("* * * * *"), "shell": TEXT.filter(bool)},
    optional={
        **COMMON,
        "presets": st.lists(NAMES, max_size=2),
        "env": st.dictionaries(st.from_regex(r"[A-Z_]{1,4}", fullmatch=True), TEXT, max_size=2),
        "workdir": st.just("/var"),
        "success": st.just({"exit_codes": [0, 3]}),
    },
)
HTTP = st.fixed_dictionaries(
    {
        "schedule": st.just("@daily"),
        "http": st.fixed_dictionaries(
            {"url": st.just("https://x/y")},
            optional={"body": TEXT, "method": st.just("post"), "expect": st.just([200, 204])},
        ),
    },
    optional=COMMON,
)
JOBS = st.one_of(SHELL, HTTP).map(Job.model_validate)


@settings(max_examples=50)
@given(JOBS)
def test_a_job_comes_out_of_etcd_as_it_went_in(job: Job) -> None:
    spec = Spec.of(job, Source(file="jobs/a.yaml"), {"p": "s"})
    assert Spec.from_json(spec.to_json()) == spec
    given = Assignment(job=job, sha256=spec.sha256, spec_revision=1)
    assert Assignment.from_json(given.to_json()) == given


@settings(max_examples=50)
@given(JOBS, st.permutations([("p", "1"), ("q", "2"), ("r", "3")]))
def test_the_sum_of_a_spec_depends_on_the_job_and_its_presets_alone(
    job: Job, presets: list[tuple[str, str]]
) -> None:
    sums = {"p": "1", "q": "2", "r": "3"}
    one = Spec.of(job, Source(file="jobs/a.yaml", line=1, commit="a"), sums)
    again = Job.model_validate_json(job.model_dump_json())
    other = Spec.of(again, Source(file="jobs/b.yaml", line=9, commit="b"), dict(presets))
    assert one.sha256 == other.sha256
    assert Spec.of(job, one.source, {**sums, "p": "4"}).sha256 != one.sha256


def test_defaults_are_left_out() -> None:
    job = Job.model_validate({"schedule": "@daily", "shell": "x", "run_on": "auto", "splay": 0})
    assert json.loads(job.model_dump_json(exclude_defaults=True)) == {
        "schedule": "@daily",
        "shell": "x",
    }


@pytest.mark.parametrize(
    ("fields", "movable"),
    [
        ({"shell": "x"}, False),
        ({"shell": "x", "presets": ["p"]}, True),
        ({"shell": "x", "presets": ["p"], "run_on": {"node": "n"}}, False),
        ({"http": {"url": "http://x"}}, True),
        ({"http": {"url": "http://x"}, "run_on": {"group": "g"}}, True),
        ({"http": {"url": "http://x"}, "run_on": {"every": True}}, False),
    ],
)
def test_a_job_is_movable_where_its_environment_is(
    fields: dict[str, object], movable: bool
) -> None:
    assert Job.model_validate({"schedule": "@daily", **fields}).movable is movable


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "exactly one"),
        ({"shell": "x", "http": {"url": "http://x"}}, "exactly one"),
        ({"http": {"url": "http://x"}, "user": "u"}, "`user`"),
        ({"shell": "x", "run_on": {"node": "n", "every": True}}, "either a node or a group"),
        ({"shell": "x", "workdir": "srv"}, "absolute"),
        ({"shell": "x", "timeout": 0}, "leave it out"),
        ({"shell": "x", "shel": "y"}, "shel"),
        ({"http": {"url": "ftp://x"}}, "url"),
    ],
)
def test_a_job_that_means_nothing_is_refused(fields: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Job.model_validate({"schedule": "@daily", **fields})


def test_a_field_of_a_newer_version_is_passed_over_in_a_record() -> None:
    run = OpenRun(run_id="20260101T000000Z-s", job_id="j", tick=1, node="u", incarnation=1)
    newer = {**json.loads(run.to_json()), "colour": "blue"}
    assert OpenRun.from_json(json.dumps(newer).encode()) == run
