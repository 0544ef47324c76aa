"""A node is killed and comes back: the harness sees it, and accounts for every tick."""

from __future__ import annotations

from pathlib import Path

from crony_ops.local.audit import Fate
from tests.faults.cluster import trial


async def test_a_killed_node_is_audited_without_a_tick_forgotten(tmp_path: Path) -> None:
    async with trial(tmp_path, nodes=2) as t:
        await t.sync(
            {
                "moves": t.job("* * * * * *", on_node_loss="rerun", misfire={"policy": "all"}),
                "everywhere": t.job("* * * * * *", run_on={"every": True}),
            }
        )
        await t.runs("moves", 2)
        victim = await t.holder("moves")
        other = next(node.name for node in t.cluster.nodes if node.name != victim)
        t.cluster.node(victim).kill()
        await t.runs("moves", 2, node=other)
        t.cluster.node(victim).start()
        await t.runs("everywhere", 2, node=victim, since=max(n.at for n in t.lines()))
        result = await t.audit()
    assert result.sound, (result.twice, result.wrong, result.unaccounted)
    assert result.counts[Fate.missed], "what only the killed node could run was missed, and told"
    assert result.counts[Fate.on_time] > result.counts[Fate.made_up]
