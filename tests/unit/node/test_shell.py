"""What a shell job is started with."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import threading
from pathlib import Path

import pytest

from crony_ops.model.job import Job
from crony_ops.node.execution import shell
from crony_ops.node.execution.run_folder import RunContext, RunFiles

FILES = RunFiles(log=Path("/runs/j/r.log"), journal=Path("/runs/j/r.json"))
CONTEXT = RunContext(
    job_id="j",
    run_id="r",
    tick=1_795_363_200,
    previous_tick=1_795_359_600,
    node="web-1",
    epoch=7,
    env={"PGHOST": "node", "ZONE": "eu"},
    kill_grace=3,
)


def job(**fields: object) -> Job:
    return Job.model_validate({"schedule": "@daily", "shell": "true", **fields})


def test_a_run_gets_nothing_of_the_agents_secrets() -> None:
    agent = {"PATH": "/bin", "HOME": "/root", "LANG": "C", "ETCD_PASSWORD": "secret"}
    env = shell.environment(job(env={"PGHOST": "job"}), None, CONTEXT, FILES, 2, agent, [])
    assert env == {
        "PATH": "/bin",
        "HOME": "/root",
        "LANG": "C",
        "PGHOST": "job",
        "ZONE": "eu",
        "CRONY_JOB": "j",
        "CRONY_RUN": "r",
        "CRONY_TICK": "20261122T160000Z",
        "CRONY_PREVIOUS_TICK": "20261122T150000Z",
        "CRONY_ATTEMPT": "2",
        "CRONY_NODE": "web-1",
        "CRONY_EPOCH": "7",
        "CRONY_LOG": "/runs/j/r.log",
    }


def test_the_jobs_environment_has_the_last_word_over_a_presets() -> None:
    env = shell.environment(job(env={"A": "it's $HOME"}), None, CONTEXT, FILES, 1, {}, ["A=1\nB=2"])
    assert env["_CRONY_ENV"] == "A=1\nB=2\nA='it'\"'\"'s $HOME'"


def test_a_first_tick_has_no_previous_one() -> None:
    context = CONTEXT.model_copy(update={"previous_tick": None})
    assert "CRONY_PREVIOUS_TICK" not in shell.environment(job(), None, context, FILES, 1, {}, [])


@pytest.mark.parametrize(
    ("command", "hides"),
    [
        ("true", False),
        ("pg_dump app | gzip > /backup/app.gz", False),
        ("executor --run", False),
        ("./run.sh", False),
        ("cd /x && ../y", False),
        ("exec pg_dump", True),
        ("trap 'rm x' EXIT; make", True),
        (". /etc/profile\nmake", True),
        ("make; . ./env", True),
        ("source env; make", True),
        ('eval "$X"', True),
    ],
)
def test_a_command_that_may_hide_its_end_is_recognised(command: str, hides: bool) -> None:
    assert shell.hides_its_end(job(shell=command)) is hides


async def test_an_unknown_user_is_said_in_words() -> None:
    with pytest.raises(shell.CannotStart, match="no user nobody-here"):
        await shell.other_user(job(user="nobody-here"))


async def test_a_directory_of_users_that_does_not_answer_holds_up_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(pwd, "getpwnam", lambda _: answers.wait())
    monkeypatch.setattr(shell, "PATIENCE", 0.05)
    try:
        with pytest.raises(shell.CannotStart, match="user anna was not looked up within"):
            await shell.other_user(job(user="anna"))
    finally:
        answers.set()


async def test_only_root_changes_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(shell.CannotStart, match="root"):
        await shell.other_user(job(user="root"))


def test_any_program_runs_inside_a_bash_that_reads_the_preamble_and_stays() -> None:
    argv = shell.command_line(
        job(interpreter="/usr/bin/env python3 -c"), None, FILES, 1, wrapped=False
    )
    assert argv[1:] == ["-c", '"$@"', "crony", "/usr/bin/env", "python3", "-c", "true"]


def test_bash_as_usual_runs_alone() -> None:
    argv = shell.command_line(job(), None, FILES, 1, wrapped=False)
    assert argv[1:] == ["-euo", "pipefail", "-c", "true"]


def test_a_program_of_its_own_hides_nothing() -> None:
    assert not shell.hides_its_end(job(shell="exec x", interpreter="/bin/sh -c"))


def test_niceness_goes_before_the_program() -> None:
    argv = shell.command_line(job(nice=7), None, FILES, 1, wrapped=False)
    assert argv[0].endswith("nice")
    assert argv[1:3] == ["-n", "7"]


def test_a_niceness_that_is_refused_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "setpriority", refuse)
    with pytest.raises(
        shell.CannotStart, match="may not run a job with nice -5: Permission denied"
    ):
        shell.command_line(job(nice=-5), None, FILES, 1, wrapped=False)
    shell.command_line(job(nice=5), None, FILES, 1, wrapped=False)


def test_a_trial_of_a_niceness_leaves_the_agents_own() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(shell.CannotStart):
        shell.command_line(job(nice=-1), None, FILES, 1, wrapped=False)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
