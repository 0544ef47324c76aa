"""Run ids sort by time, name files, and come out of etcd: so they are strict."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.model.run import (
    MAX_RERUNS,
    OpenRun,
    RunKind,
    RunRecord,
    RunState,
    gap_id,
    once_run_id,
    read_run,
    rerun_id,
    rerun_of,
    tick_run_id,
)
from crony_ops.model.spec import Cursor

TICKS = st.integers(0, 4_102_444_800)
NODES = st.one_of(st.just(""), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True))


def open_run(run_id: str, **fields: object) -> OpenRun:
    return OpenRun.model_validate(
        {"run_id": run_id, "job_id": "j", "tick": 1, "node": "u", "incarnation": 1, **fields}
    )


@given(TICKS, TICKS, NODES)
def test_run_ids_sort_by_time(one: int, other: int, node: str) -> None:
    assert (tick_run_id(one, node) < tick_run_id(other, node)) == (one < other)


@given(TICKS, NODES, st.integers(1, 10**9))
def test_every_id_that_we_make_is_one_that_we_take(tick: int, node: str, number: int) -> None:
    for run_id in (
        tick_run_id(tick, node),
        rerun_id(tick, number, node),
        once_run_id(tick, number, node),
        gap_id(tick, node),
    ):
        assert open_run(run_id).run_id == run_id


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        "../../etc/passwd",
        "20260101T000000Z-s/../x",
        "20260101T000000Z-s@../x",
        "20260101T000000Z-s@",
        "20260101T000000Z-s@.hidden",
        "20260101T000000Z-s\n",
        "20260101T000000Z-s\x00",
        "20260101T000000Z-x",
        "2026-01-01T00:00:00Z-s",
        "20260101T000000Z-s@" + "n" * 64,
        "٢٠٢٦٠١٠١T000000Z-s",
    ],
)
def test_an_id_that_could_name_another_file_is_refused(run_id: str) -> None:
    with pytest.raises(ValueError, match="run_id"):
        open_run(run_id)


@pytest.mark.parametrize("job_id", ["../x", "a/b", "", ".", "A", "a\n", "a" * 64])
def test_so_is_such_a_job_id(job_id: str) -> None:
    with pytest.raises(ValueError, match="job_id"):
        open_run(tick_run_id(1), job_id=job_id)


def test_a_lost_run_is_run_again_three_times_and_no_more() -> None:
    run: OpenRun | None = open_run(tick_run_id(60), tick=60, on_node_loss_rerun=True)
    ids = []
    while run is not None:
        again = rerun_of(run, "n", "was lost", 9.0)
        if again is None:
            break
        ids.append(again.run_id)
        run = open_run(again.run_id, tick=60, on_node_loss_rerun=True, rerun=again.rerun)
    assert ids == [rerun_id(60, number) for number in range(1, MAX_RERUNS + 1)]


def test_a_run_of_an_every_node_job_is_run_again_on_its_own_node() -> None:
    run = open_run(tick_run_id(60, "web-1"), tick=60, on_node_loss_rerun=True)
    again = rerun_of(run, "web-1", "was lost", 9.0)
    assert again is not None
    assert (again.run_id, again.node) == (rerun_id(60, 1, "web-1"), "web-1")


@pytest.mark.parametrize(
    "fields", [{"on_node_loss_rerun": False}, {"on_node_loss_rerun": True, "kind": RunKind.once}]
)
def test_what_nobody_asked_to_repeat_is_not_repeated(fields: dict[str, object]) -> None:
    assert rerun_of(open_run(tick_run_id(60), **fields), "n", "was lost", 9.0) is None


def test_a_tick_in_milliseconds_is_unreadable_and_no_far_future() -> None:
    assert Cursor.from_json(b'{"tick": 1795363200}').tick == 1_795_363_200
    with pytest.raises(ValueError, match="less than"):
        Cursor.from_json(b'{"tick": 1795363200000}')


class TestTheRecordOfAnEnd:
    RUN = open_run("20260101T000000Z-r1", epoch=41, incarnation=7, kind="queued", rerun=1)

    def test_says_under_which_assignment_and_lease_the_run_was_claimed(self) -> None:
        record = RunRecord.of_run(self.RUN, RunState.succeeded, node_name="n", ended_at=2.0)
        assert (record.epoch, record.incarnation) == (41, 7)
        assert (record.run_id, record.job_id, record.tick) == ("20260101T000000Z-r1", "j", 1)
        assert (record.node, record.kind, record.rerun) == ("u", RunKind.queued, 1)
        assert read_run(record.to_json()) == record

    def test_of_an_older_version_says_neither(self) -> None:
        record = RunRecord.of_run(self.RUN, RunState.lost, node_name="n", ended_at=2.0)
        written = json.loads(record.to_json())
        del written["epoch"], written["incarnation"]
        read = read_run(json.dumps(written).encode())
        assert isinstance(read, RunRecord)
        assert (read.epoch, read.incarnation) == (0, 0)
        assert json.loads(read.to_json()) == written
