"""A daemon's contact with etcd, in two numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SILENCE = 10.0
"""Seconds without a sign of life from etcd's watch that are too many: a mirror gives a stream up
after six, and the next one is there at once."""


@dataclass(frozen=True, slots=True)
class Contact:
    """In seconds. ``lease_margin``: for how long we may still rely on our lease, 0 for no longer;
    ``watch_age``: since when nothing proved that our mirror shows what stands in etcd, infinite
    where nothing ever did."""

    lease_margin: float
    watch_age: float

    def ailments(self, ttl: float) -> list[str]:
        """In words. A lease is renewed every third of its TTL: below a third, two renewals have
        failed."""
        found = []
        if self.lease_margin <= 0:
            found.append("no lease: etcd has not renewed it in time")
        elif self.lease_margin < ttl / 3:
            found.append(f"the lease is not renewed: it runs out in {self.lease_margin:.1f} s")
        if self.watch_age == float("inf"):
            found.append("etcd was not read yet")
        elif self.watch_age > SILENCE:
            found.append(f"nothing heard from etcd's watch for {self.watch_age:.0f} s")
        return found


def contact(*, deadline: float, boottime: float, fresh_at: float, monotonic: float) -> Contact:
    """Of a lease's deadline and a mirror's ``fresh_at``, each with the clock that it is on."""
    return Contact(
        lease_margin=max(0.0, deadline - boottime),
        watch_age=monotonic - fresh_at if fresh_at else float("inf"),
    )
