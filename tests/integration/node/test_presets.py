"""Presets with real scripts."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from crony_ops.node.presets import Presets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


class Fleet:
    """A folder of scripts, and the presets that an agent makes of it."""

    def __init__(self, root: Path) -> None:
        self.scripts = root / "scripts"
        self.scripts.mkdir()
        self.ran = root / "ran"
        self.state = root / "state"
        self.changes = 0

    def write(self, name: str, script: str) -> str:
        text = f"echo {name} >>{self.ran}\n{script}\n"
        (self.scripts / f"{name}.sh").write_text(text)
        return hashlib.sha256(text.encode()).hexdigest()

    def runs(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0

    def _changed(self) -> None:
        self.changes += 1

    @asynccontextmanager
    async def agent(self, timeout: float = 5.0) -> AsyncIterator[Presets]:
        presets = Presets(self.scripts, self.state, timeout, self._changed, poll=0.02)
        task = asyncio.create_task(presets.run())
        try:
            yield presets
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110 - a folder sends no events
            await asyncio.sleep(0.01)


async def test_a_preset_runs_once_per_checksum_over_restarts(fleet: Fleet) -> None:
    first = fleet.write("pg", 'echo PGHOST=db >"$CRONY_PRESET_ENV"')
    async with fleet.agent() as presets:
        await until(lambda: presets.ready == {"pg": (first,)})
        assert fleet.changes == 1
        (env,) = presets.env_files({"pg": first})
        assert env.read_text() == "PGHOST=db\n"
    async with fleet.agent() as presets:
        await until(lambda: presets.ready == {"pg": (first,)})
        second = fleet.write("pg", "true")
        await until(lambda: presets.ready == {"pg": (first, second)})
        assert presets.env_files({"pg": second}) == ()
    assert fleet.runs() == 2


async def test_a_removed_script_is_no_longer_offered(fleet: Fleet) -> None:
    total = fleet.write("pg", "true")
    async with fleet.agent() as presets:
        await until(lambda: presets.ready == {"pg": (total,)})
        (fleet.scripts / "pg.sh").unlink()
        await until(lambda: presets.ready == {})


async def test_a_failure_is_told_and_a_mended_script_runs_at_once(fleet: Fleet) -> None:
    fleet.write("pg", "echo no network >&2; exit 3")
    async with fleet.agent() as presets:
        await until(lambda: "pg" in presets.failures)
        assert presets.failures["pg"].reason == "exit 3: no network"
        total = fleet.write("pg", "echo mended")
        await until(lambda: presets.ready == {"pg": (total,)})
        assert presets.failures == {}
    assert fleet.runs() == 2


async def test_a_preset_that_hangs_times_out_and_blocks_no_other(fleet: Fleet) -> None:
    fleet.write("a", "sleep 30")
    total = fleet.write("b", "true")
    async with fleet.agent(timeout=0.5) as presets:
        await until(lambda: presets.ready == {"b": (total,)})
        await until(lambda: "a" in presets.failures)
        assert presets.failures["a"].reason.startswith("timed out")
