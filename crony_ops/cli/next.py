"""`crony-ops next`: what fires next, in the order of time; in which hours; in which seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from crony_ops.cli.ahead.heat_map import heat_map, print_heat_map
from crony_ops.cli.ahead.herd import HerdList, herd_part, print_herds
from crony_ops.cli.ahead.upcoming import Firing, upcoming
from crony_ops.cli.completion import job_ids
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import Output, OutputOption, print_table, say, show, span
from crony_ops.cli.view.cluster_view import ClusterView, look
from crony_ops.cli.view.job_standing import why_no_node
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import BadSchedule, InvalidInput
from crony_ops.model.duration import parse_duration
from crony_ops.schedule import parse_schedule
from crony_ops.schedule.daylight import Daylight, daylight_at
from crony_ops.schedule.herd import groups_of, herds
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from crony_ops.model.job import Job
    from crony_ops.schedule import Schedule

_COUNT = 20
_HERDS = 10
_DAY = 86_400
_DAYLIGHT = {
    Daylight.gap: "moved out of the missing hour",
    Daylight.first: "first of a repeated hour",
    Daylight.second: "second of a repeated hour",
}


@dataclass(frozen=True, slots=True)
class NextFiring:
    """``tick`` and ``at`` (the tick and its splay) are in unix seconds; ``when`` and ``utc`` are
    ``at`` as ISO 8601, in the job's zone and in UTC. ``daylight`` is None unless a change of the
    clocks moves or repeats the tick. ``nodes`` are names. ``note`` says why
    it will not fire after all."""

    job: str
    tick: int
    at: int
    when: str
    utc: str
    timezone: str
    daylight: Daylight | None
    nodes: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class NextList:
    """In the order of time. ``at`` is in unix seconds."""

    at: float
    next: list[NextFiring]


@connected
def next_firings(
    settings: EtcdSettings,
    jobs: Annotated[
        list[str] | None, typer.Argument(help="only of these jobs", autocompletion=job_ids)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="how many; 20 unless --for is given; 10 herds"),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="how far ahead: 1h, 2d; herds 1d unless told"
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=366, metavar="N", help="how many fire in each hour of N days"),
    ] = None,
    herd: Annotated[
        bool, typer.Option("--herd", help="the seconds in which most jobs fire together")
    ] = False,
    files: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="of the jobs in these files and folders, not of etcd's"),
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """Show what fires next, with splay, in each job's own zone. A paused job shows if it is named.

    The document of `--output json` is {at, next: [NextFiring]}; with --days it is {at, timezone,
    days: [{date, hours}]}, with --herd {at, herds: [{at, utc, times, count, jobs}]}. Each `at` is
    in unix seconds.

    Examples:
      $ crony-ops next --count 5
      $ crony-ops next disk-full --for 1h
      $ crony-ops next --days 7
      $ crony-ops next --herd
    """
    if days is not None and (herd or count or within):
        raise InvalidInput(reason="--days goes with neither --herd, --count nor --for")
    try:
        ahead = None if within is None else parse_duration(within)
    except ValueError as error:
        raise InvalidInput(reason=f"--for: {error}") from None
    view = look(settings) if not files else None
    known = jobs_of(view) if view else _read(files or ())
    now = time.time()
    chosen = _sound(choose(known, view.pauses if view else (), jobs or ()))
    if herd:
        start = int(now)
        until = start + (ahead or _DAY)
        found = herds(groups_of(chosen), start, until, most=count or _HERDS)
        show(
            HerdList(now, [herd_part(one) for one in found]),
            output,
            lambda console: print_herds(console, found, now),
        )
    elif days is not None:
        hours = heat_map(groups_of(chosen), _common_zone(chosen), now, days)
        show(hours, output, lambda console: print_heat_map(console, hours))
    else:
        firings = next_of(chosen, view, now, count or (_COUNT if ahead is None else None), ahead)
        show(NextList(now, firings), output, lambda console: _print(console, firings, now))


def jobs_of(view: ClusterView) -> dict[str, Job]:
    return {job_id: spec.job for job_id, spec in view.specs.items()}


def choose(
    known: Mapping[str, Job], paused: Mapping[str, object] | Sequence[str], named: Sequence[str]
) -> dict[str, Job]:
    """The ``named`` jobs, or all that are not paused. Raises UnknownName."""
    for job_id in named:
        if job_id not in known:
            raise unknown("job", job_id, known)
    return {i: known[i] for i in named or known if named or i not in paused}


def _sound(jobs: Mapping[str, Job]) -> dict[str, Job]:
    """Without those whose schedule means nothing to this version, which are told of: a newer one
    may have stored it."""
    found = {}
    for job_id, job in jobs.items():
        try:
            parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)
        except BadSchedule as error:
            say(f"{job_id} is left out: {error}")
        else:
            found[job_id] = job
    return found


def next_of(
    jobs: Mapping[str, Job],
    view: ClusterView | None,
    now: float,
    count: int | None,
    ahead: int | None,
) -> list[NextFiring]:
    """The next firings, ``count`` of them or those of ``ahead`` seconds; without a ``view`` nobody
    knows where."""
    firings = upcoming(jobs, now)
    if ahead is not None:
        firings = takewhile(lambda firing: firing.at <= now + ahead, firings)
    schedules: dict[str, Schedule] = {}
    found = []
    for firing in islice(firings, count):
        job = jobs[firing.job]
        if firing.job not in schedules:
            schedules[firing.job] = parse_schedule(
                job.schedule, timezone=job.timezone, job_id=firing.job
            )
        daylight = daylight_at(schedules[firing.job], firing.tick)
        found.append(_shown(firing, job.timezone, daylight, view, now))
    return found


def _shown(
    firing: Firing, zone: str, daylight: Daylight | None, view: ClusterView | None, now: float
) -> NextFiring:
    nodes: tuple[str, ...] = ()
    note = ""
    if view is not None:
        nodes = tuple(view.name_of(node) for node in view.assigned.get(firing.job, ()))
        note = "paused" if firing.job in view.pauses else why_no_node(view, firing.job, now)
    return NextFiring(
        job=firing.job,
        tick=firing.tick,
        at=firing.at,
        when=datetime.fromtimestamp(firing.at, ZoneInfo(zone)).isoformat(),
        utc=datetime.fromtimestamp(firing.at, UTC).isoformat(),
        timezone=zone,
        daylight=daylight,
        nodes=nodes,
        note=note,
    )


def _read(paths: Sequence[Path]) -> dict[str, Job]:
    """The jobs of files. Raises InvalidInput for files that are not sound."""
    from crony_ops.catalog import load_catalog

    catalog = load_catalog(paths)
    if catalog.problems:
        raise InvalidInput(
            reason=f"{catalog.problems[0].render()} (`crony-ops validate` shows all)"
        )
    return {job_id: spec.job for job_id, spec in catalog.specs.items()}


def _common_zone(jobs: Mapping[str, Job]) -> str:
    zones = {job.timezone for job in jobs.values()}
    return zones.pop() if len(zones) == 1 else "UTC"


def _print(console: Console, firings: Sequence[NextFiring], now: float) -> None:
    if not firings:
        console.print("nothing fires")
        return
    rows = (
        (
            firing.when.replace("T", " "),
            f"{firing.utc[5:19].replace('T', ' ')}Z",
            f"in {span(firing.at - now)}",
            firing.job,
            f"{firing.at - firing.tick} s" if firing.at > firing.tick else "-",
            ", ".join(firing.nodes) or "-",
            "; ".join(filter(None, (_words(firing), firing.note))),
        )
        for firing in firings
    )
    headers = ("WHEN", "UTC", "IN", "JOB", "SPLAY", "NODE", "NOTE")
    print_table(console, headers, list(rows), right=("SPLAY",))


def _words(firing: NextFiring) -> str:
    return _DAYLIGHT[firing.daylight] if firing.daylight else ""
