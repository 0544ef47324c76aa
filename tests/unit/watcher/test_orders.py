"""What becomes of the orders that people give the cluster: a rebalance, a node to be forgotten."""

from __future__ import annotations

import pytest

from crony_ops.model.alert import Alert
from crony_ops.model.cluster import Rebalance
from crony_ops.model.node import Cordon, Pause
from crony_ops.model.run import RunState
from crony_ops.watcher.rebalance import LIFE
from tests.unit.watcher.picture import NOON, Picture, every_node, http_job


@pytest.fixture
def picture() -> Picture:
    """Four jobs on node a, and a new node b."""
    made = Picture()
    made.node_up("a")
    for job_id in ("w", "x", "y", "z"):
        made.want(job_id)
    made.look()
    made.node_up("b", 2)
    made.look()
    return made


def wish(picture: Picture, at: float = NOON) -> None:
    picture.etcd.put(picture.keys.rebalance, Rebalance(who="ada", at=at).to_json())


def on(picture: Picture, node: str) -> list[str]:
    return [job_id for job_id in ("w", "x", "y", "z") if picture.homes(job_id) == [node]]


def stands(picture: Picture) -> bool:
    return picture.etcd.get(picture.keys.rebalance) is not None


class TestARebalance:
    def test_moves_what_spreads_the_jobs_and_ends(self, picture: Picture) -> None:
        wish(picture)
        cursor = picture.cursor("w")
        picture.look(NOON + 60)
        assert (on(picture, "a"), on(picture, "b")) == (["y", "z"], ["w", "x"])
        assert picture.cursor("w") == cursor
        picture.look(NOON + 61)
        assert not stands(picture)
        assert picture.look(NOON + 62) == 0

    def test_waits_for_the_run_under_way(self, picture: Picture) -> None:
        runs = [picture.claim("a", job_id, NOON) for job_id in ("w", "x", "y")]
        wish(picture)
        picture.look()
        picture.look()
        assert on(picture, "b") == ["z"]
        assert stands(picture)
        for run in runs:
            picture.etcd.delete(picture.keys.open(run.node, run.job_id, run.run_id))
        picture.look()
        picture.look()
        assert on(picture, "b") == ["w", "z"]
        assert not stands(picture)

    def test_moves_nothing_whose_run_began_meanwhile(self, picture: Picture) -> None:
        wish(picture)
        decided = picture.spread(NOON)
        picture.claim("a", "w", NOON)
        assert [done.succeeded for done in picture.carry_out(decided)] == [False, True]

    def test_leaves_paused_jobs_alone(self, picture: Picture) -> None:
        pause = Pause(who="ada", at=NOON).to_json()
        for job_id in ("w", "x", "y"):
            picture.etcd.put(picture.keys.pause(job_id), pause)
        wish(picture)
        picture.look()
        assert on(picture, "b") == ["z"]

    def test_is_given_up_after_a_day_and_an_alert_says_what_is_left(self, picture: Picture) -> None:
        for job_id in ("w", "x", "y", "z"):
            picture.claim("a", job_id, NOON)
        wish(picture)
        picture.look(NOON + LIFE)
        assert stands(picture)
        picture.look(NOON + LIFE + 1)
        assert not stands(picture)
        [entry] = picture.etcd.prefix(picture.keys.alerts).values()
        alert = Alert.from_json(entry.value)
        assert alert.title == "a rebalance is given up with 2 jobs left to move"
        assert alert.message.endswith(": w, x")

    def test_an_order_that_can_not_be_read_is_named_and_moves_nothing(
        self, picture: Picture
    ) -> None:
        picture.etcd.put(picture.keys.rebalance, b"\xff")
        picture.look()
        assert on(picture, "b") == []
        assert picture.keys.rebalance in picture.view.unreadable


class TestANodeThatIsForgotten:
    def forget(self, picture: Picture, name: str) -> None:
        picture.etcd.delete(picture.keys.roster(f"u-{name}"))
        picture.etcd.delete(picture.keys.cordon(f"u-{name}"))

    def test_gives_up_the_shell_job_that_was_stranded_on_it(self, picture: Picture) -> None:
        picture.want("shell", http_job(http=None, shell="true"))
        picture.etcd.put(picture.keys.cordon("u-b"), Cordon(who="ada", at=NOON).to_json())
        picture.look()
        picture.etcd.delete(picture.keys.cordon("u-b"))
        run = picture.claim("a", "shell", NOON)
        picture.node_dies("a")
        picture.look()
        assert picture.homes("shell") == ["a"]
        self.forget(picture, "a")
        picture.look()
        assert picture.homes("shell") == ["b"]
        record = picture.record(run)
        assert record is not None
        assert record.state is RunState.lost
        assert not picture.etcd.prefix(picture.keys.opens)

    def test_takes_what_jobs_on_every_node_have_of_it_along(self, picture: Picture) -> None:
        picture.want("all", every_node())
        picture.look()
        picture.node_dies("b")
        picture.look()
        assert picture.homes("all") == ["a", "b"]
        self.forget(picture, "b")
        for _ in range(3):
            picture.look()
        assert picture.homes("all") == ["a"]
        assert picture.cursor("all", "u-a") is not None
        assert picture.cursor("all", "u-b") is None

    def test_leaves_no_failover_open(self, picture: Picture) -> None:
        picture.want("all", every_node())
        picture.look()
        picture.node_dies("b")
        picture.look()
        self.forget(picture, "b")
        for _ in range(3):
            picture.look()
        assert picture.look() == 0
        assert (
            b"closed_at" in next(iter(picture.etcd.prefix(picture.keys.failovers).values())).value
        )


def test_jobs_that_left_for_a_preset_are_at_home_again_when_it_is_ready_there() -> None:
    picture = Picture()

    def offers(name: str, incarnation: int, total: str) -> None:
        node = picture.node_up(name, incarnation).model_copy(update={"presets": {"p": (total,)}})
        picture.etcd.put(picture.keys.node(node.uuid), node.to_json(), lease=incarnation)

    def wants(total: str) -> None:
        job = http_job(http=None, shell="true", presets=["p"])
        for job_id in ("w", "x", "y", "z"):
            picture.want(job_id, job, {"p": total})

    offers("a", 1, "old")
    offers("b", 2, "old")
    wants("old")
    picture.look()
    before = on(picture, "a"), on(picture, "b")
    assert [len(jobs) for jobs in before] == [2, 2]
    offers("b", 2, "new")
    wants("new")
    picture.look()
    assert len(on(picture, "b")) == 4
    offers("a", 1, "new")
    picture.look()
    assert (on(picture, "a"), on(picture, "b")) == before
    assert picture.look() == 0
