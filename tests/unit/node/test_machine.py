"""Which processes belong to a run, whoever their parent is by now; and a look that never hangs."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest

from crony_ops.node.machine import Kin, trees
from crony_ops.probe import Probe, ask_apart

INIT, RUN = 1, 10


@pytest.mark.parametrize(
    ("kin", "members"),
    [
        pytest.param({}, {RUN}, id="alone"),
        pytest.param({11: Kin(RUN, RUN), 12: Kin(11, RUN)}, {RUN, 11, 12}, id="descendants"),
        pytest.param({11: Kin(INIT, RUN)}, {RUN, 11}, id="an orphan of its session"),
        pytest.param({11: Kin(RUN, 11), 12: Kin(INIT, 11)}, {RUN, 11, 12}, id="a child's session"),
        pytest.param({20: Kin(INIT, 20), 21: Kin(20, 20)}, {RUN}, id="somebody else's"),
    ],
)
def test_a_run_has_what_descends_from_it_and_what_stands_in_its_sessions(
    kin: dict[int, Kin], members: set[int]
) -> None:
    there = {INIT: Kin(0, INIT), RUN: Kin(INIT, RUN), **kin}
    assert trees([RUN, 99], there) == {RUN: members}


async def test_a_call_that_hangs_is_made_once_and_its_answer_taken_when_it_comes() -> None:
    go, calls = threading.Event(), 0

    def hang() -> int:
        nonlocal calls
        calls += 1
        go.wait()
        return calls

    probe: Probe[int] = Probe(0.05)
    assert [await probe.ask(hang), await probe.ask(hang)] == [None, None]
    go.set()
    answer = None
    async with asyncio.timeout(10):
        while answer is None:
            answer = await probe.ask(hang)
    assert answer == calls == 1


async def test_what_a_call_raises_is_raised_where_it_was_asked_for() -> None:
    def fail() -> int:
        raise OSError("no such device")

    with pytest.raises(OSError, match="no such device"):
        await Probe[int](5).ask(fail)


async def test_a_question_that_hangs_costs_one_thread_however_often_it_is_asked() -> None:
    go, calls, before = threading.Event(), itertools.count(1), threading.active_count()

    def hang() -> int:
        go.wait()
        return next(calls)

    asked = [asyncio.create_task(ask_apart("same", hang)) for _ in range(50)]
    assert await ask_apart("another", lambda: 7) == 7
    asked[0].cancel()
    await asyncio.wait(asked[:1])
    assert threading.active_count() <= before + 2
    go.set()
    assert await asyncio.gather(*asked[1:]) == [1] * 49
    assert await ask_apart("same", hang) == 2


async def test_a_question_that_no_thread_can_be_had_for_fails_as_what_it_asks_would() -> None:
    threading.stack_size(2**46)
    try:
        with pytest.raises(OSError, match="thread"):
            await ask_apart("same", lambda: 7)
    finally:
        threading.stack_size(0)
    assert await ask_apart("same", lambda: 7) == 7


def test_a_question_that_hung_when_its_loop_ended_is_asked_anew_by_the_next() -> None:
    go = threading.Event()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask_apart("same", go.wait), 0.01)

    async def ask() -> int:
        return await ask_apart("same", lambda: 7)

    asyncio.run(give_up())
    assert asyncio.run(ask()) == 7
    go.set()
