"""When to look at which job next."""

from __future__ import annotations

import asyncio
import time

import pytest
import time_machine

from crony_ops.node import wall_clock
from crony_ops.node.ticks.timetable import Timetable
from crony_ops.node.wall_clock import sleep_until


@pytest.fixture
def timetable() -> Timetable:
    return Timetable()


async def due(timetable: Timetable) -> list[str]:
    async with asyncio.timeout(5.0):
        return await timetable.due()


async def test_jobs_come_in_the_order_of_their_times(timetable: Timetable) -> None:
    now = time.time()
    for job, ago in {"b": 1.0, "c": 0.5, "a": 2.0}.items():
        timetable.set(job, now - ago)
    assert await due(timetable) == ["a", "b", "c"]


async def test_the_earliest_time_wins_and_a_job_comes_once(timetable: Timetable) -> None:
    start = time.time()
    timetable.set("j", start + 60)
    timetable.set("j", start + 0.02)
    timetable.set("j", start + 30)
    assert await due(timetable) == ["j"]
    assert start + 0.02 <= time.time() < start + 5
    timetable.set("k", time.time() + 0.02)
    assert await due(timetable) == ["k"]


async def test_a_job_that_was_dropped_does_not_come(timetable: Timetable) -> None:
    timetable.set("j", time.time() - 1)
    timetable.drop("j")
    timetable.drop("never-there")
    timetable.set("k", time.time() + 0.02)
    assert await due(timetable) == ["k"]


async def test_an_earlier_time_wakes_who_waits(timetable: Timetable) -> None:
    waiting = asyncio.create_task(due(timetable))
    await asyncio.sleep(0)
    timetable.set("late", time.time() + 60)
    await asyncio.sleep(0)
    timetable.set("soon", time.time() + 0.02)
    assert await waiting == ["soon"]


async def test_a_step_of_the_wall_clock_is_noticed(
    timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall_clock, "LONGEST_SLEEP", 0.02)
    with time_machine.travel(1_800_000_000.0) as clock:
        timetable.set("j", time.time() + 3600)
        waiting = asyncio.create_task(due(timetable))
        sleeping = asyncio.create_task(sleep_until(time.time() + 3600))
        await asyncio.sleep(0)
        clock.shift(3601)
        assert await waiting == ["j"]
        async with asyncio.timeout(5.0):
            await sleeping


async def test_a_clock_that_is_put_back_leaves_no_job_in_the_time_that_it_told(
    timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall_clock, "LONGEST_SLEEP", 0.02)
    with time_machine.travel(1_800_000_000.0) as clock:
        timetable.set("soon", time.time() + 0.1)
        timetable.set("later", time.time() + 600)
        waiting = asyncio.create_task(due(timetable))
        await asyncio.sleep(0)
        clock.shift(-3600)
        assert sorted(await waiting) == ["later", "soon"]
        timetable.set("soon", time.time() + 0.1)
        assert await due(timetable) == ["soon"]


async def test_a_moment_of_the_past_is_not_waited_for() -> None:
    async with asyncio.timeout(1.0):
        await sleep_until(time.time() - 10)
