"""Why a job ran or did not, from what stands in etcd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from crony_ops.cli.explain import Explanation, explanation, read_moment
from crony_ops.cli.view.job_rows import job_rows
from crony_ops.cli.view.job_story import Holder, JobStory
from crony_ops.cli.why.clock_changes import clock_change
from crony_ops.errors import InvalidInput
from crony_ops.model.node import Pause
from crony_ops.model.run import QueuedRun, RunKind, RunState, once_run_id, rerun_id, tick_run_id
from tests.integration.cli.example_fleet import assigned, spec
from tests.unit.cli.runs import a_gap, a_run, under_way
from tests.unit.cli.views import KEYS, example_view

if TYPE_CHECKING:
    from crony_ops.model.record import Record

TICK = 1_795_372_200  # 2026-11-22 18:30:00 UTC
NOW = TICK + 20.0


def explained(
    at: str | None = "20s",
    *,
    now: float = NOW,
    cursor: int | None = TICK,
    given: float = TICK - 86_400.0,
    schedule: str = "*/5 * * * *",
    also: Mapping[str, Record] | None = None,
    without: tuple[str, ...] = (),
    on: str = "u-web-1",
    fields: dict[str, Any] | None = None,
    **told: Any,
) -> Explanation:
    """Of a job ``backup`` on web-1 in the example fleet."""
    wanted = spec("backup", schedule, **(fields or {}))
    assignment = assigned(wanted, given)
    records: dict[str, Record] = {KEYS.spec("backup"): wanted, **(also or {})}
    if on:
        records[KEYS.job(on, "backup")] = assignment
    view = example_view(also=records, without=without)
    holder = Holder(view.name_of(on), on, on in view.alive, True, 41, assignment)
    known = {
        "row": job_rows(view, {}, ["backup"], now)[0],
        "spec": wanted,
        "holders": (holder,) if on else (),
        "cursors": {} if cursor is None else {"": cursor},
        "ordered": None,
        "queue": (),
        "open": (),
        "pause": view.pauses.get("backup"),
        "health": None,
        "runs": (),
    }
    return explanation(view, JobStory(**{**known, **told}), at, now)


def verdict(found: Explanation) -> str:
    [first] = [f.says for f in found.ticks[0].findings if f.about == "verdict"]
    assert found.ticks[0].findings[0].about == "verdict"
    return first


def about(found: Explanation, subject: str) -> list[str]:
    of_ticks = [finding for tick in found.ticks for finding in tick.findings]
    return [f.says for f in (*of_ticks, *found.findings) if f.about == subject]


PAUSED = {KEYS.pause("backup"): Pause(who="bob@ops", at=NOW - 600, why="new disk")}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        pytest.param(
            {"runs": (a_run(TICK, took=2.0),)},
            "backup succeeded on node-1 in 2.0 s",
            id="it ran",
        ),
        pytest.param(
            {"runs": (a_run(TICK, RunState.skipped, None, reason="waited for another"),)},
            "backup skipped on node-1: waited for another",
            id="it was skipped",
        ),
        pytest.param(
            {
                "runs": (
                    a_run(TICK, run_id=rerun_id(TICK, 1), ended_at=TICK + 9, rerun=1),
                    a_run(TICK, RunState.lost, 1.0, reason="its node db-1 was lost"),
                )
            },
            "backup succeeded on node-1 in 9.0 s",
            id="lost, and run again",
        ),
        pytest.param(
            {"open": (under_way(TICK, node="u-web-1"),)},
            "it is under way on web-1 since 21 s",
            id="it runs",
        ),
        pytest.param(
            {"open": (under_way(TICK, node="u-web-1"),), "now": TICK - 0.5},
            "web-1 has claimed it, and is about to start it",
            id="claimed ahead",
        ),
        pytest.param(
            {"open": (under_way(TICK, node="u-db-1"),)},
            "it was under way on db-1 when that was lost",
            id="its node was lost under it",
        ),
        pytest.param(
            {
                "queue": (
                    QueuedRun(
                        run_id=tick_run_id(TICK), tick=TICK, reason="missed", not_before=NOW + 5
                    ),
                )
            },
            "it is to be made up, in 5 s at the soonest: missed",
            id="queued",
        ),
        pytest.param(
            {"runs": (a_gap(TICK - 600, TICK, 3),)},
            "it was missed, one of 3 ticks in a row: nobody could run it",
            id="in a gap",
        ),
        pytest.param(
            {"runs": (a_run(TICK + 300), a_run(TICK + 600))},
            "it is accounted for, and nobody can tell how any more: the 2 records",
            id="trimmed",
        ),
        pytest.param(
            {"given": TICK + 5.0},
            "it did not run: the job as it is was given to its node after it",
            id="the job came later",
        ),
        pytest.param(
            {"given": TICK + 5.0, "runs": (a_run(TICK + 300),)},
            "nothing is kept from before the job as it is was given to its node",
            id="older than the job and its records",
        ),
        pytest.param(
            {"runs": (a_run(TICK - 300),)},
            "it did not run: the cursor was moved past it",
            id="the cursor was moved",
        ),
        pytest.param(
            {"cursor": None}, "it does not run: the job has no cursor yet", id="no cursor"
        ),
        pytest.param(
            {"cursor": None, "on": ""},
            "it did not run: a node would do, but the watcher has not placed it yet",
            id="no node, and so no cursor",
        ),
        pytest.param(
            {"cursor": TICK - 300, "now": TICK + 1.0},
            "web-1 is about to claim it; claimed now it would be made up",
            id="due now",
        ),
        pytest.param(
            {"cursor": TICK - 300},
            "web-1 holds the job and has not claimed it for 20 s: its agent's log says why; "
            "claimed now it would be made up (misfire: latest, grace 5m)",
            id="nobody claims",
        ),
        pytest.param(
            {"cursor": TICK - 300, "fields": {"misfire": {"policy": "skip"}}},
            "claimed now it would be recorded as missed (misfire: skip, grace 5m)",
            id="nobody claims, and it is too late",
        ),
        pytest.param(
            {"cursor": TICK - 300, "also": PAUSED},
            "it does not run: paused by bob@ops, 10 m ago: new disk; a resumption makes nothing up",
            id="paused",
        ),
        pytest.param(
            {"cursor": TICK - 300, "on": "u-db-1"},
            "it did not run yet: db-1 was lost",
            id="on a lost node",
        ),
    ],
)
def test_the_verdict_says_what_became_of_a_tick(told: dict[str, Any], words: str) -> None:
    assert words in verdict(explained("2026-11-22T18:30", **told))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "it is to run on web-1 in 4 m"),
        ({"also": PAUSED}, "it will not run unless the job is resumed: paused by bob@ops"),
        (
            {"also": {KEYS.pause("backup"): Pause(who="b", at=NOW, until=NOW + 60)}},
            "it is to run on web-1 in 4 m",
        ),
        (
            {"open": (under_way(TICK - 300, node="u-web-1"),)},
            "it is to run on web-1 in 4 m, or to be skipped, if the run that is under way",
        ),
        ({"on": ""}, "it will not run as things stand: a node would do, but the watcher"),
    ],
)
def test_the_next_tick_tells_whether_it_will_run(told: dict[str, Any], words: str) -> None:
    last, following = explained(None, runs=(a_run(TICK),), **told).ticks
    assert (last.tick, following.tick) == (TICK, TICK + 300)
    assert words in following.findings[0].says


def test_a_job_that_may_run_beside_itself_is_not_said_to_be_skipped() -> None:
    before = (under_way(TICK - 300, node="u-web-1"),)
    found = explained(None, open=before, fields={"concurrency": "allow"})
    assert found.ticks[1].findings[0].says == "it is to run on web-1 in 4 m"


def test_a_late_start_says_why() -> None:
    late = a_run(TICK, late=3.2, late_because="the claim was refused")
    found = explained(runs=(late,))
    assert about(found, "late") == ["3.2 s after its time: the claim was refused"]


def test_a_claim_names_its_lease_and_a_node_that_came_anew() -> None:
    kept = explained(open=(under_way(TICK, node="u-web-1"),))
    anew = explained(open=(under_way(TICK, node="u-web-1", incarnation=6, epoch=41),))
    assert about(kept, "claim") == [f"{tick_run_id(TICK)}: web-1 claimed it 21 s ago under lease 7"]
    assert about(anew, "claim")[0].endswith(
        "under lease 6, epoch 41, and has another lease since: it came anew"
    )


def test_a_run_that_ended_names_the_lease_and_the_epoch_of_its_claim() -> None:
    ended = a_run(TICK, RunState.lost, node_name="web-1", incarnation=0x2F, epoch=41)
    found = explained(runs=(ended,))
    assert about(found, "claim") == [
        f"{tick_run_id(TICK)}: web-1 claimed it under lease 2f, epoch 41"
    ]
    of_an_older_version = a_run(TICK)
    assert about(explained(runs=(of_an_older_version,)), "claim") == []


def test_a_job_on_every_node_has_a_verdict_for_each() -> None:
    ran = a_run(TICK, run_id=tick_run_id(TICK, "node-1"))
    found = explained(
        fields={"run_on": {"every": True}}, runs=(ran,), cursors={"web-1": TICK - 300}
    )
    verdicts = about(found, "verdict")
    assert verdicts[0] == "node-1: backup succeeded on node-1 in 1.0 s"
    assert verdicts[1].startswith("web-1: web-1 holds the job and has not claimed it for 20 s")


def test_an_order_is_explained_beside_the_schedule() -> None:
    run_id = once_run_id(TICK + 7, 99)
    asked = a_run(TICK + 7, run_id=run_id, kind=RunKind.once)
    found = explained(run_id, runs=(asked,))
    assert verdict(found) == "backup succeeded on node-1 in 1.0 s"
    assert "crony-ops run" in about(found, "asked for")[0]
    at_its_time = explained("0s", runs=(asked, a_run(TICK, RunState.failed)))
    assert verdict(at_its_time).startswith("backup failed")


def test_every_node_says_why_it_may_have_the_job_or_not() -> None:
    fits = {fit.node: fit for fit in explained().nodes}
    assert fits["web-1"].reason == "holds it; a job moves only when it must"
    assert fits["web-2"].reason == "cordoned by ada@ops: new disk"
    assert fits["db-1"].reason.startswith("it was lost")
    assert [fit.may for fit in fits.values()] == [True, False, False]


def test_of_the_nodes_that_may_have_a_job_the_one_with_the_fewest_would_get_it() -> None:
    fits = {f.node: f for f in explained(on="", without=(KEYS.cordon("u-web-2"),)).nodes}
    assert fits["web-2"].reason == (
        "would be given it now: it has the fewest jobs of those that may"
    )
    assert fits["web-1"].reason == "may have it, but has more jobs than web-2"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"run_on": {"group": "db"}}, "it is not in group db"),
        ({"run_on": {"node": "db-1"}}, "it is not db-1"),
        (
            {"presets": ["py-etl"], "preset_sums": {"py-etl": "ffff" * 16}},
            "preset py-etl@ffff (exit 1) is not ready there",
        ),
    ],
)
def test_the_first_obstacle_is_named(fields: dict[str, Any], reason: str) -> None:
    fits = {fit.node: fit for fit in explained(on="", fields=fields).nodes}
    assert fits["web-2"].reason == reason


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2h", NOW - 7_200),
        ("2026-11-22T19:30", float(TICK)),
        ("2026-11-22T18:30Z", float(TICK)),
        ("2026-11-22 19:30:00+01:00", float(TICK)),
    ],
)
def test_a_time_is_an_age_or_a_moment_in_the_jobs_zone(written: str, moment: float) -> None:
    assert read_moment(written, NOW, ZoneInfo("Europe/Berlin")) == moment


@pytest.mark.parametrize("written", ["yesterday", "20261122T183000Z-s", ""])
def test_what_is_no_time_and_no_run_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput):
        explained(written)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-03-29T03:00+02:00", "the clocks are put forward to 03:00 then"),
        ("2026-10-25T02:30+02:00", "02:30 comes twice that day, and this is the first time"),
        ("2026-10-25T02:30+01:00", "02:30 comes twice that day, and this is the second time"),
    ],
)
def test_a_change_of_the_clocks_is_told(moment: str, words: str) -> None:
    tick = int(read_moment(moment, NOW, BERLIN))
    assert clock_change(BERLIN, tick).startswith(words)


@pytest.mark.parametrize(
    "moment",
    ["2026-03-29T01:59:59+01:00", "2026-03-29T03:00:01+02:00", "2026-10-25T03:00+01:00",
     "2026-10-25T01:59+02:00", "2026-07-01T02:30+02:00"],
)  # fmt: skip
def test_a_wall_time_that_comes_once_needs_no_word(moment: str) -> None:
    assert clock_change(BERLIN, int(read_moment(moment, NOW, BERLIN))) == ""


def test_the_state_of_a_job_is_told_with_its_reason() -> None:
    assert about(explained(), "state") == ["ok"]
    assert about(explained(also=PAUSED), "state") == ["paused by bob@ops, 10 m ago: new disk"]
    [stranded] = about(explained(on=""), "state")
    assert stranded.startswith("unassigned: a node would do")
