"""What a node is, and what is remembered and ordered about it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from crony_ops.model.record import Record

_NAMESPACE = uuid.UUID("5f3c3c52-7f4e-5e0b-9d0e-6f3d0f2f9a11")


def node_uuid(cluster: str, name: str) -> str:
    """The stable identity of a node: a reboot or a reinstall is the same node."""
    return str(uuid.uuid5(_NAMESPACE, f"{cluster}/{name}"))


class PresetFailure(Record):
    """A preset that is not ready on a node, and why."""

    reason: str
    at: float


class Node(Record):
    """`/crony/node/<node_uuid>`, alive as long as the key is: it hangs on the agent's lease.

    ``incarnation`` is that lease's id. ``renewed_at`` is the node's own wall clock (unix seconds)
    at its last renewal. ``presets`` maps a name to the sha256 sums that are ready.
    """

    uuid: str
    name: str
    ip: str = ""
    pid: int = 0
    version: str = ""
    groups: tuple[str, ...] = ()
    presets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    preset_failures: dict[str, PresetFailure] = Field(default_factory=dict)
    incarnation: int
    started_at: float = 0.0
    renewed_at: float = 0.0

    def offers(self, preset_sums: Mapping[str, str]) -> bool:
        """Whether every preset is ready here at the very checksum that is wanted."""
        return all(total in self.presets.get(name, ()) for name, total in preset_sums.items())


class Roster(Record):
    """`/crony/roster/<node_uuid>`: the node as last known, and when it went (None: it is up).

    ``clock_offset``: seconds that its clock stands off the others', while that is too much;
    ``clock_told_at``: when somebody was last told of it. ``losses``: when it was lost, the newest
    few. ``back_at``: when it last came back. ``told``: what people believe of it, if that is not
    that it is up; ``critical``: jobs of it could not be moved when it was lost last; ``remind_at``:
    when they are to be reminded. ``presets_told``: the presets that they believe not to be ready.
    Unix seconds.
    """

    node: Node
    seen_at: float
    lost_at: float | None = None
    clock_offset: float | None = None
    clock_told_at: float = 0.0
    losses: tuple[float, ...] = ()
    back_at: float = 0.0
    told: Literal["", "lost", "flapping"] = ""
    critical: bool = False
    remind_at: float = 0.0
    presets_told: tuple[str, ...] = ()


class Cordon(Record):
    """`/crony/cordon/<node_uuid>`: the node keeps its jobs and gets no new ones."""

    who: str
    at: float
    why: str = ""
    evict: bool = False


class Pause(Record):
    """`/crony/pause/<job_id>`. ``removal`` marks a job that left the files: the leader then takes
    assignment and pause away."""

    who: str
    at: float
    why: str = ""
    until: float | None = None
    removal: bool = False
