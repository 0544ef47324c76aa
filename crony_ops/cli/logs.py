"""`crony-ops logs`: what a run has printed, as far as it can be had from here."""

from __future__ import annotations

import asyncio
import codecs
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from pydantic import Field

from crony_ops.cli.completion import job_ids
from crony_ops.cli.past_runs.job_runs import JobRuns, look_at_runs
from crony_ops.cli.past_runs.remote_log import remote_log
from crony_ops.cli.past_runs.run_choice import chosen_run
from crony_ops.cli.past_runs.run_tails import print_tails
from crony_ops.cli.past_runs.run_words import end_in_words, end_with_status
from crony_ops.cli.past_runs.whole_log import LogPlace, follow_log, log_place, read_log
from crony_ops.cli.terminal.connection import Cluster, connected_to_fleet
from crony_ops.cli.terminal.fleet import FleetOption, known_fleet
from crony_ops.cli.terminal.output import Output, OutputOption, say, show, span
from crony_ops.errors import InvalidInput
from crony_ops.model.run import Attempt, OpenRun, RunRecord, read_run
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from crony_ops.fleet.run_log import RunLog
    from crony_ops.store.mirror import Mirror
    from crony_ops.store.settings import EtcdSettings

_LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Logs:
    """A run with what etcd keeps of its output (``attempts``), and where all of it stands."""

    run: RunRecord | OpenRun
    node: str
    attempts: tuple[Attempt, ...]
    place: LogPlace

    @property
    def under_way(self) -> bool:
        return isinstance(self.run, OpenRun)


class RunEnd(RunRecord):
    """The record of a run that ended, without its attempts."""

    attempts: tuple[Attempt, ...] = Field(default=(), exclude=True)

    @classmethod
    def of(cls, record: RunRecord) -> Self:
        return cls(**dict(record))


@dataclass(frozen=True, slots=True)
class LogsDocument:
    """``at`` is in unix seconds. ``run`` is as in etcd, ``attempts`` are those that were asked for.
    ``log.path`` is None where the whole log is not on this machine. ``output`` is all that stands
    in it; None where that was not read: elsewhere without --full, and with --attempt."""

    at: float
    job: str
    run: RunEnd | OpenRun
    under_way: bool
    attempts: tuple[Attempt, ...]
    log: LogPlace
    output: str | None


@connected_to_fleet
def logs(
    cluster: Cluster,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="ID", help="part of a run's id, or -1, -2; the newest"),
    ] = None,
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="only what is kept of this one")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="the whole log, until the run has ended")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="the whole log, from its node over ssh")
    ] = False,
    inventory: FleetOption = None,
    output: OutputOption = Output.text,
) -> None:
    """Print what a run has printed: the tails that etcd keeps, or with --full all of it.

    --full and --follow fetch the log from the run's node over ssh, as the inventory tells of it, as
    root or by `sudo -n`. In a local cluster it is all of it in any case. The output goes to stdout,
    and what is said of it to stderr, with the place of the whole log.
    The document of `--output json` is {at, job, run: the record as in etcd, under_way, attempts:
    [Attempt], log: {node, in_state_dir, path}, output}: `path` is null where the whole log is not
    on this machine, and `output`, too, but with --full.

    Examples:
      $ crony-ops logs disk-full
      $ crony-ops logs heartbeat --run -2 --full
      $ crony-ops logs heartbeat --follow
    """
    if follow and (output is not Output.text or attempt is not None):
        raise InvalidInput(reason="--follow goes without --attempt, and prints text")
    if full and attempt is not None:
        raise InvalidInput(reason="--full goes without --attempt: a log has all of them")
    settings = cluster.etcd
    runs = look_at_runs(settings, job)
    found = _found(runs, run, attempt, settings)
    remote = None
    if (full or follow) and found.place.path is None:
        remote = remote_log(known_fleet(inventory or cluster.inventory), found.place)
    if follow and found.under_way:
        asyncio.run(_follow(settings, found, remote))
        return
    whole = attempt is None
    # No document for people: a whole log is too much to hold for nothing.
    document = None if output is Output.text else _document(job, found, remote, whole=whole)
    show(document, output, lambda _: _print(found, remote, whole=whole))


