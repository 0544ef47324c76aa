"""What is written as a job file is read back as the very same jobs."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.catalog.job_file import read_job_file
from crony_ops.catalog.job_yaml import job_fields, job_file_text
from crony_ops.catalog.timing import Intervals
from crony_ops.model.job import Job
from crony_ops.model.spec import Source, Spec
from crony_ops.sync.plan import make_plan
from crony_ops.sync.stored import StoredSpec

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
# YAML has no way to write a surrogate, and a job with one never came from a file.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SECONDS = st.integers(0, 366 * 86_400)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


COMMON = {
    "description": TEXT,
    "labels": st.dictionaries(NAMES, TEXT, max_size=2),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
    "run_on": st.one_of(
        NAMES.map(lambda name: {"node": name}), some(group=NAMES, every=st.booleans())
    ),
    "timeout": st.integers(1, 366 * 86_400),
    "retries": some(
        count=st.integers(0, 9),
        delay=SECONDS,
        backoff=st.just("exponential"),
        jitter=SECONDS,
        retry_on=st.lists(st.integers(0, 599), max_size=3),
    ),
    "concurrency": st.sampled_from(["forbid", "allow", "replace"]),
    "misfire": some(policy=st.sampled_from(["skip", "all"]), grace=SECONDS),
    "splay": SECONDS,
    "notify": some(
        to=st.lists(TEXT, max_size=2),
        on=st.just(["missed"]),
        remind=SECONDS,
        slow=st.one_of(st.just("auto"), st.integers(1, 86_400)),
    ),
    "maintenance": st.lists(
        st.fixed_dictionaries({"schedule": st.just("@daily"), "duration": st.integers(1, 9999)}),
        max_size=2,
    ),
}
SHELL = {
    "shell": TEXT.filter(bool),
    "interpreter": st.lists(TEXT.filter(bool), min_size=1, max_size=3),
    "env": st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), TEXT),
    "umask": st.just("022"),
    "workdir": TEXT.map(lambda text: f"/{text}"),
}
HTTP = {
    "http": st.fixed_dictionaries(
        {"url": st.just("https://example.com/")},
        optional={
            "headers": st.dictionaries(TEXT, TEXT, max_size=2),
            "body": TEXT,
            "expect": st.lists(st.integers(100, 599), max_size=3),
            "connect_timeout": SECONDS,
        },
    )
}
SCHEDULES = st.sampled_from(["30 2 * * *", "*/10 * * * * *", "@daily", "@every 90s", "H H * * *"])
IDS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)


def jobs_of(
    needed: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[Job]:
    return st.fixed_dictionaries(
        {"schedule": SCHEDULES, **needed}, optional={**COMMON, **optional}
    ).map(Job.model_validate)


JOBS = st.one_of(
    jobs_of({"shell": SHELL["shell"]}, {k: v for k, v in SHELL.items() if k != "shell"}),
    jobs_of(HTTP, {}),
)


ODD = [
    "null",
    "~",
    "",
    "no",
    "022",
    "- x",
    "a: b",
    "\t",
    "\x85",
    "\r",
    "\tif\n\t\tx\n",
    "\t\n",
    " a\n\n",
]


def read(text: str) -> dict[str, Job]:
    found = read_job_file("jobs/a.yaml", text.encode(), None, Intervals())
    assert [p.render() for p in found.problems if p.level == "error"] == []
    return {written.id: written.job for written in found.jobs}


@given(st.dictionaries(IDS, JOBS, max_size=3))
def test_jobs_are_read_back_as_they_were_written(jobs: dict[str, Job]) -> None:
    text = job_file_text({job_id: job_fields(job) for job_id, job in jobs.items()})
    found = read(text)
    assert found == jobs

    source = Source(file="jobs/a.yaml", line=7, commit="4f1c2e9")
    specs = {job_id: Spec.of(job, source, {}) for job_id, job in jobs.items()}
    stored = {job_id: StoredSpec.of(spec.to_json(), 5) for job_id, spec in specs.items()}
    wanted = {i: Spec.of(job, Source(file="jobs/a.yaml"), {}) for i, job in found.items()}
    plan = make_plan(wanted, stored)
    assert (len(plan), plan.unchanged) == (0, len(jobs))


@given(TEXT, TEXT)
def test_a_remark_stays_a_remark(head: str, remark: str) -> None:
    job = Job.model_validate({"schedule": "@daily", "shell": "x"})
    text = job_file_text({"a": job_fields(job)}, head=[head], remarks={"a": [remark]})
    assert read(text) == {"a": job}


def test_it_reads_as_people_write_it() -> None:
    job = Job.model_validate(
        {
            "schedule": "30 2 * * *",
            "shell": "set -x\npg_dump app\n",
            "interpreter": "/bin/sh -c",
            "run_on": {"group": "db"},
            "timeout": 5400,
            "retries": {"count": 3, "delay": 10, "max_delay": 600},
            "success": {"exit_codes": [0, 1]},
            "env": {"MODE": "022"},
        }
    )
    assert job_file_text({"dump": job_fields(job)}) == dedent(
        """\
        # yaml-language-server: $schema=../docs/job.schema.json
        jobs:
          dump:
            schedule: 30 2 * * *
            shell: |
              set -x
              pg_dump app
            interpreter: /bin/sh -c
            run_on: {group: db}
            env: {MODE: '022'}
            timeout: 1h30m
            retries: {count: 3, max_delay: 10m}
            success: {exit_codes: [0, 1]}
        """
    )


@pytest.mark.parametrize("value", ODD)
def test_an_odd_text_stays_a_text(value: str) -> None:
    job = Job.model_validate({"schedule": "@daily", "shell": "x", "env": {"A": value}})
    assert read(job_file_text({"a": job_fields(job)})) == {"a": job}
