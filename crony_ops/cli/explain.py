"""`crony-ops explain`: why a job ran or did not, and why where it did."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from crony_ops.cli.completion import job_ids
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import Output, OutputOption, print_table, show, span, wall_time
from crony_ops.cli.view.cluster_view import ClusterView, read_cluster
from crony_ops.cli.view.job_story import JobStory, read_story
from crony_ops.cli.why.place import NodeFit, node_fits
from crony_ops.cli.why.tick import (
    Finding,
    TickStory,
    explain_order,
    explain_tick,
    is_order,
    last_tick,
)
from crony_ops.errors import InvalidInput
from crony_ops.model.duration import format_duration, parse_duration
from crony_ops.schedule import parse_schedule, splay_offset
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Explanation:
    """``ticks``: the one that was asked for, or the last and the next. ``findings`` are of the job
    as it stands, ``nodes`` of each node's fitness for it. ``at`` is now, in unix seconds."""

    at: float
    job: str
    ticks: tuple[TickStory, ...]
    findings: tuple[Finding, ...]
    nodes: tuple[NodeFit, ...]


@connected
def explain(
    settings: EtcdSettings,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="2026-12-01T02:30, how long ago (2h), or a run's id"
        ),
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """Tell why a job ran or did not: what became of its last tick, and what of the next.

    With --at of the last tick at or before that time; a time without an offset is in the job's
    zone. The document of `--output json` has the fields of Explanation; times are in unix seconds.

    Examples:
      $ crony-ops explain disk-full
      $ crony-ops explain ca-bundle-expiry --at 10m
    """
    found = asyncio.run(_explain(settings, job, at))
    show(found, output, lambda console: _print(console, found))


async def _explain(settings: EtcdSettings, job_id: str, at: str | None) -> Explanation:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        view = await read_cluster(etcd, keys)
        now = time.time()
        story = await read_story(etcd, keys, view, job_id, now)
    return explanation(view, story, at, now)


def explanation(view: ClusterView, story: JobStory, at: str | None, now: float) -> Explanation:
    """``at`` as it was written. Raises InvalidInput. Pure."""
    return Explanation(
        at=now,
        job=story.row.job,
        ticks=_ticks(view, story, at, now),
        findings=tuple(_of_job(view, story, now)),
        nodes=node_fits(view, story.row.job, now),
    )


def _ticks(view: ClusterView, story: JobStory, at: str | None, now: float) -> tuple[TickStory, ...]:
    job, job_id = story.spec.job, story.row.job
    schedule = parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)
    if at is None:
        due = int(now) - splay_offset(job_id, job.splay)
        last = schedule.newest_at(due)
        ticks = [schedule.next_after(due)] if last is None else [last, schedule.next_after(last)]
        return tuple(explain_tick(view, story, tick, now) for tick in ticks)
    if "Z-" in at:
        return (_of_run(view, story, at, now),)
    tick = schedule.newest_at(int(read_moment(at, now, ZoneInfo(job.timezone))))
    if tick is None:
        raise InvalidInput(reason=f"--at {at!r}: {job_id} has no tick before that")
    return (explain_tick(view, story, tick, now),)


def read_moment(written: str, now: float, zone: ZoneInfo) -> float:
    """Unix seconds: that long before ``now``, or an ISO time, in ``zone`` if it has no offset.

    Raises InvalidInput.
    """
    try:
        return now - parse_duration(written)
    except ValueError:
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            raise InvalidInput(
                reason=f"--at {written!r} is no time (2026-12-01T02:30), no duration (2h) and no "
                "run's id"
            ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _of_run(view: ClusterView, story: JobStory, run_id: str, now: float) -> TickStory:
    for each in (*story.runs, *story.open, *story.queue):
        if each.run_id != run_id:
            continue
        if is_order(each):
            return explain_order(view, story, run_id, now)
        return explain_tick(view, story, last_tick(each), now)
    raise InvalidInput(reason=f"etcd keeps no run {run_id} of {story.row.job}")


def _of_job(view: ClusterView, story: JobStory, now: float) -> list[Finding]:
    """How the job stands now, whatever tick was asked for."""
    job = story.spec.job
    zone = ZoneInfo(job.timezone)
    # "paused by whom", but "failing: for which reason".
    link = " " if story.pause is not None else ": "
    found = [Finding("state", link.join(filter(None, (story.row.state, story.row.reason))))]
    if view.leader is None:
        found.append(Finding("watcher", "none leads: no job is given to a node or moved"))
    for holder in sorted(story.holders, key=lambda holder: holder.node):
        given = holder.assignment
        came = f", moved from {view.name_of(given.moved_from)}" if given.moved_from else ""
        lost = "" if holder.alive else " (lost)"
        stale = "" if holder.up_to_date else "; it has not been given the newest version yet"
        since = span(now - given.assigned_at)
        said = f"{holder.node}{lost} since {since}{came}, epoch {holder.epoch}{stale}"
        found.append(Finding("holder", said))
    for node, tick in sorted(story.cursors.items()):
        where = f" on {node}" if node else ""
        upto = wall_time(tick, zone)
        found.append(Finding("cursor", f"every tick up to {upto} is accounted for{where}"))
    if story.ordered is not None:
        found.append(Finding("order", f"to be run now on {story.ordered or 'any holder'}"))
    found += [Finding("queue", f"{run.run_id}: {run.reason}") for run in story.queue]
    found.append(Finding("misfire", _misfire(story)))
    found.append(Finding("on loss", _on_loss(story)))
    found.append(Finding("records", _records(story, zone)))
    return found


def _misfire(story: JobStory) -> str:
    misfire = story.spec.job.misfire
    grace = format_duration(misfire.grace)
    match misfire.policy.value:
        case "latest":
            return f"of missed ticks the newest is made up within {grace}, the rest is recorded"
        case "all":
            return f"missed ticks are made up within {grace}, {misfire.max} at the most"
        case _:
            return "missed ticks are recorded, and none is made up"


def _on_loss(story: JobStory) -> str:
    if story.spec.job.rerun:
        return "a run that is lost with its node is made again, three times at the most"
    return "a run that is lost with its node is recorded as lost, and not made again"


def _records(story: JobStory, zone: ZoneInfo) -> str:
    if not story.runs:
        return "etcd keeps none of its runs yet"
    tick = last_tick(story.runs[-1])
    since = wall_time(tick, zone)
    return f"etcd keeps {len(story.runs)}, from {since} on"


def _print(console: Console, found: Explanation) -> None:
    for story in found.ticks:
        when = wall_time(story.tick, datetime.fromisoformat(story.when).tzinfo)
        away = story.tick - found.at
        heading = f"in {span(away)}" if away > 0 else f"{span(-away)} ago"
        console.print(Text(f"tick {when}, {heading}", "bold"), soft_wrap=True)
        _print_findings(console, story.findings)
    console.print(Text(f"job {found.job}", "bold"))
    _print_findings(console, found.findings)
    if found.nodes:
        rows = [
            (
                f"  {fit.node}",
                Text("yes", "green") if fit.may else Text("no", "yellow"),
                fit.jobs,
                fit.reason,
            )
            for fit in found.nodes
        ]
        print_table(console, ("  NODE", "MAY", "JOBS", "WHY"), rows, right=("JOBS",))


def _print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        style = "bold" if finding.about == "verdict" else ""
        line = Text(f"  {finding.about:<10}") + Text(finding.says, style)
        console.print(line, soft_wrap=True)
