"""A claim is made exactly when everything that entitles to it still stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.job import Job
from crony_ops.model.run import GapRecord, OpenRun, QueuedRun, RunKind, read_run
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.ticks import claims
from crony_ops.node.ticks.claims import Claimant, Standing
from crony_ops.node.ticks.holding import Holding
from crony_ops.schedule import Gap, MissedTicks
from crony_ops.store.keys import Keys
from tests.unit.etcd_model import EtcdModel

if TYPE_CHECKING:
    from crony_ops.store import Txn

KEYS = Keys()
LEASE = 77
ME = Claimant(KEYS, "u", "n", LEASE)
NOON = 1_800_000_000


def hold(etcd: EtcdModel, **fields: object) -> Holding:
    job = Job.model_validate({"schedule": "* * * * *", "shell": "true", **fields})
    given = Assignment(job=job, sha256="s", spec_revision=1).to_json()
    entry = etcd.put(KEYS.job("u", "j"), given)
    holding = Holding.read("j", entry.key, given, entry.mod_revision, KEYS, "u")
    cursor = etcd.put(holding.cursor_key, Cursor(tick=NOON).to_json())
    holding.cursor, holding.cursor_revision = NOON, cursor.mod_revision
    return holding


@pytest.fixture
def etcd() -> EtcdModel:
    etcd = EtcdModel()
    etcd.put(KEYS.node("u"), b"{}", lease=LEASE)
    return etcd


@pytest.fixture
def holding(etcd: EtcdModel) -> Holding:
    return hold(etcd)


def queue(etcd: EtcdModel) -> tuple[QueuedRun, Callable[[Holding], Txn]]:
    queued = QueuedRun(run_id="20270115T080000Z-r1", tick=NOON, reason="x was lost", rerun=1)
    entry = etcd.put(KEYS.queued("j", queued.run_id), queued.to_json())
    return queued, lambda holding: claims.claim_queued(ME, holding, queued, entry, NOON)[0]


def open_runs(etcd: EtcdModel) -> list[OpenRun]:
    return [OpenRun.from_json(entry.value) for entry in etcd.prefix(KEYS.opens).values()]


def cursor(etcd: EtcdModel, node: str = "") -> int:
    entry = etcd.get(KEYS.cursor("j", node))
    assert entry is not None
    return Cursor.from_json(entry.value).tick


def test_a_claim_puts_the_cursor_at_its_tick_and_opens_the_run(
    etcd: EtcdModel, holding: Holding
) -> None:
    txn, run = claims.claim_tick(ME, holding, NOON + 60, NOON + 59.0)
    assert etcd.apply(txn).succeeded
    assert cursor(etcd) == NOON + 60
    assert open_runs(etcd) == [run]
    assert (run.run_id, run.incarnation) == ("20270115T080100Z-s", LEASE)
    assert run.epoch == holding.revision


def test_a_tick_is_claimed_once(etcd: EtcdModel, holding: Holding) -> None:
    txn, _ = claims.claim_tick(ME, holding, NOON + 60, NOON + 59.0)
    assert [etcd.apply(txn).succeeded for _ in range(2)] == [True, False]


HINDRANCES: dict[str, Callable[[EtcdModel], object]] = {
    "paused": lambda etcd: etcd.put(KEYS.pause("j"), b"{}"),
    "the node's key is gone": lambda etcd: etcd.delete(KEYS.node("u")),
    "the node's key hangs on another lease": lambda etcd: etcd.put(KEYS.node("u"), b"{}", lease=78),
    "the job was taken away": lambda etcd: etcd.delete(KEYS.job("u", "j")),
    "the job was edited": lambda etcd: etcd.put(KEYS.job("u", "j"), b"{}"),
    "the cursor moved": lambda etcd: etcd.put(KEYS.cursor("j"), b'{"tick":1}'),
}


@pytest.mark.parametrize("hindrance", HINDRANCES)
def test_a_tick_is_not_claimed_when(etcd: EtcdModel, holding: Holding, hindrance: str) -> None:
    HINDRANCES[hindrance](etcd)
    before = dict(etcd.entries)
    assert not etcd.apply(claims.claim_tick(ME, holding, NOON + 60, NOON)[0]).succeeded
    assert etcd.entries == before


@pytest.mark.parametrize("hindrance", HINDRANCES)
def test_missed_ticks_are_not_accounted_for_when(
    etcd: EtcdModel, holding: Holding, hindrance: str
) -> None:
    HINDRANCES[hindrance](etcd)
    missed = MissedTicks(NOON + 60, (NOON + 60,), None)
    assert not etcd.apply(claims.account(ME, holding, missed, NOON)).succeeded


@pytest.mark.parametrize("hindrance", [h for h in HINDRANCES if h != "the cursor moved"])
def test_a_queued_run_is_not_claimed_when(
    etcd: EtcdModel, holding: Holding, hindrance: str
) -> None:
    _, claim = queue(etcd)
    HINDRANCES[hindrance](etcd)
    assert not etcd.apply(claim(holding)).succeeded
    assert etcd.prefix(KEYS.queue)


def test_a_queued_run_is_claimed_once_and_leaves_the_queue(
    etcd: EtcdModel, holding: Holding
) -> None:
    queued, claim = queue(etcd)
    assert [etcd.apply(claim(holding)).succeeded for _ in range(2)] == [True, False]
    assert not etcd.prefix(KEYS.queue)
    (run,) = open_runs(etcd)
    assert (run.run_id, run.kind, run.rerun) == (queued.run_id, RunKind.queued, 1)
    assert cursor(etcd) == NOON


def test_a_run_asked_for_is_claimed_once_even_while_paused(
    etcd: EtcdModel, holding: Holding
) -> None:
    entry = etcd.put(KEYS.once("j"), b"")
    etcd.put(KEYS.pause("j"), b"{}")
    txn, run = claims.claim_once(ME, holding, entry, "20270115T080000Z-o9", NOON)
    assert [etcd.apply(txn).succeeded for _ in range(2)] == [True, False]
    assert open_runs(etcd) == [run]
    assert cursor(etcd) == NOON


def test_each_node_claims_a_tick_of_a_job_on_every_node_for_itself(etcd: EtcdModel) -> None:
    holding = hold(etcd, run_on={"every": True})
    txn, run = claims.claim_tick(ME, holding, NOON + 60, NOON)
    assert etcd.apply(txn).succeeded
    assert run.run_id.endswith("-s@n")
    assert cursor(etcd, "u") == NOON + 60
    assert etcd.get(KEYS.cursor("j")) is None


def test_a_refusal_tells_what_stands_instead(etcd: EtcdModel, holding: Holding) -> None:
    etcd.put(KEYS.pause("j"), b"{}")
    etcd.delete(KEYS.job("u", "j"))
    standing = Standing.of(etcd.apply(claims.claim_tick(ME, holding, NOON + 60, NOON)[0]))
    assert standing == Standing(
        node=etcd.get(KEYS.node("u")),
        assignment=None,
        pause=etcd.get(KEYS.pause("j")),
        cursor=etcd.get(KEYS.cursor("j")),
    )


def test_missed_ticks_are_queued_or_counted_in_one_gap(etcd: EtcdModel, holding: Holding) -> None:
    missed = MissedTicks(NOON + 300, (NOON + 240, NOON + 300), Gap(NOON + 60, NOON + 180, 3))
    assert etcd.apply(claims.account(ME, holding, missed, NOON + 301)).succeeded
    assert cursor(etcd) == NOON + 300
    queued = [QueuedRun.from_json(e.value).tick for e in etcd.prefix(KEYS.queue_of("j")).values()]
    assert queued == [NOON + 240, NOON + 300]
    (entry,) = etcd.prefix(KEYS.runs_of("j")).values()
    gap = read_run(entry.value)
    assert isinstance(gap, GapRecord)
    assert (gap.first, gap.last, gap.count) == (NOON + 60, NOON + 180, 3)
    assert len(etcd.prefix(KEYS.all_news)) == 1


def test_as_many_missed_ticks_as_can_be_made_up_fit_into_one_transaction(
    etcd: EtcdModel, holding: Holding
) -> None:
    ticks = tuple(NOON + 60 * n for n in range(2, 102))
    missed = MissedTicks(ticks[-1], ticks, Gap(NOON + 60, NOON + 60, 1))
    assert etcd.apply(claims.account(ME, holding, missed, NOON)).succeeded
