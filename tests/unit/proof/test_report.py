"""The report of a small history, as an operator reads it."""

from __future__ import annotations

from crony_ops.model.run import QueuedRun, rerun_id
from tests.faults.proof.checker import check
from tests.faults.proof.checker.tally import tally
from tests.faults.proof.report import report
from tests.unit.proof import losses, sound
from tests.unit.proof.story import T

AGAIN = "make faults DURATION=600 SEED=7"


def test_a_sound_history_is_told_in_figures() -> None:
    history = sound.node_lost(on_node_loss="rerun").history()
    assert report(tally(history), check(history), AGAIN) == (
        "proof     12 s, 52 writes\n"
        "faults    1: 1 kill\n"
        "orders    0: none\n"
        "ticks     11 expected: 4 run · 7 missed · 0 skipped · 0 lost\n"
        "          0 doubled · 0 unaccounted\n"
        "runs      1 again after a loss · 0 asked for\n"
        "failover  1: p50 3.7 s · p99 3.7 s · max 3.7 s\n"
        "stalls    none\n"
        "\n"
        "no violation\n"
    )


def test_that_the_agents_are_stopped_in_the_end_is_no_failover() -> None:
    lost = sound.node_lost()
    assert len(tally(lost.history()).failovers) == 1
    assert tally(lost.history(at=T + 4)).failovers == ()


def test_what_a_clock_ahead_passed_over_is_counted_when_it_is_due() -> None:
    story = sound.quiet(2)
    story.until(10.5)
    losses.missed(story, "j", "node-1", T + 4, T + 3600, 3597)
    assert tally(story.history()).ticks["missed"] == 7


def test_a_violation_is_told_with_its_evidence_and_the_command_that_repeats_it() -> None:
    story = sound.quiet(2, on_node_loss="rerun")
    queued = QueuedRun(run_id=rerun_id(T + 2, 1), tick=T + 2, reason="why not", rerun=1)
    story.write(story.queue(queued, "j"))
    story.carry_out(story.claim_queued("j", queued, "node-1"), "node-1")
    history = story.history()
    told = report(tally(history), check(history), AGAIN)
    assert "1 doubled · 0 unaccounted" in told
    assert told.partition("\n\n")[2] == (
        f"1 violation of 1 rule; again: {AGAIN}\n"
        "\n"
        "✗ no tick runs twice (1)\n"
        "  tick 1800000002 of j ran as 20270115T080002Z-s, which was not lost,"
        " and again as 20270115T080002Z-r1\n"
        "    08:00:02.020  start  20270115T080002Z-s of j on node-1\n"
        "    08:00:02.230  start  20270115T080002Z-r1 of j on node-1\n"
    )


def test_of_many_violations_of_a_rule_a_few_are_shown() -> None:
    story = sound.quiet(1)
    for tick in range(T + 2, T + 10):
        run = story.claim("j", tick, "node-1")
        story.until(tick - T + 0.1)
        story.end(run)
    history = story.history()
    told = report(tally(history), check(history), AGAIN)
    assert "✗ records tell the truth (8)" in told
    assert told.count("did not run to its end") == 5
    assert "  and 3 more\n" in told
