"""Shell jobs whose variables refer to secrets; and runs that hold up the next one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crony_ops.local.waiting import wait_until
from crony_ops.model.job import Job
from crony_ops.model.run import RunState
from crony_ops.node.execution.attempts import Execution
from crony_ops.node.execution.run_folder import RunContext, RunFolder

if TYPE_CHECKING:
    import aiohttp

SECRET = "it's hunter2"


class Run:
    def __init__(self, folder: Path, shell: str, /, **fields: Any) -> None:
        self.files = RunFolder(folder / "runs", 3).files("j", "r")
        self.commands: list[str] = []
        context = RunContext(
            job_id="j",
            run_id="r",
            tick=1_795_363_200,
            node="n",
            epoch=1,
            kill_grace=1,
            next_due=fields.pop("next_due", None),
            preset_env=fields.pop("preset_env", ()),
        )
        self.execution = Execution(
            Job.model_validate({"schedule": "@daily", "shell": shell, **fields}),
            context,
            self.files,
            no_session,
            on_process=lambda _pid, _attempt, command: self.commands.append(command),
            on_process_end=lambda _pid: None,
        )


def no_session() -> aiohttp.ClientSession:
    raise AssertionError("a shell job asks for no HTTP session")


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A reference to it."""
    (tmp_path / "token").write_text(f"{SECRET}\n")
    return f"${{file:{tmp_path}/token}}"


@pytest.mark.parametrize("with_preset", [False, True])
async def test_a_variable_gets_its_secret_and_the_record_does_not(
    tmp_path: Path, secret: str, with_preset: bool
) -> None:
    preset = tmp_path / "preset.env"
    preset.write_text("TOKEN=preset\n")
    run = Run(
        tmp_path,
        f'[ "$TOKEN" = "$(cat {tmp_path}/token)-\\${{x}}" ]; echo "with $TOKEN"; exit 3',
        env={"TOKEN": f"{secret}-$${{x}}"},
        preset_env=(preset,) if with_preset else (),
    )
    outcome = await run.execution.perform()
    assert outcome.reason == "exit 3: with ***-${x}"
    assert outcome.attempts[0].output == "with ***-${x}\n"
    journal = run.files.journal.read_text()
    assert secret in journal
    assert "hunter2" not in journal


async def test_where_an_output_is_cut_no_part_of_a_secret_is_kept(
    tmp_path: Path, secret: str
) -> None:
    command = "printf %s \"$TOKEN\"; head -c 4090 /dev/zero | tr '\\0' x; exit 1"
    outcome = await Run(tmp_path, command, env={"TOKEN": secret}).execution.perform()
    assert outcome.attempts[0].output == f"***{'x' * 4090}"


async def test_a_missing_secret_fails_the_attempt_before_it_starts(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        f"touch {tmp_path}/started",
        env={"TOKEN": f"${{file:{tmp_path}/none}}"},
        retries={"count": 1, "delay": 0},
    )
    outcome = await run.execution.perform()
    assert (outcome.state, len(outcome.attempts)) == (RunState.failed, 2)
    assert outcome.reason == f"${{file:{tmp_path}/none}}: No such file or directory"
    assert not (tmp_path / "started").exists()


async def begin(run: Run, tmp_path: Path) -> None:
    """Until it is up; then its agent goes, and it stays."""
    performing = asyncio.create_task(run.execution.perform())
    await wait_until((tmp_path / "up").exists, "it runs", 10)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing


def adopted(run: Run) -> Execution:
    execution = Execution.adopt(
        run.files, no_session, on_process=lambda *_: None, on_process_end=lambda _: None
    )
    assert execution is not None
    return execution


def waits_and(tmp_path: Path, command: str) -> str:
    return f"touch {tmp_path}/up; until [ -e {tmp_path}/go ]; do sleep 0.02; done; {command}"


@pytest.mark.parametrize("value_now", [f"{SECRET}\n", "rotated\n", None])
async def test_what_an_adopted_run_says_is_kept_without_the_secret_that_it_was_given(
    tmp_path: Path, secret: str, value_now: str | None
) -> None:
    run = Run(tmp_path, waits_and(tmp_path, "echo ${TOKEN#as }"), env={"TOKEN": f"as {secret}"})
    await begin(run, tmp_path)
    (tmp_path / "token").unlink()
    if value_now is not None:
        (tmp_path / "token").write_text(value_now)
    execution = adopted(run)
    (tmp_path / "go").touch()
    assert (await execution.perform()).attempts[0].output == "***\n"


@pytest.mark.parametrize("over", [False, True])
async def test_what_an_adopted_run_says_is_withheld_where_its_secrets_are_not_known(
    tmp_path: Path, secret: str, over: bool
) -> None:
    """Two in one variable: where the one ends and the other begins is anybody's guess."""
    (tmp_path / "user").write_text("anna-of-old")
    run = Run(
        tmp_path,
        waits_and(tmp_path, "echo $DSN; exit 3"),
        env={"DSN": f"${{file:{tmp_path}/user}}:{secret}"},
    )
    await begin(run, tmp_path)
    (tmp_path / "token").unlink()
    if over:
        (tmp_path / "go").touch()
        await wait_until(lambda: b'"left"' in run.files.journal.read_bytes(), "it is over", 10)
    execution = adopted(run)
    (tmp_path / "go").touch()
    outcome = await execution.perform()
    assert outcome.reason == "exit 3: withheld: its secrets can't be read"
    assert outcome.attempts[0].output == "withheld: its secrets can't be read"


@pytest.mark.parametrize(
    ("shell", "fields"),
    [
        ("sleep 1.2", {}),
        ("false", {"retries": {"count": 1, "delay": 2}}),
        ("sleep 30", {"timeout": 2}),
    ],
)
async def test_a_run_that_holds_up_the_next_says_so(
    tmp_path: Path, shell: str, fields: dict[str, Any]
) -> None:
    due = int(time.time()) + 1
    outcome = await Run(tmp_path, shell, next_due=due, **fields).execution.perform()
    assert outcome.overran.startswith("it was still under way when the next run was due, at 20")


@pytest.mark.parametrize(
    ("due_in", "fields"),
    [(3600, {}), (-1, {"concurrency": "allow"}), (-1, {"concurrency": "replace"}), (None, {})],
)
async def test_a_run_that_holds_up_nothing_says_nothing(
    tmp_path: Path, due_in: int | None, fields: dict[str, Any]
) -> None:
    due = None if due_in is None else int(time.time()) + due_in
    outcome = await Run(tmp_path, "true", next_due=due, **fields).execution.perform()
    assert outcome.overran == ""
