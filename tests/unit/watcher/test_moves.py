"""What becomes of the keys when a job is assigned, edited, moved, or its node dies."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job, RunOn
from crony_ops.model.node import Cordon
from crony_ops.model.run import QueuedRun, RunState
from crony_ops.model.spec import Assignment
from tests.unit.watcher.picture import FENCE_DELAY, NOON, Picture, every_node, http_job


@pytest.fixture
def picture() -> Picture:
    """Two nodes, and a job on one of them."""
    picture = Picture()
    picture.node_up("a")
    picture.want("j")
    picture.look(NOON)
    picture.node_up("b")
    picture.look(NOON)
    assert picture.homes("j") == ["a"]
    return picture


def assignment(picture: Picture, name: str) -> Assignment:
    entry = picture.etcd.get(picture.keys.job(f"u-{name}", "j"))
    assert entry is not None
    return Assignment.from_json(entry.value)


class TestTheCursor:
    def test_of_a_new_job_starts_now(self, picture: Picture) -> None:
        assert picture.cursor("j") == NOON

    def test_goes_with_the_job_to_another_node_as_it_stands(self, picture: Picture) -> None:
        picture.set_cursor("j", NOON + 60)
        picture.node_dies("a")
        picture.look(NOON + 90)
        assert (picture.homes("j"), picture.cursor("j")) == (["b"], NOON + 60)

    @pytest.mark.parametrize(
        "changed",
        [
            http_job(schedule="*/5 * * * *"),
            http_job(timezone="Asia/Shanghai"),
            http_job(run_on={"group": None, "node": "a"}),
        ],
        ids=["schedule", "timezone", "run_on"],
    )
    def test_moves_up_to_now_with_a_change_of_what_is_due(
        self, picture: Picture, changed: Job
    ) -> None:
        picture.want("j", changed)
        picture.look(NOON + 30)
        assert (picture.homes("j"), picture.cursor("j")) == (["a"], NOON + 30)

    def test_stays_with_any_other_change(self, picture: Picture) -> None:
        picture.want("j", http_job(timeout=5, splay=10))
        picture.look(NOON + 30)
        assert assignment(picture, "a").job.timeout == 5
        assert picture.cursor("j") == NOON

    def test_never_goes_back(self, picture: Picture) -> None:
        picture.set_cursor("j", NOON + 600)
        picture.want("j", http_job(schedule="@daily"))
        picture.look(NOON + 30)
        assert picture.cursor("j") == NOON + 600

    def test_of_a_removed_job_that_comes_back_starts_now(self, picture: Picture) -> None:
        picture.etcd.delete(picture.keys.spec("j"))
        picture.look(NOON + 10)
        picture.want("j")
        picture.look(NOON + 100)
        assert picture.cursor("j") == NOON + 100

    def test_of_a_job_that_came_back_before_anybody_saw_it_gone_starts_now(
        self, picture: Picture
    ) -> None:
        picture.etcd.delete(picture.keys.spec("j"))
        picture.want("j")
        picture.look(NOON + 100)
        assert picture.cursor("j") == NOON + 100

    def test_that_is_missing_is_made(self, picture: Picture) -> None:
        picture.etcd.delete(picture.keys.cursor("j"))
        picture.look(NOON + 7)
        assert picture.cursor("j") == NOON + 7

    def test_that_can_not_be_read_is_replaced(self, picture: Picture) -> None:
        picture.etcd.put(picture.keys.cursor("j"), b"{")
        picture.look(NOON + 7)
        assert picture.cursor("j") == NOON + 7

    def test_each_node_of_a_job_on_every_node_has_its_own(self, picture: Picture) -> None:
        picture.want("e", every_node())
        picture.look(NOON)
        picture.set_cursor("e", NOON + 60, "u-a")
        picture.node_up("c")
        picture.look(NOON + 65)
        assert [picture.cursor("e", f"u-{n}") for n in "abc"] == [NOON + 60, NOON, NOON + 65]


class TestAMove:
    def test_is_refused_when_the_node_came_back_meanwhile(self, picture: Picture) -> None:
        picture.node_dies("a")
        picture.look(NOON)
        assert picture.homes("j") == ["b"]
        picture.node_dies("b")
        orders = picture.moves(NOON + 1)
        picture.node_up("b", 2)
        assert not any(result.succeeded for result in picture.carry_out(orders))
        assert picture.homes("j") == ["b"]

    def test_is_refused_when_the_target_died_meanwhile(self, picture: Picture) -> None:
        picture.node_dies("a")
        orders = picture.moves(NOON)
        picture.node_dies("b")
        picture.carry_out(orders)
        assert picture.homes("j") == ["a"]

    def test_is_refused_when_the_spec_changed_meanwhile(self, picture: Picture) -> None:
        picture.node_dies("a")
        orders = picture.moves(NOON)
        picture.want("j", http_job(run_on=RunOn(node="a")))
        picture.carry_out(orders)
        assert picture.homes("j") == ["a"]

    def test_off_a_living_node_is_refused_when_a_run_began_meanwhile(
        self, picture: Picture
    ) -> None:
        drain = Cordon(who="ops", at=NOON, evict=True)
        picture.etcd.put(picture.keys.cordon("u-a"), drain.to_json())
        (order,) = picture.moves(NOON)
        run = picture.claim("a", "j", NOON + 1)
        picture.carry_out([order])
        assert picture.homes("j") == ["a"]
        picture.etcd.delete(picture.keys.open("u-a", "j", run.run_id))
        picture.carry_out([order])
        assert picture.homes("j") == ["b"]

    def test_that_is_late_is_refused_when_the_job_has_moved_elsewhere_meanwhile(
        self, picture: Picture
    ) -> None:
        picture.node_dies("a")
        late = picture.moves(NOON)
        picture.node_dies("b")
        picture.node_up("c")
        picture.look(NOON + 1)
        picture.node_up("b", 2)
        picture.carry_out(late)
        assert picture.homes("j") == ["c"]

    def test_decided_twice_on_one_picture_assigns_a_job_once(self) -> None:
        picture = Picture()
        picture.node_up("a")
        picture.want("j")
        picture.set_cursor("j", NOON)
        first = picture.moves(NOON)
        picture.node_dies("a")
        picture.node_up("b")
        second = picture.moves(NOON)
        picture.node_up("a")
        done = [result.succeeded for result in picture.carry_out([*first, *second])]
        assert done == [True, False]

    def test_leaves_word_of_where_the_job_came_from(self, picture: Picture) -> None:
        picture.node_dies("a")
        picture.look(NOON + 3)
        given = assignment(picture, "b")
        assert (given.moved_from, given.assigned_at) == ("u-a", NOON + 3)


class TestARunThatDiedWithItsNode:
    def test_is_lost_and_news(self, picture: Picture) -> None:
        run = picture.claim("a", "j", NOON + 60)
        picture.node_dies("a")
        orders = picture.moves(NOON + 61)
        picture.carry_out(orders)
        record = picture.record(run)
        assert record is not None
        assert (record.state, record.reason) == (RunState.lost, "its node a was lost")
        assert (record.epoch, record.incarnation) == (run.epoch, run.incarnation)
        assert picture.etcd.get(picture.keys.news("j", run.run_id)) is not None
        assert not picture.etcd.prefix(picture.keys.opens)
        assert not picture.etcd.prefix(picture.keys.queue)

    def test_is_not_lost_when_its_end_was_told_meanwhile(self, picture: Picture) -> None:
        run = picture.claim("a", "j", NOON + 60)
        picture.node_dies("a")
        orders = picture.moves(NOON + 61)
        picture.etcd.delete(picture.keys.open("u-a", "j", run.run_id))
        picture.carry_out(orders)
        assert picture.record(run) is None

    def test_is_run_again_where_its_job_wants_it_once_it_has_surely_ended(
        self, picture: Picture
    ) -> None:
        picture.want("j", http_job(on_node_loss="rerun"))
        picture.look(NOON)
        run = picture.claim("a", "j", NOON + 60)
        picture.node_dies("a")
        picture.look(NOON + 61)
        (entry,) = picture.etcd.prefix(picture.keys.queue_of("j")).values()
        queued = QueuedRun.from_json(entry.value)
        assert queued.run_id == run.run_id.replace("-s", "-r1")
        assert (queued.tick, queued.rerun) == (run.tick, 1)
        assert queued.not_before == NOON + 61 + FENCE_DELAY

    def test_is_lost_also_where_the_job_stays_with_the_node(self, picture: Picture) -> None:
        picture.want("s", Job(schedule="* * * * *", shell="true"))
        picture.look(NOON)
        (home,) = picture.homes("s")
        run = picture.claim(home, "s", NOON + 60)
        picture.node_dies(home)
        picture.look(NOON + 61)
        record = picture.record(run)
        assert record is not None
        assert record.state is RunState.lost
        assert picture.homes("s") == [home]

    def test_is_lost_also_where_the_job_left_the_files(self, picture: Picture) -> None:
        run = picture.claim("a", "j", NOON + 60)
        picture.etcd.delete(picture.keys.spec("j"))
        picture.look(NOON + 61)
        picture.node_dies("a")
        picture.look(NOON + 62)
        record = picture.record(run)
        assert record is not None
        assert record.state is RunState.lost

    def test_is_lost_in_steps_where_there_are_too_many_for_one(self, picture: Picture) -> None:
        runs = [picture.claim("a", "j", NOON + 60 * n) for n in range(1, 20)]
        picture.node_dies("a")
        for _ in range(3):
            picture.look(NOON + 9999)
        records = [picture.record(run) for run in runs]
        assert all(r is not None and r.state is RunState.lost for r in records)
        assert picture.homes("j") == ["b"]


def test_an_open_run_that_can_not_be_read_keeps_its_job_on_a_living_node(picture: Picture) -> None:
    picture.want("j", http_job(run_on=RunOn(node="b")))
    picture.etcd.put(picture.keys.open("u-a", "j", "x"), b"{")
    assert picture.placement().held == {"j": "waits for a run to end"}
    picture.look(NOON)
    assert picture.homes("j") == ["a"]


def test_an_open_run_under_a_key_that_is_not_its_own_is_left_alone(picture: Picture) -> None:
    run = picture.claim("a", "j", NOON + 60)
    other = picture.keys.open("u-a", "j", "20260101T000000Z-s")
    picture.etcd.put(other, run.to_json())
    picture.node_dies("a")
    for second in range(3):
        picture.look(NOON + 61 + second)
    assert len(picture.etcd.prefix(picture.keys.runs_of("j"))) == 1
    assert other in picture.view.unreadable


def test_an_assignment_that_can_not_be_read_is_written_anew(picture: Picture) -> None:
    picture.etcd.put(picture.keys.job("u-a", "j"), b"{")
    picture.look(NOON)
    assert assignment(picture, "a").job == http_job()


def test_a_spec_that_can_not_be_read_leaves_the_job_where_it_is(picture: Picture) -> None:
    picture.etcd.put(picture.keys.spec("j"), b"{")
    picture.look(NOON)
    assert picture.homes("j") == ["a"]
    assert picture.keys.spec("j") in picture.view.unreadable


def test_at_rest_nothing_is_ordered(picture: Picture) -> None:
    picture.want("e", every_node())
    picture.look(NOON)
    picture.look(NOON)
    assert picture.look(NOON + 1) == 0
