"""The end of a run is told until it is heard, and counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crony_ops.model.alert import MAX_OUTPUT
from crony_ops.model.run import Attempt, News, OpenRun, QueuedRun, RunRecord, RunState, read_run
from crony_ops.node.report import Report, end_once
from crony_ops.store.endings import end_run, news_of
from crony_ops.store.keys import Keys
from tests.unit.etcd_model import EtcdModel

if TYPE_CHECKING:
    from crony_ops.store import TxnResult

KEYS = Keys()
RUN = OpenRun(run_id="20270115T080000Z-s", job_id="j", tick=1, node="u", incarnation=1)
RUN_KEY = KEYS.run("j", RUN.run_id)


def record(state: RunState, ended_at: float = 5.0) -> RunRecord:
    return RunRecord(
        run_id=RUN.run_id, job_id="j", tick=1, state=state, node="u", ended_at=ended_at
    )


SUCCESS, LOST = record(RunState.succeeded), record(RunState.lost)


@pytest.fixture
def etcd() -> EtcdModel:
    etcd = EtcdModel()
    etcd.put(KEYS.open("u", "j", RUN.run_id), RUN.to_json())
    return etcd


def tell(etcd: EtcdModel, told: RunRecord = SUCCESS, **fields: object) -> TxnResult:
    report = Report.model_validate({"record": told, **fields})
    return etcd.apply(end_once(KEYS, report, told, []))


def leader_calls_it_lost(etcd: EtcdModel) -> None:
    for op in end_run(KEYS, LOST, news=True, rerun=None):
        if op.value:
            etcd.put(op.key, op.value)
        else:
            etcd.delete(op.key)


def state(etcd: EtcdModel) -> RunState:
    entry = etcd.get(RUN_KEY)
    assert entry is not None
    found = read_run(entry.value)
    assert isinstance(found, RunRecord)
    return found.state


def take_news(etcd: EtcdModel) -> list[str]:
    """What the leader hears, once."""
    keys = list(etcd.prefix(KEYS.all_news))
    heard = [News.from_json(etcd.entries[key].value).state for key in keys]
    for key in keys:
        etcd.delete(key)
    return [str(state) for state in heard]


def test_an_end_closes_the_run_and_is_news(etcd: EtcdModel) -> None:
    tell(etcd)
    assert not etcd.prefix(KEYS.opens)
    assert state(etcd) is RunState.succeeded
    assert take_news(etcd) == ["succeeded"]


def test_an_end_that_is_no_news_makes_none(etcd: EtcdModel) -> None:
    tell(etcd, news=False)
    assert state(etcd) is RunState.succeeded
    assert take_news(etcd) == []


def test_an_end_told_twice_counts_once(etcd: EtcdModel) -> None:
    tell(etcd)
    assert take_news(etcd) == ["succeeded"]
    tell(etcd)
    assert take_news(etcd) == []


def test_the_truth_takes_the_place_of_a_record_that_says_lost(etcd: EtcdModel) -> None:
    leader_calls_it_lost(etcd)
    assert take_news(etcd) == ["lost"]
    tell(etcd)
    assert state(etcd) is RunState.succeeded
    assert take_news(etcd) == ["succeeded"]
    tell(etcd)
    assert take_news(etcd) == []


def test_a_record_that_was_trimmed_is_not_brought_back(etcd: EtcdModel) -> None:
    leader_calls_it_lost(etcd)
    etcd.delete(RUN_KEY)
    take_news(etcd)
    tell(etcd)
    assert etcd.get(RUN_KEY) is None
    assert take_news(etcd) == []


def test_what_came_about_without_etcd_is_recorded_though_it_was_never_open() -> None:
    etcd = EtcdModel()
    tell(etcd, offline=True)
    assert state(etcd) is RunState.succeeded
    assert take_news(etcd) == ["succeeded"]
    tell(etcd, offline=True)
    assert take_news(etcd) == []


def test_what_etcd_never_knew_of_queues_its_rerun_too() -> None:
    etcd = EtcdModel()
    rerun = QueuedRun(run_id="20270115T080000Z-r1", tick=1, reason="x", rerun=1)
    tell(etcd, record(RunState.fenced), rerun=rerun, offline=True)
    assert list(etcd.prefix(KEYS.queue)) == [KEYS.queued("j", rerun.run_id)]


def test_the_truth_of_a_bound_job_takes_the_place_of_a_record_that_says_lost(
    etcd: EtcdModel,
) -> None:
    leader_calls_it_lost(etcd)
    tell(etcd, offline=True)
    assert state(etcd) is RunState.succeeded


def test_a_fenced_run_queues_its_rerun_if_nobody_else_did(etcd: EtcdModel) -> None:
    rerun = QueuedRun(run_id="20270115T080000Z-r1", tick=1, reason="x", rerun=1)
    fenced = record(RunState.fenced)
    tell(etcd, fenced, rerun=rerun)
    assert list(etcd.prefix(KEYS.queue)) == [KEYS.queued("j", rerun.run_id)]


def test_a_fenced_run_that_was_called_lost_queues_nothing_more(etcd: EtcdModel) -> None:
    rerun = QueuedRun(run_id="20270115T080000Z-r1", tick=1, reason="x", rerun=1)
    leader_calls_it_lost(etcd)
    tell(etcd, record(RunState.fenced), rerun=rerun)
    assert not etcd.prefix(KEYS.queue)
    assert state(etcd) is RunState.fenced


def test_a_lost_run_of_which_nobody_saw_anything_takes_no_records_place() -> None:
    etcd = EtcdModel()
    tell(etcd, offline=True)
    take_news(etcd)
    again = QueuedRun(run_id="20270115T080000Z-r1", tick=1, reason="x", rerun=1)
    tell(etcd, LOST, rerun=again, offline=True)
    assert state(etcd) is RunState.succeeded
    assert take_news(etcd) == []
    assert not etcd.prefix(KEYS.queue)


def test_a_lost_run_of_which_an_attempt_was_seen_takes_the_place_of_one_of_which_none_was(
    etcd: EtcdModel,
) -> None:
    leader_calls_it_lost(etcd)
    attempt = Attempt(number=1, started_at=1.0, ended_at=2.0, output="its last words")
    tell(etcd, LOST.model_copy(update={"attempts": (attempt,)}))
    found = etcd.get(RUN_KEY)
    assert found is not None
    assert b"its last words" in found.value


@pytest.mark.parametrize("told", [SUCCESS, LOST])
def test_a_report_comes_out_of_the_spool_as_it_went_in(told: RunRecord) -> None:
    report = Report(record=told, offline=True)
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    ("ended", "output"),
    [(RunState.failed, "x" * MAX_OUTPUT), (RunState.timed_out, "x" * MAX_OUTPUT), (LOST.state, "")],
)
def test_news_of_a_failure_have_the_tail_of_its_last_attempt(ended: RunState, output: str) -> None:
    attempts = tuple(
        Attempt(number=number, started_at=0.0, ended_at=1.0, output=said + "x" * MAX_OUTPUT)
        for number, said in enumerate(("first", "last"), start=1)
    )
    told = news_of(record(ended).model_copy(update={"attempts": attempts, "started_at": 2.0}))
    assert (told.output, told.took) == (output, 3.0)


def test_news_of_a_run_that_never_started_do_not_say_how_long_it_took() -> None:
    assert news_of(LOST, with_node=True).took is None
