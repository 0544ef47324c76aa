"""From when on the ticks of a job count that is given to a node."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job
from crony_ops.model.spec import Cursor, Source, Spec
from crony_ops.store.keys import Keys
from crony_ops.watcher.placement import Step
from crony_ops.watcher.step_order import step_order
from tests.unit.etcd_model import EtcdModel

KEYS = Keys()
STOOD, NOW = 1_000, 2_000.5


@pytest.mark.parametrize(
    ("due_from", "begins"),
    [(0.0, STOOD), (900.0, STOOD), (1_500.9, 1_500), (9_999.0, int(NOW))],
    ids=["never edited", "edited before", "edited while on no node", "by a clock that was ahead"],
)
def test_nothing_fires_for_a_time_before_the_edit_of_a_job_that_was_on_no_node(
    due_from: float, begins: int
) -> None:
    etcd = EtcdModel()
    job = Job(schedule="* * * * *", shell="true")
    wanted = Spec.of(job, Source(file="jobs.yaml"), {}).model_copy(update={"due_from": due_from})
    spec = etcd.put(KEYS.spec("j"), wanted.to_json())
    cursor = etcd.put(KEYS.cursor("j"), Cursor(tick=STOOD).to_json())
    etcd.put(KEYS.node("u"), b"alive")
    txn = step_order(
        KEYS,
        Step("j", "", "u"),
        now=NOW,
        spec=spec,
        wanted=wanted,
        given=None,
        cursor=cursor,
        loss=None,
        fence_delay=5.0,
    )
    assert etcd.apply(txn).succeeded
    stands = etcd.get(KEYS.cursor("j"))
    assert stands is not None
    assert Cursor.from_json(stands.value).tick == begins
