"""From a look at the cluster to what `status` says of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from crony_ops.cli.standing.document import StatusDocument, status_document
from crony_ops.model.cluster import Failover
from crony_ops.model.node import Roster
from crony_ops.store.member_status import MemberStatus
from tests.integration.cli.example_fleet import LOST_LIFE, example_fleet, node
from tests.unit.cli.views import KEYS, NOW, example_view, view_of_records, view_of_values

if TYPE_CHECKING:
    from crony_ops.cli.view.node_parts import NodePart

UP = MemberStatus("etcd-1", "127.0.0.1:1", db_size=1 << 20, is_leader=True)
DOWN = MemberStatus("etcd-2", "127.0.0.1:2", error="connection refused")

IDLE = (KEYS.roster("u-db-1"), KEYS.health("db-backup"), KEYS.spec("etl-nightly"))
UNTROUBLED = (*IDLE, KEYS.spec("old-shell"), KEYS.job("u-db-1", "old-shell"))


def document(*members: MemberStatus, without: tuple[str, ...] = ()) -> StatusDocument:
    return status_document(example_view(without=without), members or (UP,), None, NOW)


def node_called(found: StatusDocument, name: str) -> NodePart:
    return next(part for part in found.nodes if part.name == name)


def test_every_job_is_counted_in_one_state() -> None:
    jobs = document().jobs
    assert (jobs.total, jobs.ok, jobs.failing, jobs.paused, jobs.unassigned) == (6, 2, 1, 1, 2)
    assert jobs.running == 1


def test_the_next_firing_is_that_of_a_job_that_can_fire() -> None:
    first = document().jobs.next
    assert first is not None
    assert (first.job, first.at) == ("warm-cache", int(NOW) + 10)


def test_living_nodes_come_before_lost_ones() -> None:
    assert [(n.name, n.state, n.jobs) for n in document().nodes] == [
        ("web-1", "up", 3),
        ("web-2", "cordoned", 1),
        ("db-1", "lost", 1),
    ]


def test_a_preset_that_is_not_ready_shows_with_its_reason() -> None:
    [failed] = node_called(document(), "web-2").not_ready
    assert (failed.preset, failed.reason) == ("py-etl", "exit 1")


def test_a_failover_under_way_counts_what_is_done_so_far() -> None:
    lost = node_called(document(), "db-1").failover
    assert lost is not None
    assert (lost.closed_at, lost.moved, lost.failed) == (None, 1, 1)


def test_a_closed_failover_tells_its_final_counts() -> None:
    closed = Failover(
        node="u-db-1",
        node_name="db-1",
        incarnation=LOST_LIFE,
        started_at=NOW - 230,
        closed_at=NOW - 200,
        moved=321,
        failed=1,
    )
    view = example_view(also={KEYS.failover("u-db-1", LOST_LIFE): closed})
    found = status_document(view, (UP,), None, NOW)
    lost = node_called(found, "db-1").failover
    assert lost is not None
    assert (lost.moved, lost.failed) == (321, 1)
    assert found.failovers == ()


def test_a_job_without_a_node_says_why() -> None:
    reasons = {each.job: each.reason for each in document().unassigned}
    assert "group etl" in reasons["etl-nightly"]
    assert reasons["old-shell"].startswith("db-1 was lost 3 m ago: a shell job")


@pytest.mark.parametrize(
    ("without", "members", "problem"),
    [
        pytest.param((KEYS.leader,), (UP,), "no watcher leads", id="no leader"),
        pytest.param((), (UP, DOWN), "etcd member etcd-2 is down", id="a member is down"),
        pytest.param((), (UP,), "node db-1 is lost with 1 job left on it", id="stranded"),
        pytest.param((), (UP,), "1 job failing", id="a failing job"),
        pytest.param((), (UP,), "2 jobs without a node", id="jobs without a node"),
    ],
)
def test_trouble_is_told_in_words(
    without: tuple[str, ...], members: tuple[MemberStatus, ...], problem: str
) -> None:
    found = document(*members, without=without)
    assert not found.healthy
    assert any(each.startswith(problem) for each in found.problems), found.problems


def test_a_cluster_without_trouble_is_healthy() -> None:
    found = document(without=UNTROUBLED)
    assert found.problems == ()
    assert found.healthy


def test_a_lost_node_that_left_no_job_behind_is_no_trouble() -> None:
    gone = Roster(
        node=node("u-gone", "gone", NOW - 9_000), seen_at=NOW - 9_000, lost_at=NOW - 8_990
    )
    records = {k: r for k, r in example_fleet(KEYS, NOW).items() if k not in UNTROUBLED}
    found = status_document(
        view_of_records({**records, KEYS.roster("u-gone"): gone}), (UP,), None, NOW
    )
    assert node_called(found, "gone").state == "lost"
    assert found.healthy


def test_a_value_that_cannot_be_read_is_named_and_stops_nothing() -> None:
    values = {key: record.to_json() for key, record in example_fleet(KEYS, NOW).items()}
    values[KEYS.spec("report")] = b"{not json"
    values[KEYS.node("u-web-2")] = b"?"
    found = status_document(view_of_values(values), (UP,), None, NOW)
    assert set(found.unreadable) == {KEYS.spec("report"), KEYS.node("u-web-2")}
    assert node_called(found, "web-2").state == "unreadable"
    assert found.jobs.total == 5


def test_an_empty_key_space_has_a_document_too() -> None:
    found = status_document(view_of_records({}), (UP,), None, NOW)
    assert (found.cluster, found.sync, found.nodes) == ("", None, ())
    assert found.problems == ("no watcher leads",)


def test_the_document_is_json_data() -> None:
    found = asdict(document())
    assert json.loads(json.dumps(found))["watcher"]["standbys"] == ["w2"]


def test_leader_and_standbys_are_told_with_the_version_that_each_runs() -> None:
    alive = document().watcher.alive
    assert [(w.id, w.version) for w in alive] == [("w1", "0.3.0"), ("w2", "0.3.0")]


def test_recent_alerts_are_counted() -> None:
    found = document()
    assert found.alerts_last_hour == 1
    assert [alert.title for alert in found.alerts] == ["node db-1 is lost"]


def test_a_lost_node_was_seen_until_it_was_lost() -> None:
    """And not until its entry of the roster last changed, which may be long ago."""
    lost = node_called(document(), "db-1")
    assert lost.seen_at == lost.lost_at == NOW - 230
