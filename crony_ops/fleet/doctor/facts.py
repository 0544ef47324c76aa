"""All that the checks look at: what etcd, the hosts and this machine said, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.record import Record

if TYPE_CHECKING:
    from crony_ops.model.cluster import Leader, SyncRecord, Watcher
    from crony_ops.model.node import Node, Roster
    from crony_ops.model.spec import Spec
    from crony_ops.store.leases import LeaseStatus
    from crony_ops.store.member_status import MemberStatus


class Unit(Record):
    """As `systemctl show` tells. ``since`` is in unix seconds of its host's clock, 0 if it was
    never active."""

    load: str
    active: str
    sub: str
    result: str
    restarts: int
    enabled: str
    since: float


class Disk(Record):
    """The file system below ``path``: bytes, and how many files it can hold."""

    path: str
    total: int
    free: int
    files: int
    files_free: int


class Pem(Record):
    """A certificate in a file of a host, or why the file can't be read."""

    path: str
    pem: str
    error: str


class Page(Record):
    """What a daemon's `/healthz` answered: 200, 503 with its reasons, 0 for no answer and why."""

    status: int
    reasons: tuple[str, ...]


class HostFacts(Record):
    """What `on_host` prints. ``installed`` is the build in force, ``at`` the host's wall clock in
    unix seconds. None, or an empty name: not known."""

    root: bool
    installed: str
    units: dict[str, Unit]
    presets: dict[str, str] | None
    disks: tuple[Disk, ...]
    logs: int | None
    certificates: tuple[Pem, ...]
    pages: dict[str, Page]
    synchronized: bool | None
    at: float


@dataclass(frozen=True, slots=True)
class HostLook:
    """A host of the inventory. ``facts`` is None and ``error`` says why where it could not be
    looked at; ``asked`` and ``answered`` are this machine's unix seconds. ``login`` is what one
    types behind `ssh`."""

    name: str
    groups: frozenset[str]
    login: str
    facts: HostFacts | None
    error: str = ""
    asked: float = 0.0
    answered: float = 0.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """``place`` says where it is shown or stands, ``host`` whose it is, if anybody's. Times are in
    unix seconds. ``error``: why it can't be read."""

    place: str
    host: str
    not_before: float = 0.0
    not_after: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What stands in etcd, by node uuid or job id. ``opens`` are (node uuid, job id, run id),
    ``node_keys`` the keys of living nodes, ``unreadable`` keys, too. ``leases`` is None and
    ``leases_error`` says why where etcd doesn't tell. ``guarded`` is whether etcd asks for rights
    inside nested transactions, too; None where it asks for none at all."""

    nodes: Mapping[str, Node]
    alive: frozenset[str]
    rosters: Mapping[str, Roster]
    leader: Leader | None
    watchers: tuple[Watcher, ...]
    specs: Mapping[str, Spec]
    opens: tuple[tuple[str, str, str], ...]
    sync: SyncRecord | None
    unreadable: tuple[str, ...]
    node_keys: Mapping[str, str]
    leases: tuple[LeaseStatus, ...] | None
    leases_error: str = ""
    guarded: bool | None = None

    def name_of(self, uuid: str) -> str:
        if uuid in self.nodes:
            return self.nodes[uuid].name
        return self.rosters[uuid].node.name if uuid in self.rosters else uuid


@dataclass(frozen=True, slots=True)
class Facts:
    """``version`` is this program's, ``now`` this machine's clock. ``cluster`` is None and
    ``cluster_error`` says why where etcd could not be read. ``hosts`` is None without an inventory;
    ``whole`` says that they are all of it. ``job_sums`` are the jobs of the files here by id, with
    their sums, None where there are none; ``drift`` is git's word of them, as `status` has it."""

    now: float
    version: str
    members: tuple[MemberStatus, ...]
    cluster: ClusterFacts | None
    cluster_error: str
    hosts: tuple[HostLook, ...] | None
    whole: bool
    certificates: tuple[Certificate, ...]
    job_sums: Mapping[str, str] | None
    drift: str | None

    @property
    def seen(self) -> tuple[tuple[HostLook, HostFacts], ...]:
        """The hosts that answered, each with what it said."""
        return tuple((h, h.facts) for h in self.hosts or () if h.facts is not None)

    def node_named(self, name: str) -> Node | None:
        """The living one."""
        nodes = self.cluster.nodes.values() if self.cluster else ()
        return next((node for node in nodes if node.name == name), None)
