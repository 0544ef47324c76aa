"""Whom a job runs as: the node has the last word."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job
from crony_ops.node.runs.job_users import JobUsers

ANYBODY = JobUsers("root", None, None)
CRONY = JobUsers("root", "crony", ())
SOME = JobUsers("root", "crony", ("backup", "www-data"))
OWN = JobUsers("root", None, ())


def job(**fields: object) -> Job:
    return Job.model_validate({"schedule": "@daily", "shell": "true", **fields})


@pytest.mark.parametrize(
    ("users", "named", "runs_as"),
    [
        (ANYBODY, None, None),
        (ANYBODY, "root", "root"),
        (ANYBODY, "backup", "backup"),
        (CRONY, None, "crony"),
        (CRONY, "crony", "crony"),
        (SOME, None, "crony"),
        (SOME, "backup", "backup"),
        (OWN, None, None),
        (OWN, "root", "root"),
    ],
)
def test_a_job_runs_as_whom_it_names_or_as_the_nodes_own(
    users: JobUsers, named: str | None, runs_as: str | None
) -> None:
    asked = job(user=named)
    assert users.refusal(asked) == ""
    assert users.settle(asked).user == runs_as


@pytest.mark.parametrize(
    ("users", "named"), [(CRONY, "root"), (CRONY, "backup"), (SOME, "root"), (OWN, "backup")]
)
def test_a_job_may_name_nobody_else(users: JobUsers, named: str) -> None:
    refusal = users.refusal(job(user=named))
    assert refusal == f"this node runs no job as {named}: its job_users does not name that user"


def test_a_request_runs_as_nobody() -> None:
    asked = Job.model_validate({"schedule": "@daily", "http": {"url": "http://localhost/"}})
    assert SOME.refusal(asked) == ""
    assert SOME.settle(asked) is asked
