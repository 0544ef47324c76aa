"""What `status` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from crony_ops.cli.standing.document import member_trouble
from crony_ops.cli.terminal.output import span, table
from crony_ops.cli.view.node_parts import GONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from crony_ops.cli.standing.document import StatusDocument
    from crony_ops.cli.view.node_parts import FailoverCounts, NodePart

NODE_STYLES = {
    "up": "green",
    "cordoned": "yellow",
    "draining": "yellow",
    "unreadable": "red",
    "lost": "bold red",
    "missing": "bold red",
}
_LISTED = 10
_SEVERITIES = {"critical": "bold red", "warning": "yellow", "info": ""}


def print_status(console: Console, document: StatusDocument) -> None:
    console.print(status_grid(document))


def status_grid(document: StatusDocument, marked: frozenset[str] = frozenset()) -> Table:
    """The section that has nothing to tell is left out. ``marked`` has labels as `status_changes`
    gives them: these stand out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=8)
    grid.add_column()

    def row(label: str, said: Text | Table) -> None:
        grid.add_row(Text(label, "bold reverse" if label in marked else "bold"), said)

    row("cluster", _cluster(document))
    row("watcher", _watchers(document))
    row("sync", _sync(document))
    row("jobs", _jobs(document))
    if document.nodes:
        row("nodes", nodes_table(document.nodes, document.at, marked))
    else:
        row("nodes", Text("none was ever seen", "yellow"))
    if document.failing:
        failing = [
            (Text(f.job, "red"), _in_a_row(f.in_a_row, f.since, document.at), f.reason)
            for f in document.failing
        ]
        row("failing", _columns(failing))
    if document.unassigned:
        row("no node", _columns([(Text(u.job, "red"), u.reason) for u in document.unassigned]))
    if document.failovers:
        open_failovers = [
            (f.node, f"for {span(document.at - f.started_at)}", in_words(f))
            for f in document.failovers
        ]
        row("failover", _columns(open_failovers))
    row("alerts", _alerts(document))
    if document.unreadable:
        row("broken", _columns([(Text(key, "red"),) for key in document.unreadable]))
    if document.problems:
        row("wrong", Text(" · ".join(document.problems), "red"))
    return grid


def nodes_table(
    nodes: Iterable[NodePart], now: float, marked: frozenset[str] = frozenset()
) -> Table:
    """The living nodes' presets, the lost ones' failover; what the inventory says of either."""
    rows = (
        (
            Text(node.name, "reverse" if f" {node.name}" in marked else ""),
            Text(node.state, NODE_STYLES[node.state]),
            node.jobs,
            "-" if node.state in GONE else node.running,
            span(now - node.seen_at) if node.seen_at else "-",
            node.version or "-",
            _presets(node, now),
        )
        for node in nodes
    )
    return table(
        "NAME", "STATE", "JOBS", "RUNNING", "SEEN", "VERSION", "PRESETS",
        rows=rows, right=("JOBS", "RUNNING"),
    )  # fmt: skip


def in_words(failover: FailoverCounts) -> str:
    parts = [f"moved {failover.moved:,}", f"failed {failover.failed:,}"]
    if failover.bound:
        parts.append(f"waiting for it {failover.bound:,}")
    if failover.lost_runs:
        parts.append(f"lost runs {failover.lost_runs:,}")
    return ", ".join(parts)


