"""How late a run started, and why, as one table."""

from __future__ import annotations

import pytest

from crony_ops.node.runs.lateness import Way, lateness

DUE = 1_000_000.0
CLOCK = 500_000.0


def way(**fields: object) -> Way:
    """Claimed a second ahead of its time, as is usual."""
    usual: dict[str, object] = {
        "due_at": DUE,
        "gained_at": DUE - 9_000,
        "asked_at": DUE - 1.0,
        "claimed_at": DUE - 0.99,
        "clock": CLOCK,
    }
    return Way(**{**usual, **fields})  # type: ignore[arg-type]


REFUSED = "its claim was refused, and made again"
AWAY = "etcd can't be reached at a:1: refused"


@pytest.mark.parametrize(
    ("known", "late", "stepped", "waited_for", "because"),
    [
        pytest.param({}, 0.0, 0.0, (), "", id="in time"),
        pytest.param({}, 1.0, 0.0, (), "", id="a second is not late"),
        pytest.param({}, -0.2, -0.2, (), "", id="the clock went back"),
        pytest.param({}, 2.5, 0.0, (), "this machine was busy or asleep", id="woken late"),
        pytest.param({}, 2.5, 2.5, (), "put forward by 2.5 s", id="stepped while it waited"),
        pytest.param({}, 2.5, 0.0, ("a", "b"), "waited for a, b", id="waited for its slot"),
        pytest.param(
            {"asked_at": DUE + 2.0, "claimed_at": DUE + 2.1},
            *(2.2, 0.0, (), "the agent claimed it 2.1 s late"),
            id="looked at late",
        ),
        pytest.param(
            {"claimed_at": DUE + 2.0}, 2.1, 0.0, (), "etcd took 3.0 s to answer", id="slow etcd"
        ),
        pytest.param(
            {"asked_at": DUE + 2.0, "claimed_at": DUE + 2.1, "gained_at": DUE + 1.9},
            *(2.2, 0.0, (), "this node got the job 1.9 s after its time"),
            id="gained late",
        ),
        pytest.param(
            {
                "asked_at": DUE + 9.0,
                "claimed_at": DUE + 9.1,
                "gained_at": DUE + 8.0,
                "hindered_at": DUE + 8.8,
                "hindered_by": REFUSED,
            },
            *(9.2, 0.0, (), "this node got the job 8.0 s after its time"),
            id="gained late, and then refused for a moment",
        ),
        pytest.param(
            {
                "asked_at": DUE + 9.0,
                "claimed_at": DUE + 9.1,
                "gained_at": DUE + 0.5,
                "hindered_at": DUE + 8.8,
                "hindered_by": AWAY,
            },
            *(9.2, 0.0, (), AWAY),
            id="gained late, and etcd was away for longer",
        ),
        pytest.param(
            {
                "asked_at": DUE + 2.0,
                "claimed_at": DUE + 2.1,
                "hindered_at": DUE - 0.5,
                "hindered_by": REFUSED,
            },
            *(2.2, 0.0, (), REFUSED),
            id="refused",
        ),
        pytest.param(
            {
                "asked_at": DUE + 60,
                "claimed_at": DUE + 60.1,
                "hindered_at": DUE + 59.8,
                "hindered_by": AWAY,
                "made_up": True,
            },
            *(60.2, 0.0, (), f"made up: {AWAY}"),
            id="etcd was away, so it was made up",
        ),
        pytest.param(
            {
                "asked_at": DUE + 2.0,
                "claimed_at": DUE + 2.1,
                "hindered_at": DUE - 86_400,
                "hindered_by": AWAY,
            },
            *(2.2, 0.0, (), "busy"),
            id="what hindered yesterday's does not count",
        ),
        pytest.param(
            {"asked_at": DUE + 300, "claimed_at": DUE + 300.1, "made_up": True},
            *(300.2, 300.0, (), "made up: the clock was put forward by 300.0 s"),
            id="stepped over its time",
        ),
        pytest.param(
            {"asked_at": DUE + 2, "claimed_at": DUE + 2, "made_up": True},
            *(62.0, 0.0, ("a",), "made up: waited for a"),
            id="most of it was the waiting",
        ),
        pytest.param(
            {"asked_at": DUE + 9, "claimed_at": DUE + 9, "repeats": "x was lost", "made_up": True},
            *(9.1, 0.0, (), "run again: x was lost"),
            id="a re-run",
        ),
    ],
)
def test_a_late_run_says_how_late_and_why(
    known: dict[str, object],
    late: float,
    stepped: float,
    waited_for: tuple[str, ...],
    because: str,
) -> None:
    seconds, why = lateness(way(**known), DUE + late, CLOCK + stepped, waited_for)
    assert because in why
    assert bool(why) == bool(because)
    assert seconds == (pytest.approx(late) if because else 0.0)
