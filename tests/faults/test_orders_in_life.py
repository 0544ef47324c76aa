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

JOBS = 100
ROUNDS = 40
ACTS_IN_A_ROUND = 10
SCHEDULES = (
    "*/3 * * * * *",
    "1-59/3 * * * * *",
    "*/4 * * * * *",
    "@every 5s",
    "2-59/5 * * * * *",
    "@every 7s",
)
CONFIRMED = 2.0
"""Seconds after which nothing of a removed or paused job may start any more."""


class Operator:
    """Does to jobs what people do, and notes when: each job goes through a schedule of acts of its
    own. ``begun``: when what put a job's present ticks in force was begun and when it was done;
    ``ended``: when it was surely stopped."""

    def __init__(self, it: Scene, rng: random.Random) -> None:
        self._it = it
        self._rng = rng
        self._wanted: dict[str, dict[str, Any]] = {}
        self._paused: set[str] = set()
        self.acts = 0
        self.begun: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.ended: dict[str, list[float]] = defaultdict(list)

    async def round(self) -> None:
        """Some jobs, each with an act that fits it: the files' acts in one sync."""
        to_sync: list[str] = []
        to_pause: list[str] = []
        to_resume: list[str] = []
        began = time.time()
        for job_id in self._rng.sample([f"job-{n:02}" for n in range(JOBS)], ACTS_IN_A_ROUND):
            self.acts += 1
            acts = ["edit", "remove", "resume" if job_id in self._paused else "pause"]
            match self._rng.choice(acts) if job_id in self._wanted else "create":
                case "create" | "edit":
                    self._wanted[job_id] = self._it.noted(self._rng.choice(SCHEDULES))
                    to_sync.append(job_id)
                case "remove":
                    del self._wanted[job_id]
                    to_sync.append(job_id)
                case "pause":
                    to_pause.append(job_id)
                case "resume":
                    to_resume.append(job_id)
        settings = self._it.cluster.settings
        await self._it.sync(self._wanted)
        done = time.time()
        for job_id in to_sync:
            if job_id not in self._wanted:
                self._paused.discard(job_id)
                self.ended[job_id].append(done)
            elif job_id not in self._paused:
                self.begun[job_id].append((began, done))
        if to_pause:
            await pause.pause_jobs(settings, to_pause, Pause(who="test", at=began))
            self._paused.update(to_pause)
            for job_id in to_pause:
                self.ended[job_id].append(time.time())
        began = time.time()
        if to_resume:
            await pause.resume_jobs(settings, to_resume)
            self._paused.difference_update(to_resume)
            for job_id in to_resume:
                self.begun[job_id].append((began, time.time()))


async def test_nothing_fires_for_a_time_before_an_act_and_nothing_fires_twice(
    tmp_path: Path,
) -> None:
    rng = random.Random(20261122)
    async with scene(tmp_path, nodes=2) as it:
        operator = Operator(it, rng)
        for _ in range(ROUNDS):
            await operator.round()
            await asyncio.sleep(rng.uniform(0.0, 1.0))
        assert operator.acts == ROUNDS * ACTS_IN_A_ROUND
        starts = it.starts()
        assert len({start.job for start in starts}) > JOBS // 2
        ticks = [(start.job, start.tick) for start in starts]
        assert len(ticks) == len(set(ticks)), "a tick was run twice"
        for start in starts:
            in_force = [began for began, done in operator.begun[start.job] if done <= start.at]
            if in_force:
                assert start.tick >= int(max(in_force)), f"{start} is of before it was wanted"
            stopped = [at for at in operator.ended[start.job] if at + CONFIRMED <= start.at]
            again = [began for began, _ in operator.begun[start.job] if began <= start.at]
            if stopped:
                assert again, f"{start} ran after it was stopped"
                assert max(again) > max(stopped), f"{start} ran after it was stopped"
