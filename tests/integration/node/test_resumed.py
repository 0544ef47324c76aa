"""A job that was resumed runs, though its node hears of the pause only now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from crony_ops.local.waiting import wait_until
from crony_ops.model.job import Job
from crony_ops.model.run import OpenRun, RunRecord, RunState, read_run
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.settings import NodeSettings
from crony_ops.store import Entry, Mirror
from tests.integration.node.an_agent import an_agent

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys


async def test_a_pause_that_was_over_when_a_run_was_claimed_does_not_skip_it(
    etcd: Etcd,
    keys: Keys,
    store_settings: EtcdSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = NodeSettings(etcd=store_settings, name="n", state_dir=tmp_path)
    await etcd.put(keys.pause("j"), b"{}")
    pause = await etcd.get(keys.pause("j"))
    await etcd.delete(keys.pause("j"))
    late: list[Entry | None] = []
    as_it_is = Mirror.get

    def get(mirror: Mirror, key: str) -> Entry | None:
        return late[0] if late and key == keys.pause("j") else as_it_is(mirror, key)

    monkeypatch.setattr(Mirror, "get", get)
    job = Job.model_validate({"schedule": "* * * * * *", "shell": "true"})
    given = Assignment(job=job, sha256="s", spec_revision=1).to_json()
    await etcd.put(keys.cursor("j"), Cursor(tick=int(time.time())).to_json())
    await etcd.put(keys.job(settings.identity, "j"), given)
    ahead: list[OpenRun] = []

    async def one_is_claimed_ahead() -> bool:
        entries = (await etcd.range(keys.opens)).entries
        runs = (OpenRun.from_json(entry.value) for entry in entries)
        ahead[:] = [run for run in runs if run.tick > time.time() + 0.3]
        return bool(ahead)

    async def it_has_ended() -> bool:
        return await etcd.get(keys.run("j", ahead[0].run_id)) is not None

    async with an_agent(settings, etcd):
        await wait_until(one_is_claimed_ahead, "a run is claimed ahead")
        late.append(pause)
        await wait_until(it_has_ended, "it has ended")
    record = await etcd.get(keys.run("j", ahead[0].run_id))
    assert record is not None
    told = read_run(record.value)
    assert isinstance(told, RunRecord)
    assert (told.state, told.reason) == (RunState.succeeded, "")
