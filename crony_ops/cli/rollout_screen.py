"""What `rollout` shows while it goes on: a table that is drawn anew, or a line for what is news."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from crony_ops.cli.terminal.output import console, table
from crony_ops.fleet.rollout.course import HostState, done_and_total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Group
    from rich.table import Table

    from crony_ops.fleet.rollout.course import Change, Course, HostCourse
    from crony_ops.fleet.rollout.outline import PlayOutline

_STYLES = {
    HostState.waiting: "dim",
    HostState.running: "cyan",
    HostState.ok: "green",
    HostState.changed: "yellow",
    HostState.failed: "bold red",
    HostState.unreachable: "bold red",
    HostState.interrupted: "red",
}
# Where not all hosts fit on the screen, these are the ones to look at.
_FIRST = (HostState.failed, HostState.unreachable, HostState.running)
_OTHER_LINES = 4
_REDRAWN_A_SECOND = 8


@contextmanager
def shown(plays: Sequence[PlayOutline], course: Course) -> Iterator[Callable[[Course], None]]:
    """Gives the function to be told how far it is. All of it goes to stderr."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _told_in_lines(course)
        return
    from rich.live import Live

    now = course

    def picture() -> Group:
        return sheet(now, plays, rows=screen.height - _OTHER_LINES)

    with Live(
        get_renderable=picture,
        console=screen,
        refresh_per_second=_REDRAWN_A_SECOND,
        transient=True,
    ) as live:

        def draw(course: Course) -> None:
            nonlocal now
            for change in course.changes[len(now.changes) :]:
                if change.diff:
                    live.console.print(_diff(f"{change.host}  {change.task}", change.diff))
            now = course

        yield draw


def _told_in_lines(course: Course) -> Callable[[Course], None]:
    screen, known = console(stderr=True), course

    def tell(course: Course) -> None:
        nonlocal known
        for line in news(known, course):
            screen.print(f"{time.strftime('%H:%M:%S')}  {line}", soft_wrap=True)
        known = course

    return tell


def news(before: Course, after: Course) -> Iterator[str]:
    """What is worth a line: a play, a change with its diff, a failure. Pure."""
    if after.plays > before.plays:
        yield f"play {after.play}"
    for change in after.changes[len(before.changes) :]:
        yield "\n".join((f"{change.host}  change  {change.task}", *change.diff.splitlines()))
    for name, host in after.hosts.items():
        was = before.hosts.get(name)
        if host.error is not None and (was is None or was.error != host.error):
            yield f"{name}  {host.state}  {host.error.task}: {host.error.reason}"


def sheet(course: Course, plays: Sequence[PlayOutline], rows: int) -> Group:
    """The bar, and as many hosts as ``rows`` has room for: what goes wrong or on comes first."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    done, total = done_and_total(course, plays)
    bar = Table.grid(padding=(0, 2, 0, 0))
    bar.add_row(
        Text(course.play or "beginning"),
        ProgressBar(total=max(total, 1), completed=done, width=40),
        f"{100 * done // max(total, 1)} %",
    )
    hosts = sorted(course.hosts.values(), key=lambda host: host.host)
    if len(hosts) <= rows:
        return Group(bar, hosts_table(hosts))
    hosts.sort(key=lambda host: _FIRST.index(host.state) if host.state in _FIRST else len(_FIRST))
    rest = Counter(host.state for host in hosts[rows:])
    more = ", ".join(f"{count:,} {state}" for state, count in rest.items())
    return Group(bar, hosts_table(hosts[:rows]), Text(f"and {len(hosts) - rows:,} more: {more}"))


def hosts_table(hosts: Iterable[HostCourse]) -> Table:
    rows = (
        (
            host.host,
            Text(host.state, _STYLES[host.state]),
            host.ok,
            host.changed,
            host.task if host.state in (*_FIRST, HostState.interrupted) else "",
        )
        for host in hosts
    )
    return table("HOST", "STATE", "OK", "CHANGED", "TASK", rows=rows, right=("OK", "CHANGED"))


def by_task(changes: Iterable[Change]) -> list[tuple[str, str]]:
    """Each task with the hosts that it changes, by name, in the order of the first. A task that
    comes several times on a host, as in a role that is used twice, is as many tasks. Pure."""
    times: Counter[tuple[str, str]] = Counter()
    hosts: dict[tuple[str, int], list[str]] = {}
    for change in changes:
        times[change.host, change.task] += 1
        hosts.setdefault((change.task, times[change.host, change.task]), []).append(change.host)
    return [(task, ", ".join(sorted(on))) for (task, _), on in hosts.items()]


def _diff(head: str, diff: str) -> Text:
    sheet = Text(head, "bold")
    for line in diff.splitlines():
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        sheet.append(f"\n{line}", style)
    return sheet
