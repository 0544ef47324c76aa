"""Jobs edited, paused, resumed, removed and re-created around their ticks, at random."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from crony_ops.cli import pause
from crony_ops.model.node import Pause
from tests.faults.scene import Scene, scene

ACTS = 100
JOBS = 8
SCHEDULES = ("* * * * * *", "*/2 * * * * *", "@every 1s", "@every 3s", "1-59/2 * * * * *")
CONFIRMED = 2.0
"""Seconds after which nothing of a removed or paused job may start any more."""


class Operator:
    """Does to jobs what people do, and notes when. ``since``: from when on a job's present ticks
    may fire; ``stopped``: from when on it must not."""

    def __init__(self, it: Scene, rng: random.Random) -> None:
        self._it = it
        self._rng = rng
        self._wanted: dict[str, dict[str, Any]] = {}
        self._paused: set[str] = set()
        self.since: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.stopped: dict[str, list[tuple[float, float]]] = defaultdict(list)

    async def act(self) -> None:
        job_id = f"job-{self._rng.randrange(JOBS)}"
        began = time.time()
        acts = ["edit", "edit", "remove", "resume" if job_id in self._paused else "pause"]
        act = self._rng.choice(acts) if job_id in self._wanted else "create"
        if act in ("create", "edit"):
            self._wanted[job_id] = self._it.noted(self._rng.choice(SCHEDULES))
            await self._it.sync(self._wanted)
            if job_id not in self._paused:
                self.since[job_id].append((began, time.time()))
        elif act == "remove":
            del self._wanted[job_id]
            await self._it.sync(self._wanted)
            self._paused.discard(job_id)
            self.stopped[job_id].append((time.time(), 0.0))
        elif act == "pause":
            await pause.pause_jobs(self._it.cluster.settings, [job_id], Pause(who="test", at=began))
            self._paused.add(job_id)
            self.stopped[job_id].append((time.time(), 0.0))
        else:
            await pause.resume_jobs(self._it.cluster.settings, [job_id])
            self._paused.discard(job_id)
            self.since[job_id].append((began, time.time()))


async def test_nothing_fires_for_a_time_before_an_act_and_nothing_fires_twice(
    tmp_path: Path,
) -> None:
    rng = random.Random(20261122)
    async with scene(tmp_path, nodes=2) as it:
        operator = Operator(it, rng)
        for _ in range(ACTS):
            await operator.act()
            await asyncio.sleep(rng.uniform(0.0, 0.6))
        starts = it.starts()
        assert len(starts) > ACTS // 4
        ticks = [(start.job, start.tick) for start in starts]
        assert len(ticks) == len(set(ticks)), "a tick was run twice"
        for start in starts:
            # What came into force last before this start, and what stopped the job last.
            begun = [b for b, done in operator.since[start.job] if done <= start.at]
            if begun:
                assert start.tick >= int(max(begun)), f"{start} is for a time before it was wanted"
            ended = [at for at, _ in operator.stopped[start.job] if at + CONFIRMED <= start.at]
            again = [b for b, _ in operator.since[start.job] if b <= start.at]
            if ended:
                assert again, f"{start} ran after it was stopped"
                assert max(again) > max(ended), f"{start} ran after it was stopped"
