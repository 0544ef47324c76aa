"""What happened in a run of the proof: all that the checker knows, and how it stands in a folder.

`setup.json`, `ledger.jsonl` (as the jobs write it), `faults.jsonl`, `writes.jsonl`, `end.json`.
All times are unix seconds by the clock of the machine that the whole cluster runs on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crony_ops.local.ledger import LedgerLine, read_ledger
from crony_ops.model.record import Record

if TYPE_CHECKING:
    from pathlib import Path

SETUP, LEDGER, FAULTS = "setup.json", "ledger.jsonl", "faults.jsonl"
WRITES, END = "writes.jsonl", "end.json"

Act = LedgerLine
"""What a job wrote down by itself when it began and when it ended. ``node`` is empty where the
witness could not know it (the server that an HTTP job asks)."""


class Kind(StrEnum):
    """What the nemesis does: faults, then the orders that people give (``ORDERS``). ``stall`` is
    nobody's doing: an etcd member was slow to answer, or a daemon had to wait for a processor."""

    kill = "kill"
    freeze = "freeze"
    restart = "restart"
    cut = "cut"
    cut_one_way = "cut one way"
    delay = "delay"
    drop = "drop"
    half_open = "half open"
    compact = "compact"
    defragment = "defragment"
    space = "space"
    disk = "disk"
    clock = "clock"
    stall = "stall"
    sync = "sync"
    pause = "pause"
    resume = "resume"
    cordon = "cordon"
    uncordon = "uncordon"
    rebalance = "rebalance"
    run = "run"
    kill_run = "kill run"
    reset_cursor = "reset cursor"


ORDERS = frozenset(
    {
        Kind.sync,
        Kind.pause,
        Kind.resume,
        Kind.cordon,
        Kind.uncordon,
        Kind.rebalance,
        Kind.run,
        Kind.kill_run,
        Kind.reset_cursor,
    }
)


class NodeSetup(Record):
    """A node by its name. ``presets`` are the names of those that it offers."""

    uuid: str
    groups: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()


class Setup(Record):
    """How the run was set up. ``nodes`` go by name; durations are in seconds.

    ``tolerance`` is how far two of the witnesses may be apart about the time of one event.
    ``settled_within``: how long after the last fault everything may take to be as it should.
    ``may_stay``: the key prefixes that may be left then. ``command`` repeats the run.
    ``since``: the writes up to this revision are what stood when the record began, each key as it
    was last written: rules look things up in them, and judge none of them.
    """

    began: float
    nodes: dict[str, NodeSetup]
    watchers: tuple[str, ...]
    etcds: tuple[str, ...] = ()
    root: str = "/crony"
    ttl: int
    watcher_ttl: int
    claim_ahead: float = 1.0
    fence_delay: float = 5.0
    kill_grace: float = 3.0
    cmd_auto_allocation: bool = False
    tolerance: float = 0.5
    settled_within: float = 60.0
    may_stay: tuple[str, ...] = ()
    command: str = ""
    since: int = 0


class Fault(Record):
    """What the nemesis did, or had somebody order.

    ``target``: the name of a process (`node-1`, `watcher-2`, `etcd-3`), of a link from a client to
    a member (`node-1>etcd-2`), of a job, or empty. ``began``: when the first step of it was taken;
    ``ended``: when it was undone to the last step (a killed process runs again, a frozen one is
    awake, a link carries), an order: when it was confirmed; None: never.
    """

    kind: Kind
    target: str = ""
    began: float
    ended: float | None = None
    detail: dict[str, str] = {}

    @property
    def is_order(self) -> bool:
        return self.kind in ORDERS

    @property
    def is_inflicted(self) -> bool:
        """Whether the nemesis did it: no order, and nothing that came by itself."""
        return not self.is_order and self.kind is not Kind.stall


@dataclass(frozen=True, slots=True)
class Write:
    """One event of the key space. Several of one ``revision`` are one request to etcd.

    ``at``: when the recorder saw it. ``value`` is None for a deletion. ``lease``: what the key
    hangs on now. ``previous``: the key's mod revision before; 0: it was not there.
    """

    revision: int
    at: float
    key: str
    value: str | None
    lease: int = 0
    previous: int = 0


class Usage(Record):
    """What a daemon used when all was up, before the first fault, and at the end. ``memory`` in
    bytes, resident."""

    descriptors_before: int
    descriptors_after: int
    memory_before: int
    memory_after: int


class EndState(Record):
    """How things stood at ``at``, when everything had settled or ``settled_within`` was over.

    ``keys``: all that stood in etcd, with its lease (0: none). ``leases``: all that etcd knew of.
    ``usage`` goes by process. ``survivors``: what of the runs still lived, a process a line.
    """

    at: float
    keys: dict[str, int]
    leases: tuple[int, ...] = ()
    usage: dict[str, Usage] = {}
    survivors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """``writes`` in the order of their revisions, from the first of the key space on, or with what
    stood when the record began before them; orders are among the ``faults``."""

    setup: Setup
    ledger: list[Act]
    faults: list[Fault]
    writes: list[Write]
    end: EndState


def read_history(folder: Path) -> History:
    """Raises OSError for a file that is not there, ValueError for a line that is none of ours."""
    return History(
        setup=Setup.from_json((folder / SETUP).read_bytes()),
        ledger=read_ledger(_lines(folder / LEDGER)),
        faults=[Fault.from_json(line.encode()) for line in _lines(folder / FAULTS)],
        writes=[read_write(line) for line in _lines(folder / WRITES)],
        end=EndState.from_json((folder / END).read_bytes()),
    )


def write_history(history: History, folder: Path) -> None:
    """All but the ledger and the writes, which are written as they happen: by the jobs, and by the
    recorder."""
    (folder / SETUP).write_bytes(history.setup.to_json())
    (folder / FAULTS).write_bytes(b"".join(fault.to_json() + b"\n" for fault in history.faults))
    (folder / END).write_bytes(history.end.to_json())


def write_line(write: Write) -> str:
    """One line of `writes.jsonl`, its end included."""
    fields = (write.revision, write.at, write.key, write.value, write.lease, write.previous)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_write(line: str) -> Write:
    """Raises ValueError or TypeError for what is no such line."""
    return Write(*json.loads(line))


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if line.strip())
