"""Which logs go."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crony_ops.node.execution.log_rotation import DAY, Log, to_remove

NOW = 1_795_363_200.0


def log(name: str, days: float = 0, size: int = 1, unfinished: bool = False) -> Log:
    return Log(Path(name), NOW - days * DAY, size, unfinished)


def names(removed: list[Log]) -> list[str]:
    return [str(log.path) for log in removed]


def test_old_logs_go_whatever_their_size() -> None:
    logs = [log("new"), log("old", 31), log("kept", 29)]
    assert names(to_remove(logs, NOW, 30, 100)) == ["old"]


def test_the_oldest_go_until_a_tenth_is_free() -> None:
    logs = [log(str(days), days, size=10) for days in range(11)]
    assert names(to_remove(logs, NOW, 30, 100)) == ["10", "9"]
    assert names(to_remove(logs[1:], NOW, 30, 100)) == []


def test_the_log_of_an_unfinished_run_stays() -> None:
    logs = [log("running", 40, size=500, unfinished=True), log("old", 2, 10), log("new", 1, 10)]
    assert names(to_remove(logs, NOW, 30, 100)) == ["old", "new"]


@given(
    st.lists(
        st.builds(Log, st.just(Path("l")), st.floats(0, NOW), st.integers(0, 50), st.booleans())
    )
)
def test_what_is_left_is_in_bounds(logs: list[Log]) -> None:
    removed = to_remove(logs, NOW, 365, 200)
    assert not any(gone.unfinished for gone in removed)
    left = list(logs)
    for gone in removed:
        left.remove(gone)
    finished = [log for log in left if not log.unfinished]
    assert all(log.at >= NOW - 365 * DAY for log in finished)
    assert sum(log.size for log in left) <= 200 or not finished
