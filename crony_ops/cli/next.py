"""`crony-ops next`: what fires next, in the order of time."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from crony_ops.cli.cluster_view import ClusterView, look
from crony_ops.cli.connection import connected
from crony_ops.cli.job_standing import why_no_node
from crony_ops.cli.lookup import unknown
from crony_ops.cli.output import Output, OutputOption, show, span, table
from crony_ops.cli.upcoming import upcoming
from crony_ops.errors import InvalidInput
from crony_ops.model.duration import parse_duration
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

_COUNT = 20


@dataclass(frozen=True, slots=True)
class NextFiring:
    """``tick`` and ``at`` (the tick and its splay) are in unix seconds; ``when`` is ``at`` as ISO
    8601 in the job's zone. ``nodes`` are names. ``note`` says why it will not fire after all."""

    job: str
    tick: int
    at: int
    when: str
    timezone: str
    nodes: tuple[str, ...]
    note: str


@connected
def next_firings(
    settings: EtcdSettings,
    jobs: Annotated[list[str] | None, typer.Argument(help="only of these jobs")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="how many; 20 unless --for is given")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="how far ahead: 1h, 2d")
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """Show what fires next, with splay, in each job's own zone. A paused job shows if it is named.

    The document of `--output json` is {at, next: [NextFiring]}; times are in unix seconds.
    """
    try:
        ahead = None if within is None else parse_duration(within)
    except ValueError as error:
        raise InvalidInput(reason=f"--for: {error}") from None
    view = look(settings)
    now = time.time()
    firings = next_of(view, now, jobs or (), count or (_COUNT if ahead is None else None), ahead)
    document = {"at": now, "next": [asdict(firing) for firing in firings]}
    show(document, output, lambda console: _print(console, firings, now))


def next_of(
    view: ClusterView, now: float, named: Sequence[str], count: int | None, ahead: int | None
) -> list[NextFiring]:
    """The firings of the ``named`` jobs, or of all that are not paused, for ``ahead`` seconds.

    Raises UnknownName.
    """
    for job_id in named:
        if job_id not in view.specs:
            raise unknown("job", job_id, view.specs)
    chosen = named or [job_id for job_id in view.specs if job_id not in view.pauses]
    jobs = {job_id: view.specs[job_id].job for job_id in chosen}
    firings = upcoming(jobs, now)
    if ahead is not None:
        firings = takewhile(lambda firing: firing.at <= now + ahead, firings)
    found = []
    for firing in islice(firings, count):
        zone = jobs[firing.job].timezone
        found.append(
            NextFiring(
                job=firing.job,
                tick=firing.tick,
                at=firing.at,
                when=datetime.fromtimestamp(firing.at, ZoneInfo(zone)).isoformat(),
                timezone=zone,
                nodes=tuple(view.name_of(node) for node in view.assigned.get(firing.job, ())),
                note="paused" if firing.job in view.pauses else why_no_node(view, firing.job, now),
            )
        )
    return found


def _print(console: Console, firings: Sequence[NextFiring], now: float) -> None:
    if not firings:
        console.print("nothing fires")
        return
    rows = (
        (
            firing.when.replace("T", " "),
            f"in {span(firing.at - now)}",
            firing.job,
            f"{firing.at - firing.tick} s" if firing.at > firing.tick else "-",
            ", ".join(firing.nodes) or "-",
            firing.note,
        )
        for firing in firings
    )
    console.print(table("WHEN", "IN", "JOB", "SPLAY", "NODE", "NOTE", rows=rows, right=("SPLAY",)))
