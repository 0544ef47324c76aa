"""Faults of the links between clients and etcd."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.faults.proof.history import Kind
from tests.faults.proof.nemesis.plan import LOST_ANSWERS
from tests.faults.proof.proxy import Link, Way

if TYPE_CHECKING:
    from tests.faults.proof.cluster import ProofCluster
    from tests.faults.proof.nemesis.diary import Diary
    from tests.faults.proof.nemesis.plan import Step

LINK_FAULTS = frozenset({Kind.cut, Kind.cut_one_way, Kind.delay, Kind.drop, Kind.half_open})


class Network:
    def __init__(self, cluster: ProofCluster, diary: Diary) -> None:
        self._cluster = cluster
        self._diary = diary

    async def perform(self, step: Step) -> None:
        links = self._links(step.target)
        with self._diary.noted(step.kind, step.target, **step.detail):
            for link in links:
                _disturb(link, step)
            await asyncio.sleep(step.lasts)
            for link in links:
                if step.detail == LOST_ANSWERS:
                    link.cut()
                link.heal()

    def _links(self, target: str) -> list[Link]:
        client, _, member = target.partition(">")
        return [self._cluster.links[client, member]] if member else self._cluster.links_of(client)


def _disturb(link: Link, step: Step) -> None:
    match step.kind:
        case Kind.cut:
            link.cut()
        case Kind.cut_one_way:
            link.stall(Way(step.detail["way"]))
        case Kind.delay:
            link.slow_down(float(step.detail["seconds"]))
        case Kind.drop:
            link.stall(*Way)
        case Kind.half_open:
            link.half_open()
