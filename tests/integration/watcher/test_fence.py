"""A deposed leader writes nothing, whatever it still has to do and however it stands otherwise."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.errors import GuardFailed
from crony_ops.model.node import Node, Pause
from crony_ops.model.run import News, RunState, tick_run_id
from crony_ops.model.spec import Cursor, Source, Spec
from tests.integration.watcher.a_leader import a_leader
from tests.unit.watcher.picture import http_job

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

NODE = Node(uuid="u", name="n", incarnation=1)
NEWS = News(run_id=tick_run_id(60), job_id="j", state=RunState.failed, at=61.0, tick=60)
REMOVAL = Pause(who="sync", at=time.time(), removal=True)


async def work_of_every_kind(etcd: Etcd, keys: Keys) -> None:
    """A node to be noted, a job to be placed, one to be removed, and news to be heard."""
    await etcd.put(keys.node("u"), NODE.to_json())
    await etcd.put(keys.spec("j"), Spec.of(http_job(), Source(file="jobs/x.yaml"), {}).to_json())
    await etcd.put(keys.news("j", NEWS.run_id), NEWS.to_json())
    await etcd.put(keys.pause("gone"), REMOVAL.to_json())
    await etcd.put(keys.cursor("gone"), Cursor(tick=60).to_json())


@pytest.mark.parametrize("what", ["look", "digest"])
async def test_a_deposed_leader_that_decides_anew_writes_nothing(
    etcd: Etcd, keys: Keys, what: str
) -> None:
    await work_of_every_kind(etcd, keys)
    async with a_leader(etcd, keys) as (reconciler, _):
        await etcd.delete(keys.leader)
        await etcd.put(keys.leader, b"another")
        before = (await etcd.range(keys.everything)).entries
        with pytest.raises(GuardFailed):
            await (reconciler.look({}) if what == "look" else reconciler.digest())
        assert (await etcd.range(keys.everything)).entries == before


async def test_the_leader_has_work_of_every_kind_there(etcd: Etcd, keys: Keys) -> None:
    """Or the test above would show nothing."""
    await work_of_every_kind(etcd, keys)
    async with a_leader(etcd, keys) as (reconciler, _):
        await reconciler.look({})
    assert await etcd.get(keys.job("u", "j")) is not None
    assert await etcd.get(keys.health("j")) is not None
    assert await etcd.get(keys.news("j", NEWS.run_id)) is None
    assert await etcd.get(keys.pause("gone")) is None
    assert await etcd.get(keys.roster("u")) is not None
