"""How an agent is at one moment: what its metrics show, and whether it is well. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.daemon.contact import Contact


@dataclass(frozen=True, slots=True)
class Vitals:
    """``spooled``: ends of runs that etcd was not told yet; ``presets_failed``: those whose present
    script did not run to its end."""

    contact: Contact
    registered: bool
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
