"""`crony-ops run`: have a job run now, and see what comes of it."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import job_ids, node_names
from crony_ops.cli.past_runs.run_tails import print_tails
from crony_ops.cli.past_runs.run_words import end_in_words
from crony_ops.cli.past_runs.whole_log import follow_log, log_place
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import Output, OutputOption, console, say, show, span
from crony_ops.cli.view.cluster_view import ClusterView, OpenKey, read_cluster
from crony_ops.cli.view.job_standing import why_no_node
from crony_ops.cli.view.lookup import node_named, unknown
from crony_ops.errors import CronyError, InvalidInput, OutcomeUnknown
from crony_ops.model.duration import parse_duration
from crony_ops.model.run import GapRecord, RunRecord, read_run
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, absent, exists, get, put

if TYPE_CHECKING:
    from crony_ops.store.client import Etcd
    from crony_ops.store.mirror import Mirror

ONCE_TTL = 60


class NotRunError(CronyError):
    """An order to run was refused, or nobody took it."""

    message = "{job} is not run: {reason}"


@dataclass(frozen=True, slots=True)
class Order:
    """An order to run, as it stands in etcd: ``revision`` is its key's create revision."""

    job_id: str
    revision: int

    def is_for(self, run_id: str) -> bool:
        return run_id.partition("@")[0].endswith(f"-o{self.revision}")


@dataclass(frozen=True, slots=True)
class RunDocument:
    """How the ordered run ended. ``run`` is as in etcd, with the tails of its output."""

    job: str
    run: RunRecord


@connected
def run(
    settings: EtcdSettings,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="NODE",
            help="one of the nodes that hold the job",
            autocompletion=node_names,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="until it has ended; exit with 1 unless it succeeded")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="how long --wait waits; for ever if not given"),
    ] = None,
    output: OutputOption = Output.text,
) -> int:
    """Run a job now, once, beside its schedule. A paused job runs, too.

    With --wait its output goes to stdout, and all else to stderr: in a local cluster as it comes,
    else the tails that etcd keeps, when it has ended. With --output json it is {job, run:
    RunRecord} instead, when it has ended.

    Examples:
      $ crony-ops run disk-full --on node-1
      $ crony-ops run ca-bundle-expiry --wait --timeout 1m
      $ crony-ops run disk-full --wait --output json
    """
    if timeout is not None and not wait:
        raise InvalidInput(reason="--timeout says how long --wait waits: it goes with it")
    if output is not Output.text and not wait:
        raise InvalidInput(reason="--output says how --wait tells the end: it goes with it")
    try:
        patience = None if timeout is None else parse_duration(timeout)
    except ValueError as error:
        raise InvalidInput(reason=f"--timeout: {error}") from None
    record = asyncio.run(run_job(settings, job, on, wait, patience, aloud=output is Output.text))
    if not wait:
        return 0
    if record is None:
        return 1
    show(RunDocument(job, record), output, lambda _: None)
    say(end_in_words(record))
    return 0 if record.succeeded else 1


