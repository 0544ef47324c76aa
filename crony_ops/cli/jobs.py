"""`crony-ops jobs`: the jobs on a line each, or the whole story of one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from crony_ops.cli.completion import job_ids, node_names
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import Output, OutputOption, print_table, show, span, wall_time
from crony_ops.cli.view.cluster_view import read_cluster
from crony_ops.cli.view.job_document import job_document
from crony_ops.cli.view.job_filter import Shown, read_filter
from crony_ops.cli.view.job_rows import ENDED_WELL, JobList, JobRow, job_rows, last_run
from crony_ops.cli.view.job_standing import standings
from crony_ops.cli.view.job_story import Holder, JobStory, read_story
from crony_ops.cli.view.last_runs import read_last_runs
from crony_ops.errors import BadSchedule, InvalidInput
from crony_ops.model.hiding import shown_url
from crony_ops.model.run import RunRecord
from crony_ops.schedule.zone import load_zone
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from crony_ops.model.job import Job

_STATE_STYLES = {"ok": "green", "failing": "red", "paused": "yellow", "unassigned": "red"}


@connected
def jobs(
    settings: EtcdSettings,
    job: Annotated[
        str | None,
        typer.Argument(metavar="[JOB]", help="all about this one", autocompletion=job_ids),
    ] = None,
    state: Annotated[list[Shown] | None, typer.Option(help="only those, or those")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME[=VALUE]", help="only those with all of these"),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="only those meant for one of these")
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option("--node", help="only those that it holds", autocompletion=node_names),
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """List the jobs; or tell all about one: where it is, what is due, how its last runs ended.

    The document of `--output json` is {at, jobs: [JobRow]}; for one job it is that row with its
    spec, holders, cursors, queue, open runs, pause, health and runs. Times are in unix seconds.

    Examples:
      $ crony-ops jobs
      $ crony-ops jobs --state failing --state unassigned
      $ crony-ops jobs --group web --node node-1
      $ crony-ops jobs disk-full
    """
    if job is None:
        rows, now = asyncio.run(_list(settings, state or (), label or (), group or (), node or ()))
        show(JobList(now, rows), output, lambda console: _print_rows(console, rows, now))
    elif state or label or group or node:
        raise InvalidInput(reason=f"all about {job} needs no filter")
    else:
        story, now = asyncio.run(_tell(settings, job))
        show(job_document(story, now), output, lambda console: _print_story(console, story, now))


async def _list(
    settings: EtcdSettings,
    states: Sequence[Shown],
    labels: Sequence[str],
    groups: Sequence[str],
    nodes: Sequence[str],
) -> tuple[list[JobRow], float]:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        view = await read_cluster(etcd, keys)
        now = time.time()
        wanted = read_filter(view, labels=labels, groups=groups, nodes=nodes, states=states)
        chosen = [
            job_id
            for job_id, standing in standings(view, now).items()
            if wanted.lets(view.specs[job_id].job, standing)
        ]
        return job_rows(view, await read_last_runs(etcd, keys, chosen), chosen, now), now


async def _tell(settings: EtcdSettings, job_id: str) -> tuple[JobStory, float]:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        view = await read_cluster(etcd, keys)
        now = time.time()
        return await read_story(etcd, keys, view, job_id, now), now


def _print_rows(console: Console, rows: Sequence[JobRow], now: float) -> None:
    lines = (
        (
            row.job,
            row.schedule,
            ", ".join(row.nodes) or "-",
            Text(row.state, _STATE_STYLES[row.state]),
            _last(row, now),
            f"in {span(row.next.at - now)}" if row.next else "-",
            f"{row.file}:{row.line}",
            row.reason,
        )
        for row in rows
    )
    if not rows:
        console.print("no job")
        return
    headers = ("JOB", "SCHEDULE", "NODE", "STATE", "LAST RUN", "NEXT", "WRITTEN IN", "")
    print_table(console, headers, list(lines))


def _last(row: JobRow, now: float) -> Text:
    running = f"running {row.running}" if row.running > 1 else "running"
    line = Text(f"{running} · " if row.running else "")
    if row.last is None:
        return line.append("never")
    style = "" if row.last.state in ENDED_WELL else "red"
    return line.append(row.last.state, style).append(f" {span(now - row.last.at)} ago")


def _zone(job: Job) -> ZoneInfo:
    """UTC where this version does not know the job's."""
    try:
        return load_zone(job.timezone)
    except BadSchedule:
        return ZoneInfo("UTC")


def _print_story(console: Console, story: JobStory, now: float) -> None:
    row, job = story.row, story.spec.job
    zone, due = _zone(job), row.next
    lines = [
        ("job", Text(row.job, "bold")),
        ("what", job.description),
        ("labels", ", ".join(f"{name}={value}" for name, value in job.labels.items())),
        (
            "state",
            Text(row.state, _STATE_STYLES[row.state]) + (f"  {row.reason}" * bool(row.reason)),
        ),
        ("runs", job.shell or (f"{job.http.method} {shown_url(job.http.url)}" if job.http else "")),
        ("when", f"{job.schedule}  {job.timezone}" + f"  splay {job.splay} s" * bool(job.splay)),
        ("next", f"{wall_time(due.at, zone)}, in {span(due.at - now)}" if due else "-"),
        ("written", f"{row.file}:{row.line} {story.spec.source.commit[:7]}"),
        ("presets", ", ".join(f"{n}@{t[:12]}" for n, t in story.spec.preset_sums.items())),
        *(("node", _holder(holder, now)) for holder in story.holders),
        *(
            ("cursor", f"{wall_time(tick, zone)}{f' on {node}' if node else ''}")
            for node, tick in story.cursors.items()
        ),
        ("ordered", "" if story.ordered is None else f"to run now on {story.ordered or 'any'}"),
        *(("queued", f"{run.run_id}  {run.reason}") for run in story.queue),
        *(
            ("running", f"{run.run_id}, claimed {span(now - run.claimed_at)} ago")
            for run in story.open
        ),
    ]
    for label, words in lines:
        if words:
            console.print(Text(f"{label:<10}", "bold") + words)
    for record in story.runs:
        last = last_run(record)
        style = "green" if last.state in ENDED_WELL else "red"
        console.print(
            Text(f"{last.run_id}  ", "bold")
            + Text(last.state, style)
            + f"  {span(now - last.at)} ago on {last.node or '-'}"
            + f"  {last.reason}" * bool(last.reason)
        )
        if isinstance(record, RunRecord) and record.attempts:
            for line in record.attempts[-1].output.splitlines():
                console.print(Text(f"    {line}", "dim"))


def _holder(holder: Holder, now: float) -> str:
    lost = "" if holder.alive else " (lost)"
    since = span(now - holder.assignment.assigned_at)
    stale = "" if holder.up_to_date else ", not the newest version yet"
    return f"{holder.node}{lost}, since {since}, epoch {holder.epoch}{stale}"
