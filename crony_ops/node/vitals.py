"""How an agent is at one moment: what its metrics show, and whether it is well. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.daemon.contact import Contact


@dataclass(frozen=True, slots=True)
class Vitals:
    """``stalled``: seconds since etcd was last asked to have this node; ``spooled``: ends of runs
    that etcd was not told yet; ``presets_failed``: those whose present script did not run to its
    end."""

    contact: Contact
    registered: bool
    stalled: float
    spooled: int
    runs_under_way: int
    jobs: int
    presets_ready: int
    presets_failed: int

    def ailments(self, ttl: float) -> list[str]:
        """What keeps the agent from claiming ticks, in words."""
        found = self.contact.ailments(ttl)
        if not self.registered:
            found.append("not registered: no tick is claimed")
        return found

    def in_words(self, ttl: float, *, stopping: bool) -> str:
        runs = f"{self.runs_under_way} run{'' if self.runs_under_way == 1 else 's'} under way"
        if stopping:
            return f"stopping, {runs}"
        jobs = f"{self.jobs} job{'' if self.jobs == 1 else 's'}"
        return "; ".join([*self.ailments(ttl), f"{jobs}, {runs}"])