def _found(runs: JobRuns, named: str | None, attempt: int | None, settings: EtcdSettings) -> Logs:
    """Raises NoSuchRun, and InvalidInput for an attempt that there was not."""
    run = chosen_run(runs, named)
    attempts: tuple[Attempt, ...] = ()
    node = runs.names.get(run.node, run.node)
    if isinstance(run, RunRecord):
        node, attempts = run.node_name or run.node, run.attempts
    kept = tuple(each for each in attempts if attempt in (None, each.number))
    if attempt is not None and not kept:
        raise InvalidInput(reason=f"{run.run_id} has {len(attempts)} attempts, none is {attempt}")
    place = log_place(settings, Path.cwd(), node=node, job_id=runs.job_id, run_id=run.run_id)
    return Logs(run, node, kept, place)


def _document(job: str, found: Logs, remote: RunLog | None, *, whole: bool) -> LogsDocument:
    path = found.place.path if found.place.path and found.place.path.is_file() else None
    output = None
    if remote is not None:
        output = b"".join(remote.pieces()).decode("utf-8", "replace")
    elif whole and path is not None:
        output = "".join(read_log(path))
    return LogsDocument(
        at=time.time(),
        job=job,
        run=found.run if isinstance(found.run, OpenRun) else RunEnd.of(found.run),
        under_way=found.under_way,
        attempts=found.attempts,
        log=replace(found.place, path=path),
        output=output,
    )


def _print(found: Logs, remote: RunLog | None, *, whole: bool) -> None:
    run, path = found.run, found.place.path
    if isinstance(run, OpenRun):
        claimed = span(time.time() - run.claimed_at)
        say(f"{run.run_id} is under way on {found.node}, claimed {claimed} ago")
    else:
        say(f"{run.run_id}: {end_in_words(run)}")
    if remote is not None:
        write = _as_text()
        size = 0
        for chunk in remote.pieces():
            write(chunk)
            size += len(chunk)
        say(f"that is all of {remote}: {size:,} bytes" if size else f"nothing is in {remote}")
        return
    if whole and path is not None and path.is_file():
        for piece in read_log(path):
            sys.stdout.write(piece)
        sys.stdout.flush()
        say(f"that is all of {path}" if path.stat().st_size else f"nothing is in {path}")
        return
    _print_tails(found)


def _as_text() -> Callable[[bytes], None]:
    """Writes bytes to stdout as text, whole characters at a time."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def write(piece: bytes) -> None:
        sys.stdout.write(decode(piece))
        sys.stdout.flush()

    return write


def _print_tails(found: Logs) -> None:
    if isinstance(found.run, RunRecord):
        print_tails(found.run, found.attempts)
    if found.under_way:
        say(f"etcd has its output when it has ended; the log is {_where(found)}")
    elif found.attempts:
        size = sum(len(attempt.output.encode()) for attempt in found.attempts)
        kept = f"these are the {size:,} bytes that etcd keeps" if size else "etcd keeps no output"
        say(f"{kept}; the log is {_where(found)}")
    else:
        say("it was never started, and has printed nothing")


def _where(found: Logs) -> str:
    """Of a log that could not be read: it is elsewhere, or it is not."""
    path = found.place.path
    if path is None:
        return f"{found.place.in_words()}: --full fetches it"
    return str(path) if path.is_file() else f"{path}, or was: it is not there"


async def _follow(settings: EtcdSettings, found: Logs, remote: RunLog | None) -> None:
    """Until the run's record stands, whoever writes it; an outage of etcd is sat out."""
    from crony_ops.store.client import Etcd
    from crony_ops.store.mirror import Mirror

    key = Keys(settings.prefix).run(found.run.job_id, found.run.run_id)
    say(f"{found.run.run_id} is under way on {found.node}")
    async with Etcd(settings) as etcd, asyncio.TaskGroup() as group:
        mirror = Mirror(etcd, (key,))
        watching = group.create_task(mirror.run())
        if remote is not None:
            await _follow_remote(remote, _ended(mirror, key))
        elif found.place.path is not None:
            async for piece in follow_log(found.place.path, _ended(mirror, key)):
                sys.stdout.write(piece)
                sys.stdout.flush()
        watching.cancel()
    entry = mirror.get(key)
    try:
        record = read_run(entry.value) if entry is not None else None
    except ValueError:
        record = None
    say(end_with_status(record) if isinstance(record, RunRecord) else f"{key} can't be read")


async def _follow_remote(log: RunLog, ended: Callable[[], bool]) -> None:
    over = threading.Event()
    following = asyncio.create_task(asyncio.to_thread(log.follow, over, _as_text()))
    try:
        while not following.done() and not ended():
            await asyncio.wait((following,), timeout=_LOOK_EVERY)
        over.set()
        await following
    finally:
        over.set()  # the thread is waited for, also after Ctrl-C


def _ended(mirror: Mirror, key: str) -> Callable[[], bool]:
    return lambda: mirror.get(key) is not None
