"""Where nothing is wrong the checker finds nothing: losses, re-runs, gaps, edits and orders too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.faults.proof.checker import check
from tests.unit.proof import sound, sound_clocks, sound_losses

if TYPE_CHECKING:
    from tests.unit.proof.story import Story

STORIES: list[Callable[[], Story]] = [
    sound.quiet,
    sound.node_lost,
    lambda: sound.node_lost(on_node_loss="rerun"),
    sound_losses.lost_three_times,
    sound_losses.removed_with_what_was_queued,
    sound_clocks.ahead,
    sound_clocks.ahead_by_an_hour,
    sound_clocks.ahead_before_the_recorder_heard_of_the_claim,
    sound_clocks.skipped_by_a_clock_that_was_ahead,
    sound_clocks.skipped_for_a_run_that_a_clock_ahead_had_begun,
    sound_clocks.asleep_by_a_clock_that_was_put_right,
    sound.late_beside_others,
    sound.paused_before_the_agent_woke,
    sound.asleep_right_before_a_start_that_was_late,
    sound_clocks.claimed_by_a_clock_that_was_ahead_and_held_up,
    sound_clocks.open_for_an_hour_to_come,
    sound_clocks.led_since_an_hour_to_come,
    sound_clocks.reset,
    sound_clocks.reset_while_it_moved,
    sound_clocks.made_up_before_and_after_a_reset,
    sound_clocks.queued_before_and_after_a_reset,
    sound.edited,
    sound.edited_while_nobody_had_it,
    sound.paused,
    sound.resumed_when_a_node_had_just_come,
    sound.paused_unheard,
    sound.removed,
    sound.failing,
    sound.killed,
    sound.skipped,
    sound.queued_behind_a_slow_run,
    sound_clocks.skipped_before_the_clock_was_wrong,
    sound.replaced,
    sound.replaced_while_it_waited,
    sound_clocks.replaced_while_the_clock_was_ahead,
    sound.fenced,
    sound_losses.a_run_that_outlived_its_node,
    sound_losses.late_and_beyond_its_grace,
    sound_losses.failed_for_less_than_people_wait_for,
    sound_losses.waited_for_less_after_an_edit,
    sound_losses.begun_beside_the_run_after_it,
    sound_losses.made_up_by_two_clocks,
    sound_losses.asleep_beside_its_rerun,
    sound_losses.tried_again_by_its_next_life,
    sound_losses.skipped_by_a_node_that_stalls,
    sound_losses.moved_long_after_an_edit,
    sound.pinned_through_an_outage,
    sound.everywhere,
]


@pytest.mark.parametrize("story", STORIES)
def test_nothing_is_found_where_nothing_is_wrong(story: Callable[[], Story]) -> None:
    assert check(story().history()) == []
