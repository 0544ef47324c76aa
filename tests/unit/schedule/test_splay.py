from __future__ import annotations

from collections import Counter

from crony_ops.schedule import splay_offset


def test_no_window_is_no_splay() -> None:
    assert splay_offset("job", 0) == 0


def test_a_job_keeps_its_place_in_the_window() -> None:
    assert splay_offset("db-backup", 600) == splay_offset("db-backup", 600)
    assert {splay_offset(f"job-{number}", 1) for number in range(100)} == {0}


def test_jobs_spread_evenly_over_the_window() -> None:
    offsets = Counter(splay_offset(f"job-{number}", 60) for number in range(12_000))
    assert set(offsets) == set(range(60))
    # Two hundred each on average, 14 of standard deviation: five of those are no chance.
    assert all(abs(count - 200) < 70 for count in offsets.values())
