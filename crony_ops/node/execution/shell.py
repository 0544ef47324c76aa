"""How a shell job becomes a command line and an environment. Nothing is started here."""

from __future__ import annotations

import asyncio
import functools
import os
import pwd
import re
import shlex
import shutil
import threading
from typing import TYPE_CHECKING

from crony_ops.model.job import INTERPRETER
from crony_ops.model.run import run_stamp
from crony_ops.node.execution.proc_table import MARK
from crony_ops.probe import ask_apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crony_ops.model.job import Job
    from crony_ops.node.execution.run_folder import RunContext, RunFiles

WORKDIR = "_CRONY_WORKDIR"
"""For preamble.bash: the folder that a run is to enter. The run itself does, as its own user: the
agent may not see that folder, and would hang with a server of it that doesn't answer."""

PATIENCE = 10.0
"""Seconds for the look-up of a user: it may be asked of a directory that does not answer."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# With one of these a command may replace the bash that is to tell its exit status, or the trap.
_HIDES_ITS_END = re.compile(r"\b(?:exec|trap|eval|source)\b|(?:^|[\s;&|({])\.\s")
_TELL_END = (
    'trap : TERM INT HUP; file=$1 attempt=$2; shift 2; "$@"; status=$?; '
    'echo "{\\"left\\":{\\"attempt\\":$attempt,\\"status\\":$status}}" >>"$file"; exit "$status"'
)


class CannotStart(Exception):
    """The job can't be started on this node; the message says why, in words."""


def hides_its_end(job: Job) -> bool:
    """Whether bash's EXIT trap may not see the command's end, so that a shell around it must.

    A shell around each run would do as well, and cost a run as much again as its own bash. A false
    yes costs that; a false no costs the exit status of a run that outlives its agent.
    """
    return job.interpreter == INTERPRETER and _HIDES_ITS_END.search(job.shell or "") is not None


def command_line(
    job: Job, user: pwd.struct_passwd | None, files: RunFiles, attempt: int, *, wrapped: bool
) -> list[str]:
    """Raises CannotStart when the job's niceness can't be had."""
    assert job.shell is not None
    bash = _program("bash")
    if job.interpreter == INTERPRETER:
        argv = [bash, *INTERPRETER[1:], job.shell]
    else:
        # Whatever it is: the bash around it reads the preamble, and stays to tell its end.
        argv = [bash, "-c", '"$@"', "crony", *job.interpreter, job.shell]
    if user is not None:
        argv = [
            _program("setpriv"),
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--init-groups",
            *argv,
        ]
    if job.nice:
        _check_nice(job.nice)
        argv = [_program("nice"), "-n", str(job.nice), *argv]
    if wrapped:
        argv = ["/bin/sh", "-c", _TELL_END, "crony", str(files.journal), str(attempt), *argv]
    return argv


@functools.cache
def _program(name: str) -> str:
    """Looked up once, with the agent's PATH; the job's own may lead anywhere."""
    return shutil.which(name) or name


def _check_nice(nice: int) -> None:
    """`nice` only warns where it is refused. So a thread tries it on itself, and ends.

    Raises CannotStart.
    """
    refusals: list[OSError] = []

    def attempt() -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + nice)
        except OSError as error:
            refusals.append(error)

    if nice < 0:
        trying = threading.Thread(target=attempt)
        trying.start()
        trying.join()
    if refusals:
        raise CannotStart(f"this agent may not run a job with nice {nice}: {refusals[0].strerror}")


async def other_user(job: Job) -> pwd.struct_passwd | None:
    """The job's user where it isn't the agent's own. Raises CannotStart."""
    if (name := job.user) is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            user = await ask_apart(("user", name), lambda: pwd.getpwnam(name))
    except TimeoutError:
        raise CannotStart(f"user {name} was not looked up within {PATIENCE:g} s") from None
    except KeyError:
        raise CannotStart(f"there is no user {name} on this node") from None
    if user.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise CannotStart(f"only an agent that runs as root can run a job as user {name}")
    return user


def environment(
    job: Job,
    user: pwd.struct_passwd | None,
    context: RunContext,
    files: RunFiles,
    attempt: int,
    agent: Mapping[str, str],
    presets: Sequence[str],
) -> dict[str, str]:
    """What a run's process gets: next to nothing of the agent's own environment, for secrets may
    stand there; then the node's, the presets' (``presets``: the text of their files) and the job's.
    """
    env = {"PATH": agent.get("PATH", PATH)}
    env |= {name: agent[name] for name in ("HOME", "LANG") if name in agent}
    if user is not None:
        env |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    if job.workdir is not None:
        env[WORKDIR] = job.workdir
    env |= context.env
    if presets:
        # For preamble.bash, which the bash of the run reads before the command: it evaluates the
        # presets' files, and then the job's own once more, for those have the last word.
        own = [f"{name}={shlex.quote(value)}" for name, value in job.env.items()]
        env["_CRONY_ENV"] = "\n".join([*presets, *own])
    env |= job.env
    env |= {
        "CRONY_JOB": context.job_id,
        "CRONY_RUN": context.run_id,
        "CRONY_TICK": run_stamp(context.tick),
        "CRONY_ATTEMPT": str(attempt),
        "CRONY_NODE": context.node,
        "CRONY_EPOCH": str(context.epoch),
        MARK: str(files.log),
    }
    if context.previous_tick is not None:
        env["CRONY_PREVIOUS_TICK"] = run_stamp(context.previous_tick)
    return env