def size(count: int) -> str:
    """Bytes in the unit that fits: ``41 MiB``."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def _cluster(document: StatusDocument) -> Text:
    members = document.etcd
    up = [member for member in members if member.error is None]
    leader = next((member.name for member in up if member.is_leader), "")
    line = Text(f"{document.cluster or 'not named yet'} · ")
    line.append(f"etcd {len(up)}/{len(members)}", "" if len(up) == len(members) else "red")
    line.append(f", leader {leader}" if leader else ", no leader")
    if up:
        line.append(f", {size(max(member.db_size for member in up))}")
        quota = next((member.quota for member in up if member.quota), None)
        line.append(f" of {size(quota)}" if quota else "")
    for member in members:
        if member.error is not None:
            line.append(f" · {member.name} is down ({member_trouble(member)})", "red")
        for alarm in member.alarms:
            line.append(f" · {member.name}: {alarm}", "bold red")
    return line


def _watchers(document: StatusDocument) -> Text:
    watcher = document.watcher
    line = Text()
    if watcher.leader:
        line.append(watcher.leader)
        line.append(f" leads since {span(document.at - (watcher.since or document.at))}")
    else:
        line.append("none leads", "bold red")
    for standby in watcher.standbys:
        line.append(f" · {standby} stands by")
    return line


def _sync(document: StatusDocument) -> Text:
    sync = document.sync
    if sync is None:
        return Text("never", "yellow")
    commit = f"{sync.commit[:7]} " if sync.commit else ""
    line = Text(
        f"{commit}{span(document.at - sync.at)} ago by {sync.who} · {sync.jobs:,} jobs: "
        f"{sync.added:,} added, {sync.changed:,} changed, {sync.removed:,} removed"
    )
    if sync.drift == "":
        line.append(" · the working tree agrees")
    elif sync.drift is not None:
        line.append(f" · {sync.drift}", "yellow")
    elif sync.dirty:
        line.append(" · with uncommitted changes", "yellow")
    return line


def _jobs(document: StatusDocument) -> Text:
    jobs = document.jobs
    line = Text(f"{jobs.total:,} · {jobs.ok:,} ok")
    for count, words, style in (
        (jobs.failing, "failing", "red"),
        (jobs.paused, "paused", "yellow"),
        (jobs.unassigned, "without a node", "red"),
        (jobs.running, "running", ""),
    ):
        if count:
            line.append(" · ")
            line.append(f"{count:,} {words}", style)
    if jobs.next is not None:
        line.append(f" · next {jobs.next.job} in {span(jobs.next.at - document.at)}")
    return line


def _presets(node: NodePart, now: float) -> str:
    if node.failover is not None:
        return in_words(node.failover)
    if node.state == "missing":
        return "the inventory has it, and it has no agent"
    ready = ", ".join(node.presets)
    failed = "; ".join(f"{p.preset}: {p.reason}, {span(now - p.at)} ago" for p in node.not_ready)
    parts = [ready, f"({failed})" if failed else "", f"[{node.why}]" if node.why else ""]
    if node.clock_offset is not None:
        parts.append(f"[its clock is {node.clock_offset:+.1f} s off]")
    if node.in_inventory is False:
        parts.append("[not in the inventory]")
    return "  ".join(part for part in parts if part) or "-"


def _in_a_row(count: int, since: float | None, now: float) -> str:
    return f"{count} in a row" + (f" for {span(now - since)}" if since else "")


def _alerts(document: StatusDocument) -> Table | Text:
    if not document.alerts:
        return Text("none")
    way = document.delivery
    head = Text(f"{document.alerts_last_hour:,} in the last hour")
    head.append(f" · {way.delivered_last_hour:,} delivered · ")
    head.append(f"{way.waiting:,} waiting", "yellow" if way.waiting else "")
    if way.given_up:
        head.append(f" · {way.given_up:,} given up", "bold red")
    for one in way.failing:
        head.append(f" · {one.channel} fails", "red")
    rows: list[Sequence[Any]] = [
        (f"{span(document.at - a.at)} ago", Text(a.title, _SEVERITIES.get(a.severity, "")))
        for a in document.alerts
    ]
    grid = Table.grid()
    grid.add_row(head)
    grid.add_row(_columns(rows))
    return grid


def _columns(rows: Sequence[Sequence[Any]]) -> Table:
    """The first rows, aligned; how many more there are."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for row in rows[:_LISTED]:
        grid.add_row(*row)
    if len(rows) > _LISTED:
        grid.add_row(f"and {len(rows) - _LISTED:,} more")
    return grid
