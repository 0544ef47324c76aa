"""Claims that etcd refuses while the agent does not hear of what has changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.local.waiting import wait_until
from crony_ops.model.job import Job
from crony_ops.model.run import QueuedRun, tick_run_id
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.settings import NodeSettings
from tests.integration.node.an_agent import an_agent

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys


@pytest.mark.parametrize("wanted", ["once", "queued"])
async def test_a_claim_is_not_made_again_at_once_of_what_only_the_mirror_still_shows(
    etcd: Etcd, keys: Keys, store_settings: EtcdSettings, tmp_path: Path, wanted: str
) -> None:
    settings = NodeSettings(etcd=store_settings, name="n", state_dir=tmp_path)
    tick = int(time.time())
    queued = QueuedRun(run_id=tick_run_id(tick), tick=tick, reason="as a test wants it")
    key, value = {
        "once": (keys.once("j"), b""),
        "queued": (keys.queued("j", queued.run_id), queued.to_json()),
    }[wanted]
    job = Job.model_validate({"schedule": "0 0 1 1 *", "shell": "true"})
    given = Assignment(job=job, sha256="s", spec_revision=1).to_json()
    await etcd.put(keys.cursor("j"), Cursor(tick=tick).to_json())
    await etcd.put(keys.job(settings.identity, "j"), given)
    # As long as another has the node's key the agent can hear, and not claim.
    await etcd.put(keys.node(settings.identity), b"{}")
    await etcd.put(key, value)

    async def it_has_run() -> bool:
        return await etcd.count(keys.runs) > 0

    async with an_agent(settings, etcd) as agent:
        mirror = agent._mirror  # noqa: SLF001
        await wait_until(lambda: mirror.listings > 0, "the agent has heard of it")
        assert agent._mirroring is not None  # noqa: SLF001
        agent._mirroring.cancel()  # noqa: SLF001
        await etcd.delete(key)
        await etcd.delete(keys.node(settings.identity))
        await wait_until(lambda: agent.vitals().registered, "the agent is registered")
        holding = agent._holdings.of["j"]  # noqa: SLF001
        registered = holding.hindered_at
        await wait_until(lambda: holding.hindered_at > registered, "the claim is refused")
        await wait_until(lambda: not holding.advancing, "it is left alone for a while")
        assert mirror.get(key) is not None

        agent._mirror_anew()  # noqa: SLF001
        await wait_until(lambda: mirror.get(key) is None, "the agent hears that it is gone")
        await etcd.put(keys.once("j"), b"")
        await wait_until(it_has_run, "the job goes on")
    assert await etcd.count(keys.runs) == 1
