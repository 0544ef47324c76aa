"""Whether a daemon's contact with etcd is well."""

from __future__ import annotations

import math

import pytest

from crony_ops.daemon.contact import Contact, contact


@pytest.mark.parametrize(
    ("margin", "age", "ailments"),
    [
        (10.0, 0.0, []),
        (6.7, 2.1, []),
        (3.4, 9.9, []),
        (3.2, 0.0, ["the lease is not renewed: it runs out in 3.2 s"]),
        (0.0, 0.0, ["no lease: etcd has not renewed it in time"]),
        (9.0, 12.4, ["nothing heard from etcd's watch for 12 s"]),
        (9.0, math.inf, ["etcd was not read yet"]),
        (
            0.0,
            60.0,
            [
                "no lease: etcd has not renewed it in time",
                "nothing heard from etcd's watch for 60 s",
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(margin: float, age: float, ailments: list[str]) -> None:
    assert Contact(margin, age).ailments(ttl=10) == ailments


def test_a_lease_that_has_run_out_has_no_margin() -> None:
    found = contact(deadline=90.0, boottime=100.0, fresh_at=40.0, monotonic=43.0)
    assert found == Contact(lease_margin=0.0, watch_age=3.0)


def test_a_mirror_that_never_listed_is_infinitely_old() -> None:
    found = contact(deadline=0.0, boottime=100.0, fresh_at=0.0, monotonic=43.0)
    assert found == Contact(lease_margin=0.0, watch_age=math.inf)
