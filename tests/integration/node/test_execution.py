"""Runs with real processes and a real HTTP server: their ends, and what is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from crony_ops.model.job import Job
from crony_ops.model.run import RunState
from crony_ops.node.execution import http
from crony_ops.node.execution.attempts import Execution, Outcome
from crony_ops.node.execution.cgroup import Cgroup, own_place, sweep
from crony_ops.node.execution.run_folder import RunContext, RunFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp


BASH = "/bin/bash -euo pipefail -c"


def job(shell: str | None = None, **fields: object) -> Job:
    return Job.model_validate({"schedule": "@daily", "shell": shell, **fields})


def context(run_id: str = "r", **fields: object) -> RunContext:
    return RunContext.model_validate(
        {
            "job_id": "j",
            "run_id": run_id,
            "tick": 1_795_363_200,
            "node": "n",
            "epoch": 1,
            "kill_grace": 0.3,
            **fields,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs", keep=3)


def no_session() -> aiohttp.ClientSession:
    raise AssertionError("a shell job asks for no HTTP session")


def execution(
    folder: RunFolder,
    job: Job,
    context: RunContext,
    session: Callable[[], aiohttp.ClientSession] = no_session,
    *,
    processes: list[int] | None = None,
    fenced: Callable[[int], tuple[RunState, str] | None] = lambda _: None,
) -> Execution:
    return Execution(
        job,
        context,
        folder.files("j", context.run_id),
        session,
        on_process=lambda pid, _attempt, _command: (
            processes if processes is not None else []
        ).append(pid),
        on_process_end=lambda _pid: None,
        fenced=fenced,
    )


def adopt(folder: RunFolder, run_id: str = "r", job: str = "j") -> Execution | None:
    return Execution.adopt(
        folder.files(job, run_id),
        no_session,
        on_process=lambda *_: None,
        on_process_end=lambda _: None,
    )


async def perform(folder: RunFolder, shell: str, /, **fields: object) -> Outcome:
    return await execution(folder, job(shell, **fields), context()).perform()


async def until(condition: Callable[[], bool], within: float = 8.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - neither files nor processes send events
            await asyncio.sleep(0.01)


def pid_in(path: Path) -> int:
    return int(path.read_text())


def written(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("\n")


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_success(folder: RunFolder) -> None:
    outcome = await perform(folder, 'echo "$CRONY_JOB $CRONY_RUN $CRONY_TICK $CRONY_ATTEMPT"')
    assert outcome.state is RunState.succeeded
    (attempt,) = outcome.attempts
    assert (attempt.exit_code, attempt.output) == (0, "j r 20261122T160000Z 1\n")
    assert outcome.started_at is not None
    assert outcome.started_at <= outcome.ended_at


async def test_a_failure_keeps_its_output_and_says_its_last_line(folder: RunFolder) -> None:
    outcome = await perform(
        folder, "head -c 9000 /dev/zero | tr '\\0' x; echo; echo no >&2; exit 3"
    )
    assert outcome.state is RunState.failed
    assert outcome.reason == "exit 3: no"
    assert outcome.attempts[0].exit_code == 3
    assert len(outcome.attempts[0].output) == 4096
    assert folder.files("j", "r").log.stat().st_size == 9004


async def test_any_failing_part_of_a_pipe_fails_the_run(folder: RunFolder) -> None:
    assert (await perform(folder, "false | cat")).state is RunState.failed


async def test_other_exit_codes_may_be_successes(folder: RunFolder) -> None:
    outcome = await perform(folder, "exit 3", success={"exit_codes": [0, 3]})
    assert outcome.state is RunState.succeeded


@pytest.mark.parametrize("dies_with_agent", [False, True])
async def test_an_end_by_signal_is_told_as_one(folder: RunFolder, dies_with_agent: bool) -> None:
    run = execution(folder, job("kill -9 $$"), context(dies_with_agent=dies_with_agent))
    outcome = await run.perform()
    assert outcome.state is RunState.failed
    assert (outcome.attempts[0].signal, outcome.attempts[0].exit_code) == (9, None)
    assert outcome.reason == "ended by SIGKILL"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"workdir": "/no/such/place"}, "the workdir /no/such/place can't be entered"),
        ({"user": "no-such-user"}, "no user no-such-user"),
        ({"env": {"A": "nul\0"}}, "null byte"),
        ({"env": {"A": "x" * 200_000}}, "too long"),
    ],
)
async def test_what_cannot_start_has_failed(
    folder: RunFolder, fields: dict[str, object], reason: str
) -> None:
    outcome = await perform(folder, "true", **fields)
    assert outcome.state is RunState.failed
    assert reason in outcome.reason


async def test_a_run_that_cannot_be_followed_to_its_end_fails_alone_and_is_ended(
    folder: RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = f"sleep 300 & echo $! >{tmp_path}/pid; rm $CRONY_LOG; mkdir $CRONY_LOG; exit 3"
    ended: list[int] = []
    run = Execution(
        job(command),
        context(),
        folder.files("j", "r"),
        no_session,
        on_process=lambda *_: None,
        on_process_end=ended.append,
    )
    outcome = await run.perform()
    assert outcome.state is RunState.failed
    assert outcome.reason.startswith("given up by its agent: IsADirectoryError: [Errno 21] Is a ")
    assert "Traceback" in caplog.text
    assert len(ended) == 1
    assert not lives(pid_in(tmp_path / "pid"))


async def test_a_grandchild_that_holds_the_output_does_not_hold_the_run(folder: RunFolder) -> None:
    began = time.monotonic()
    outcome = await perform(folder, "sleep 30 & echo $!")
    assert outcome.state is RunState.succeeded
    assert time.monotonic() - began < 5
    daemon = int(outcome.attempts[0].output)
    assert lives(daemon), "a success leaves what it started in the background"
    os.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize("dies_with_agent", [False, True])
@pytest.mark.parametrize("by", ["sleep 30", "timeout 30 sleep 30"])
async def test_a_timeout_ends_grandchildren_too(
    folder: RunFolder, tmp_path: Path, by: str, dies_with_agent: bool
) -> None:
    command = f"{by} & echo $! >{tmp_path}/pid; wait"
    run = execution(folder, job(command, timeout=1), context(dies_with_agent=dies_with_agent))
    outcome = await run.perform()
    assert outcome.state is RunState.timed_out
    assert outcome.reason == "timed out after 1s"
    assert not lives(pid_in(tmp_path / "pid"))


async def test_what_ignores_term_is_killed_after_the_grace(
    folder: RunFolder, tmp_path: Path
) -> None:
    command = f"trap '' TERM; echo $$ >{tmp_path}/pid; while :; do sleep 0.05; done"
    run = execution(folder, job(command), context())
    performing = asyncio.create_task(run.perform())
    await until(lambda: written(tmp_path / "pid"))
    began = time.monotonic()
    run.stop(RunState.killed, "killed by anna")
    run.stop(RunState.fenced, "too late")
    outcome = await performing
    assert (outcome.state, outcome.reason) == (RunState.killed, "killed by anna")
    assert 0.3 <= time.monotonic() - began < 3
    assert not lives(pid_in(tmp_path / "pid"))


async def test_the_grace_lets_a_run_clean_up(folder: RunFolder, tmp_path: Path) -> None:
    command = f"trap 'sleep 0.1; echo bye; exit 0' TERM; echo up >{tmp_path}/up; sleep 30 & wait"
    run = execution(folder, job(command), context(kill_grace=5))
    performing = asyncio.create_task(run.perform())
    await until(lambda: written(tmp_path / "up"))
    run.stop(RunState.killed, "enough")
    outcome = await performing
    assert outcome.state is RunState.killed
    assert outcome.attempts[0].output == "bye\n"


async def test_a_run_stopped_before_its_start_never_starts(folder: RunFolder) -> None:
    run = execution(folder, job("true"), context())
    run.stop(RunState.fenced, "the lease is lost")
    outcome = await run.perform()
    assert (outcome.state, outcome.attempts, outcome.started_at) == (RunState.fenced, (), None)


@pytest.mark.parametrize("attempts", [0, 1])
async def test_no_attempt_begins_once_the_lease_has_run_out(
    folder: RunFolder, attempts: int
) -> None:
    run = execution(
        folder,
        job("false", retries={"count": 3, "delay": 0}),
        context(),
        fenced=lambda number: None if number <= attempts else (RunState.fenced, "it ran out"),
    )
    outcome = await run.perform()
    assert (outcome.state, len(outcome.attempts)) == (RunState.fenced, attempts)
    assert outcome.reason == "it ran out"


async def test_a_long_output_costs_no_memory(folder: RunFolder) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await perform(folder, "head -c 100000000 /dev/zero; echo end")
    assert outcome.attempts[0].output.endswith("end\n")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    assert folder.files("j", "r").log.stat().st_size == 100_000_004


async def test_retries_go_on_until_a_success(folder: RunFolder) -> None:
    retries = {"count": 3, "delay": 0}
    outcome = await perform(
        folder, "echo try $CRONY_ATTEMPT; [ $CRONY_ATTEMPT = 3 ]", retries=retries
    )
    assert outcome.state is RunState.succeeded
    assert [attempt.output for attempt in outcome.attempts] == ["try 1\n", "try 2\n", "try 3\n"]
    assert folder.files("j", "r").log.read_text() == "try 1\ntry 2\ntry 3\n"


async def test_the_last_retry_decides(folder: RunFolder) -> None:
    outcome = await perform(folder, "exit $CRONY_ATTEMPT", retries={"count": 1, "delay": 0})
    assert (outcome.state, outcome.reason) == (RunState.failed, "exit 2")


async def test_a_stop_ends_a_retry_delay(folder: RunFolder) -> None:
    run = execution(folder, job("false", retries={"count": 1, "delay": 3600}), context())
    performing = asyncio.create_task(run.perform())
    journal = folder.files("j", "r").journal
    await until(lambda: journal.exists() and b'"ended"' in journal.read_bytes())
    run.stop(RunState.killed, "enough")
    async with asyncio.timeout(2):
        outcome = await performing
    assert outcome.state is RunState.killed
    assert len(outcome.attempts) == 1


async def test_presets_are_sourced_and_the_job_has_the_last_word(
    folder: RunFolder, tmp_path: Path
) -> None:
    preset = tmp_path / "pg.env"
    preset.write_text("PGHOST=preset\nPGUSER='a b'\nPATH=/opt/pg/bin:$PATH\n")
    run = execution(
        folder,
        job('echo "$PGHOST|$PGUSER|${PATH%%:*}|${_CRONY_ENV-gone}"', env={"PGHOST": "it's"}),
        context(preset_env=(preset,), env={"PGUSER": "node"}),
    )
    outcome = await run.perform()
    assert outcome.attempts[0].output == "it's|a b|/opt/pg/bin|gone\n"


@pytest.mark.parametrize(
    ("interpreter", "command"),
    [
        (f"{sys.executable} -c", "import os; print(os.environ['PGHOST'], os.environ['A'])"),
        ("/bin/sh -c", "echo $PGHOST $A"),
        ("/bin/bash -c", "false; echo $PGHOST $A"),
    ],
)
@pytest.mark.parametrize("dies_with_agent", [False, True])
async def test_any_program_may_interpret_the_command(
    folder: RunFolder, tmp_path: Path, interpreter: str, command: str, dies_with_agent: bool
) -> None:
    preset = tmp_path / "pg.env"
    preset.write_text("PGHOST=preset\nA=preset\n")
    asked = job(command, interpreter=interpreter, env={"A": "own"})
    told = context(preset_env=(preset,), dies_with_agent=dies_with_agent)
    outcome = await execution(folder, asked, told).perform()
    assert outcome.state is RunState.succeeded, outcome
    assert outcome.attempts[0].output == "preset own\n"


async def test_a_stop_reaches_any_program(folder: RunFolder, tmp_path: Path) -> None:
    command = f"trap 'echo bye; exit 0' TERM; echo up >{tmp_path}/up; while :; do sleep 0.02; done"
    run = execution(folder, job(command, interpreter="/bin/sh -c"), context(kill_grace=5))
    performing = asyncio.create_task(run.perform())
    await until(lambda: written(tmp_path / "up"))
    run.stop(RunState.killed, "enough")
    assert (await performing).attempts[0].output.endswith("bye\n")


async def test_a_run_gets_its_umask_and_niceness(folder: RunFolder) -> None:
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    outcome = await perform(folder, "umask; nice", umask="027", nice=1)
    assert outcome.attempts[0].output == f"0027\n{min(nice + 1, 19)}\n"


async def test_output_that_is_forbidden_fails_a_success(folder: RunFolder) -> None:
    success = {"forbid_output": "^ERROR"}
    outcome = await perform(folder, "echo ERROR: all is lost", success=success)
    assert outcome.state is RunState.failed
    assert outcome.reason == "its output has `^ERROR`, which forbid_output names"
    assert outcome.attempts[0].exit_code == 0


async def test_only_the_output_of_the_attempt_itself_counts(folder: RunFolder) -> None:
    outcome = await perform(
        folder,
        "[ $CRONY_ATTEMPT = 2 ] || echo ERROR",
        success={"forbid_output": "ERROR"},
        retries={"count": 1, "delay": 0},
    )
    assert [attempt.exit_code for attempt in outcome.attempts] == [0, 0]
    assert outcome.state is RunState.succeeded


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
@pytest.mark.parametrize(
    "command", ["id -un; echo $HOME >/dev/stderr", "exec sh -c 'id -un; echo $HOME'"]
)
async def test_a_run_as_another_user(folder: RunFolder, command: str) -> None:
    outcome = await perform(folder, command, user="daemon")
    assert outcome.state is RunState.succeeded, outcome
    assert outcome.attempts[0].output.endswith("/usr/sbin\n")


_AGENT = """
import asyncio, sys
from pathlib import Path
from crony_ops.model.job import Job
from crony_ops.node.execution.attempts import Execution
from crony_ops.node.execution.run_folder import RunContext, RunFolder
root, dies, shell, job, interpreter = sys.argv[1:]
context = RunContext(job_id=job, run_id="r", tick=1795363200, node="n", epoch=1, kill_grace=0.3,
                     dies_with_agent=dies == "dies")
