"""Which transactions may share a request, and what one counts against etcd's limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.store.batcher import ops
from crony_ops.store.order import Footprint, Order, footprint
from crony_ops.store.txn import (
    Txn,
    absent,
    absent_under,
    delete,
    delete_prefix,
    get,
    get_prefix,
    put,
)


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (Txn((), (put("/a", b""),)), Txn((), (put("/a", b""),)), True),
        (Txn((), (put("/a", b""),)), Txn((), (put("/b", b""),)), False),
        (Txn((absent("/a"),), ()), Txn((absent("/a"),), (get("/a"),)), False),
        (Txn((absent("/a"),), ()), Txn((), (), (delete("/a"),)), True),
        (Txn((absent("/a"),), ()), Txn((), (Txn((), (delete("/a"),)),)), True),
        (Txn((), (get_prefix("/a/"),)), Txn((), (put("/a/b/c", b""),)), True),
        (Txn((), (get_prefix("/a/"),)), Txn((), (put("/ab", b""),)), False),
        (Txn((absent_under("/a/"),), ()), Txn((), (put("/a/1", b""),)), True),
        (Txn((absent_under("/a/"),), ()), Txn((absent("/a/1"),), ()), False),
        (Txn((), (delete_prefix("/a/b/"),)), Txn((), (get_prefix("/a/"),)), True),
        (Txn((), (delete_prefix("/a/"),)), Txn((), (delete_prefix("/b/"),)), False),
    ],
)
def test_only_those_that_disturb_nobody_go_together(one: Txn, other: Txn, conflict: bool) -> None:
    assert footprint(one).conflicts(footprint(other)) is conflict
    order: Order[str] = Order()
    first = order.enter("one", footprint(one))
    second = order.enter("other", footprint(other))
    assert bool(second.blockers) is conflict
    assert [turn.member for turn in order.leave(first)] == (["other"] if conflict else [])
    assert not order.leave(second)


names = st.sampled_from(["/a", "/a/1", "/a/2", "/a/b/1", "/b/1"])
areas = st.sampled_from(["/", "/a/", "/a/b/", "/b/"])
footprints = st.builds(
    lambda reads, writes, *rest: Footprint(reads - writes, writes, *rest),
    *(st.frozensets(names, max_size=2), st.frozensets(names, max_size=2)),
    *(st.frozensets(areas, max_size=1), st.frozensets(areas, max_size=1)),
)


@given(st.lists(footprints, max_size=8), st.randoms())
def test_each_goes_behind_all_it_conflicts_with_and_nobody_is_forgotten(
    prints: list[Footprint], dice: object
) -> None:
    order: Order[int] = Order()
    turns = [order.enter(number, each) for number, each in enumerate(prints)]
    ready = [turn for turn in turns if not turn.blockers]
    left: list[int] = []
    while ready:
        turn = ready.pop(dice.randrange(len(ready)))  # type: ignore[attr-defined]
        earlier = [n for n in range(turn.member) if prints[n].conflicts(prints[turn.member])]
        assert set(earlier) <= set(left)
        left.append(turn.member)
        ready.extend(order.leave(turn))
    assert sorted(left) == list(range(len(prints)))


@pytest.mark.parametrize(
    ("txn", "count"),
    [
        (Txn((), ()), 0),
        (Txn((absent("/a"), absent("/b")), (put("/a", b""),)), 2),
        (Txn((), (put("/a", b""),), (get("/a"), get("/b"), get("/c"))), 3),
        (Txn((), (Txn((), (put("/a", b""),)), Txn((), (put("/b", b""), get("/c"))))), 4),
    ],
)
def test_siblings_don_t_add_up_and_levels_do(txn: Txn, count: int) -> None:
    assert ops(txn) == count
