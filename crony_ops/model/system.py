"""How a machine is doing right now, told while somebody looks."""

from __future__ import annotations

from crony_ops.model.record import Record

SWITCHED_ON = b"alive"
"""The value of `/crony/system/<node_uuid>/switch` while somebody looks."""


class Disk(Record):
    """A mounted file system. Sizes are in bytes."""

    mount: str
    total: int
    used: int


class RunningJob(Record):
    """A run under way with all its processes: ``cpu`` in per cent of one core, ``rss`` in bytes."""

    job_id: str
    run_id: str
    pid: int
    cpu: float = 0.0
    rss: int = 0


class SystemInfo(Record):
    """`/crony/system/<node_uuid>/get`: refreshed while the switch is on.

    ``at`` is the node's own wall clock (unix seconds), ``cpu`` is in per cent of all cores,
    ``load`` over 1, 5 and 15 minutes, sizes are in bytes. ``clock_offset``: seconds that this
    clock is ahead of that of whoever looks, who works it out when the key arrives: etcd has no
    clock to compare with, so it never stands there. ``top``: the busiest runs.
    """

    at: float
    uptime: float = 0.0
    cpus: int = 1
    cpu: float = 0.0
    load: tuple[float, float, float] = (0.0, 0.0, 0.0)
    memory_total: int = 0
    memory_available: int = 0
    swap_used: int = 0
    disks: tuple[Disk, ...] = ()
    clock_offset: float | None = None
    running: int = 0
    top: tuple[RunningJob, ...] = ()