async def run_job(
    settings: EtcdSettings,
    job_id: str,
    on: str | None,
    wait: bool,
    patience: int | None,
    aloud: bool,
) -> RunRecord | None:
    """None if it is not waited for, or not long enough. ``aloud``: print what the run prints."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    notes = console(stderr=wait)
    async with Etcd(settings) as etcd:
        view = await read_cluster(etcd, keys)
        node = _chosen(view, job_id, on)
        order = await _give(etcd, keys, job_id, node)
        holders = [view.name_of(n) for n in view.assigned[job_id] if n in view.alive]
        notes.print(f"{job_id} is to run on {view.name_of(node) if node else ' or '.join(holders)}")
        if not wait:
            return None
        try:
            async with asyncio.timeout(patience):
                record = await _end_of(etcd, keys, view, order, aloud)
        except TimeoutError:
            notes.print(f"{job_id} has not ended within {span(patience or 0)}; it goes on")
            return None
    if record is None:
        raise NotRunError(job=job_id, reason=f"no node took it within {ONCE_TTL} s")
    return record


def _chosen(view: ClusterView, job_id: str, on: str | None) -> str:
    """The uuid of the node that shall run the job; empty for whichever holds it.

    Raises UnknownName, or NotRunError with the reason.
    """
    if job_id not in view.specs:
        raise unknown("job", job_id, view.specs)
    missing = why_no_node(view, job_id, time.time())
    if missing:
        raise NotRunError(job=job_id, reason=f"it has no node: {missing}")
    if on is None:
        return ""
    node = node_named(view, on)
    holders = view.assigned[job_id]
    if node not in holders:
        names = ", ".join(view.name_of(holder) for holder in holders)
        raise NotRunError(job=job_id, reason=f"{view.name_of(node)} does not hold it: {names} does")
    if node not in view.alive:
        raise NotRunError(job=job_id, reason=f"{view.name_of(node)} is lost")
    return node


async def _give(etcd: Etcd, keys: Keys, job_id: str, node: str) -> Order:
    """Write the order. Raises NotRunError while an earlier one waits."""
    key = keys.once(job_id)
    lease = await etcd.grant(ONCE_TTL)
    holds = (exists(keys.job(node, job_id)),) if node else ()
    try:
        result = await etcd.txn(
            Txn(
                when=(exists(keys.spec(job_id)), absent(key), *holds),
                then=(put(key, node.encode(), lease),),
                otherwise=(get(key),),
            )
        )
    except OutcomeUnknown:
        waiting = await etcd.get(key)
        if waiting is None or waiting.lease != lease:
            raise
        return Order(job_id, waiting.create_revision)
    if result.succeeded:
        return Order(job_id, result.revision)
    await etcd.revoke(lease)
    if result.responses[0]:
        raise NotRunError(job=job_id, reason="an order to run it waits already")
    raise NotRunError(job=job_id, reason="it was moved or removed just now; try again")


async def _end_of(
    etcd: Etcd, keys: Keys, view: ClusterView, order: Order, aloud: bool
) -> RunRecord | None:
    """The record of the ordered run; None if the order lapsed and nobody had taken it. Print what
    the run prints if it is to be ``aloud``.

    A change is only a reason to look again: what counts is one consistent look at the order, the
    open runs and the records, for a run leaves the one in the transaction that puts the other.
    """
    from crony_ops.store.mirror import Mirror

    changed = asyncio.Event()
    watched = (keys.once(order.job_id), keys.runs_of(order.job_id))
    mirror = Mirror(etcd, watched, on_change=lambda _: changed.set())
    told = streamed = False
    async with asyncio.TaskGroup() as group:
        following = group.create_task(mirror.run())
        await mirror.synced()
        while True:
            changed.clear()
            pending, claimed, record = await _look(etcd, keys, order)
            if record is not None or not pending:
                following.cancel()
                break
            if claimed is not None and not told:
                told = True
                say(f"{view.name_of(claimed.node)} has claimed it as {claimed.run_id}")
                streamed = aloud and await _stream(etcd.settings, mirror, keys, view, claimed)
            if not streamed:
                await changed.wait()
    if record is not None and aloud and not streamed:
        print_tails(record)
    return record


async def _look(
    etcd: Etcd, keys: Keys, order: Order
) -> tuple[bool, OpenKey | None, RunRecord | None]:
    """Whether the order waits or its run is open, the open run, and the run's record."""
    once = keys.once(order.job_id)
    first = await etcd.range(once)
    if any(e.key == once and e.create_revision == order.revision for e in first.entries):
        return True, None, None
    opens = await etcd.range(keys.opens, keys_only=True, revision=first.revision)
    runs = await etcd.range(keys.runs_of(order.job_id), revision=first.revision)
    for entry in runs.entries:
        if order.is_for(entry.key.rpartition("/")[2]):
            record = read_run(entry.value)
            return False, None, None if isinstance(record, GapRecord) else record
    for entry in opens.entries:
        if order.is_for(entry.key.rpartition("/")[2]):
            return True, OpenKey.of(entry.key, keys), None
    return False, None, None


async def _stream(
    settings: EtcdSettings, mirror: Mirror, keys: Keys, view: ClusterView, run: OpenKey
) -> bool:
    """Print the run's log as it grows, until its record stands; False where it is not within
    reach."""
    place = log_place(
        settings, Path.cwd(), node=view.name_of(run.node), job_id=run.job_id, run_id=run.run_id
    )
    if place.path is None:
        return False
    record = keys.run(run.job_id, run.run_id)
    async for piece in follow_log(place.path, lambda: mirror.get(record) is not None):
        sys.stdout.write(piece)
        sys.stdout.flush()
    return True