files = RunFolder(Path(root), 3).files(job, "r")
job = Job(schedule="@daily", shell=shell, interpreter=interpreter)
run = Execution(job, context, files, lambda: None,
                on_process=lambda *_: None, on_process_end=lambda _: None)
asyncio.run(run.perform())
"""


async def killed_agent(
    folder_root: Path,
    shell: str,
    *,
    dies: bool,
    ready: Path,
    job: str = "j",
    interpreter: str = BASH,
) -> None:
    """An agent that starts the command, and is killed as soon as the file is written."""
    agent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _AGENT,
        str(folder_root),
        "dies" if dies else "lives",
        shell,
        job,
        interpreter,
    )
    await until(lambda: written(ready), within=20)
    journal = folder_root / job / "r.json"
    await until(lambda: journal.exists() and b'"started"' in journal.read_bytes())
    agent.kill()
    await agent.wait()


def waits_for_go(folder: Path) -> str:
    return f"echo $$ >{folder}/pid; until [ -e {folder}/go ]; do sleep 0.02; done"


_HIDING = [("", BASH), ("trap 'true' EXIT; ", BASH), ("", "/bin/sh -c")]


@pytest.mark.parametrize(("prefix", "interpreter"), _HIDING)
async def test_a_run_that_outlives_its_agent_is_adopted(
    folder: RunFolder, tmp_path: Path, prefix: str, interpreter: str
) -> None:
    command = prefix + waits_for_go(tmp_path) + "; echo late; exit 7"
    await killed_agent(
        tmp_path / "runs", command, dies=False, ready=tmp_path / "pid", interpreter=interpreter
    )
    assert lives(pid_in(tmp_path / "pid"))
    assert [meta.context.run_id for meta in folder.unfinished()] == ["r"]
    run = adopt(folder)
    assert run is not None
    assert run.job.shell == command
    performing = asyncio.create_task(run.perform())
    (tmp_path / "go").touch()
    outcome = await performing
    assert (outcome.state, outcome.reason) == (RunState.failed, "exit 7: late")
    assert outcome.attempts[0].exit_code == 7


async def test_a_run_is_adopted_even_if_its_agent_died_before_it_noted_the_pid(
    folder: RunFolder, tmp_path: Path
) -> None:
    command = waits_for_go(tmp_path) + "; exit 7"
    job = f"j{uuid.uuid4().hex[:12]}"  # found by its name: other tests have a j of their own
    await killed_agent(tmp_path / "runs", command, dies=False, ready=tmp_path / "pid", job=job)
    journal = folder.files(job, "r").journal
    lines = [line for line in journal.read_text().splitlines() if '"pid"' not in line]
    journal.write_text("\n".join(lines) + "\n")
    assert any('"started"' in line for line in lines)
    run = adopt(folder, job=job)
    assert run is not None
    performing = asyncio.create_task(run.perform())
    (tmp_path / "go").touch()
    assert (await performing).attempts[0].exit_code == 7


async def test_an_adopted_run_can_be_stopped(folder: RunFolder, tmp_path: Path) -> None:
    command = f"echo $$ >{tmp_path}/pid; sleep 30"
    await killed_agent(tmp_path / "runs", command, dies=False, ready=tmp_path / "pid")
    run = adopt(folder)
    assert run is not None
    performing = asyncio.create_task(run.perform())
    run.stop(RunState.killed, "enough")
    assert (await performing).state is RunState.killed
    assert not lives(pid_in(tmp_path / "pid"))


@pytest.mark.parametrize(("prefix", "interpreter"), _HIDING)
async def test_a_run_that_ended_without_its_agent_tells_its_true_end(
    folder: RunFolder, tmp_path: Path, prefix: str, interpreter: str
) -> None:
    command = (
        f"{prefix}echo $$ >{tmp_path}/pid; until [ -e {tmp_path}/go ]; do sleep 0.02; done; exit 5"
    )
    await killed_agent(
        tmp_path / "runs", command, dies=False, ready=tmp_path / "pid", interpreter=interpreter
    )
    (tmp_path / "go").touch()
    journal = folder.files("j", "r").journal
    await until(lambda: b'"left"' in journal.read_bytes() and not lives(pid_in(tmp_path / "pid")))
    run = adopt(folder)
    assert run is not None
    outcome = await run.perform()
    assert (outcome.state, outcome.attempts[0].exit_code) == (RunState.failed, 5)


@pytest.mark.parametrize(
    "command",
    [
        "true",
        "exit 6",
        "echo ${NOT_SET}",
        "if",
        "no-such-command",
        "f() { false; }; f; echo never",
        "(exit 4) | cat",
        "kill -TERM $$; sleep 5",
        "true; kill -HUP $$",
        "sh -c 'kill -KILL $$'",
        "trap 'exit 8' EXIT",
        "exec sh -c 'exit 9'",
    ],
)
async def test_the_status_that_a_run_leaves_is_the_one_that_its_parent_sees(
    folder: RunFolder, command: str
) -> None:
    attempt = (await perform(folder, command)).attempts[0]
    seen = attempt.exit_code if attempt.signal is None else 128 + attempt.signal
    left = re.search(r'"status":(\d+)', folder.files("j", "r").journal.read_text())
    # Bash reports an error of syntax before any trap of its own: such a run left nothing.
    assert (left is None and command == "if") or (left is not None and int(left[1]) == seen)


@pytest.mark.parametrize(("prefix", "interpreter"), _HIDING)
async def test_a_run_that_was_terminated_without_its_agent_is_no_success(
    folder: RunFolder, tmp_path: Path, prefix: str, interpreter: str
) -> None:
    command = f"{prefix}echo $$ >{tmp_path}/pid; sleep 30; echo never"
    await killed_agent(
        tmp_path / "runs", command, dies=False, ready=tmp_path / "pid", interpreter=interpreter
    )
    group = os.getpgid(pid_in(tmp_path / "pid"))
    journal = folder.files("j", "r").journal

    def ended() -> bool:
        # Told again and again: a child that bash is about to start may take the signal with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        return b'"left"' in journal.read_bytes()

    await until(ended)
    run = adopt(folder)
    assert run is not None
    outcome = await run.perform()
    assert (outcome.state, outcome.attempts[0].signal) == (RunState.failed, signal.SIGTERM)


async def test_a_run_that_was_killed_without_its_agent_is_lost(
    folder: RunFolder, tmp_path: Path
) -> None:
    command = f"echo $$ >{tmp_path}/pid; sleep 30"
    await killed_agent(tmp_path / "runs", command, dies=False, ready=tmp_path / "pid")
    os.killpg(pid_in(tmp_path / "pid"), signal.SIGKILL)
    await until(lambda: not lives(pid_in(tmp_path / "pid")))
    assert adopt(folder) is None


async def test_a_pid_that_passed_to_another_process_is_not_adopted(
    folder: RunFolder, tmp_path: Path
) -> None:
    await perform(folder, f"echo up >{tmp_path}/up")
    journal = folder.files("j", "r").journal
    lines = journal.read_text().splitlines()
    started = next(line for line in lines if '"pid"' in line)
    pid = started.partition('"pid":')[2].partition(",")[0]
    foreign = started.replace(f'"pid":{pid}', f'"pid":{os.getpid()}')
    journal.write_text(f"{lines[0]}\n{foreign}\n")
    assert adopt(folder) is None


async def test_the_same_run_of_another_agent_on_this_machine_is_not_adopted(
    folder: RunFolder, tmp_path: Path
) -> None:
    """Two agents may share a machine, as those of a local cluster do. Ours was killed before it
    had noted a pid."""
    await perform(folder, "true")
    journal = folder.files("j", "r").journal
    begun = journal.read_text().splitlines()[:2]
    assert '"started"' in begun[1]
    assert '"pid"' not in begun[1]
    journal.write_text("".join(f"{line}\n" for line in begun))
    other = RunFolder(tmp_path / "other", keep=3)
    its = execution(other, job(waits_for_go(tmp_path)), context())
    performing = asyncio.create_task(its.perform())
    await until(lambda: written(tmp_path / "pid"))
    assert adopt(folder) is None
    (tmp_path / "go").touch()
    assert (await performing).state is RunState.succeeded


@pytest.mark.parametrize("interpreter", [BASH, "/bin/sh -c"])
async def test_a_rerun_job_dies_with_its_agent_grandchildren_and_all(
    folder: RunFolder, tmp_path: Path, interpreter: str
) -> None:
    command = (
        f"timeout 30 sleep 30 & echo $! >{tmp_path}/child; (setsid sh -c "
        f"'echo $$ >{tmp_path}/daemon; exec env -i sleep 30' &); "
        f"until [ -s {tmp_path}/daemon ]; do sleep 0.02; done; echo $$ >{tmp_path}/pid; wait"
    )
    await killed_agent(
        tmp_path / "runs", command, dies=True, ready=tmp_path / "pid", interpreter=interpreter
    )
    await until(lambda: not lives(pid_in(tmp_path / "pid")))
    await until(lambda: not lives(pid_in(tmp_path / "child")))
    if own_place() is None:
        os.kill(pid_in(tmp_path / "daemon"), signal.SIGKILL)
    await until(lambda: not lives(pid_in(tmp_path / "daemon")))
    assert adopt(folder) is None


async def test_an_agent_that_goes_down_leaves_its_run_to_the_next(
    folder: RunFolder, tmp_path: Path
) -> None:
    command = waits_for_go(tmp_path)
    performing = asyncio.create_task(execution(folder, job(command), context()).perform())
    await until(lambda: written(tmp_path / "pid"))
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    run = adopt(folder)
    assert run is not None
    (tmp_path / "go").touch()
    assert (await run.perform()).state is RunState.succeeded


async def test_a_reported_end_is_told_again_until_it_is_forgotten(folder: RunFolder) -> None:
    first = await perform(folder, "exit 4")
    again = adopt(folder)
    assert again is not None
    assert await again.perform() == first
    folder.forget("j", "r")
    assert adopt(folder) is None


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with http.open_session() as opened:
        yield opened


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/slow":
                await asyncio.sleep(30)
            case "/loop":
                raise web.HTTPFound("/loop")
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65_536)
            case "/echo":
                return web.Response(text=f"{request.method} {await request.text()}")
        return web.Response(status=int(request.path[1:]), text="said")

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_route("*", "/{path}", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "action", "state", "reason"),
    [
        ("/204", {}, RunState.succeeded, ""),
        ("/500", {}, RunState.failed, "HTTP 500 Internal Server Error"),
        ("/500", {"expect": [500]}, RunState.succeeded, ""),
        ("/200", {"expect": [204]}, RunState.failed, "HTTP 200 OK"),
        ("/loop", {}, RunState.failed, "more than 5 redirects"),
        ("/endless", {}, RunState.succeeded, ""),
        ("/slow", {}, RunState.timed_out, "timed out after 1s: no answer came"),
    ],
)
async def test_http(
    folder: RunFolder,
    session: aiohttp.ClientSession,
    server: str,
    path: str,
    action: dict[str, object],
    state: RunState,
    reason: str,
) -> None:
    asked = job(http={"url": server + path, **action}, timeout=1)
    outcome = await execution(folder, asked, context(), lambda: session).perform()
    assert (outcome.state, outcome.reason) == (state, reason)


async def test_http_sends_and_keeps_the_body(
    folder: RunFolder, session: aiohttp.ClientSession, server: str
) -> None:
    asked = job(http={"url": f"{server}/echo", "method": "post", "body": "grüß"})
    outcome = await execution(folder, asked, context(), lambda: session).perform()
    assert (outcome.attempts[0].status, outcome.attempts[0].output) == (200, "POST grüß")
    assert folder.files("j", "r").log.read_text() == "POST grüß"


async def test_http_without_a_server_fails(
    folder: RunFolder, session: aiohttp.ClientSession
) -> None:
    asked = job(http={"url": "http://127.0.0.1:1/"})
    outcome = await execution(folder, asked, context(), lambda: session).perform()
    assert outcome.state is RunState.failed
    assert "127.0.0.1:1" in outcome.reason


async def test_http_can_be_stopped_and_is_lost_with_its_agent(
    folder: RunFolder, session: aiohttp.ClientSession, server: str
) -> None:
    asked = job(http={"url": f"{server}/slow"})
    requests: list[int] = []
    run = execution(folder, asked, context(), lambda: session, processes=requests)
    performing = asyncio.create_task(run.perform())
    await until(lambda: bool(requests))
    assert adopt(folder) is None
    run.stop(RunState.killed, "enough")
    assert (await performing).state is RunState.killed


async def test_a_run_whose_control_group_was_taken_away_is_ended_all_the_same(
    folder: RunFolder, tmp_path: Path
) -> None:
    groups = list(filter(None, [own_place()]))
    files = folder.files("j", "r")
    command = (
        f"(setsid sh -c 'echo $$ >{tmp_path}/pid; exec sleep 300' &); "
        f"until [ -s {tmp_path}/pid ]; do sleep 0.02; done; "
        f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; exit 1"
    )
    run = execution(folder, job(command, timeout=60), context())
    performing = asyncio.create_task(run.perform())
    await until(lambda: written(tmp_path / "pid"))
    for place in groups:
        group = Cgroup.of(context(), files, 1)
        assert group is not None
        while not group.remove():
            for pid in group.pids():
                with contextlib.suppress(ProcessLookupError):  # the sleeps of the loops are short
                    (place / "cgroup.procs").write_text(str(pid))
    (tmp_path / "go").touch()
    assert (await performing).state is RunState.failed
    assert not lives(pid_in(tmp_path / "pid"))


async def test_a_sweep_leaves_the_groups_of_runs_that_begin(folder: RunFolder) -> None:
    group = Cgroup.of(context(), folder.files("j", "r"), 1)
    if group is None or not group.make():
        pytest.skip("no control groups can be made here")
    sweep(folder.root, folder.under_way)
    assert group.exists
    folder.forget("j", "r")
    sweep(folder.root, folder.under_way)
    assert not group.exists
