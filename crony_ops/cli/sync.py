"""`crony-ops plan` and `crony-ops sync`: from the job files to the stored jobs."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.catalog import load_catalog
from crony_ops.catalog.problem import ProblemPart  # noqa: TC001 - read for the schema
from crony_ops.catalog.unspread import HERD
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import Output, OutputOption, console, progress, say, show
from crony_ops.cli.validate import InventoryOption, known_places, print_problems
from crony_ops.cli.view.plan_view import (
    plan_markdown,
    print_changes,
    print_plan,
    sync_words,
    warnings_of,
)
from crony_ops.errors import InvalidInput
from crony_ops.model.cluster import SyncRecord  # noqa: TC001 - read for the schema
from crony_ops.store.client import Etcd
from crony_ops.store.keys import Keys
from crony_ops.sync.plan import Plan, make_plan, with_holders, with_outlook
from crony_ops.sync.plan_document import Changes
from crony_ops.sync.stored import Stored, read_holders, read_stored
from crony_ops.sync.syncing import Synced, Wish, checked_plan
from crony_ops.sync.syncing import sync as run_sync

if TYPE_CHECKING:
    from collections.abc import Sized

    from rich.console import Console

    from crony_ops.catalog import Catalog
    from crony_ops.catalog.inventory import Inventory
    from crony_ops.store.settings import EtcdSettings
    from crony_ops.sync.lock import SyncLock

THERE_ARE_CHANGES = 3
_CHANGES_SHOWN = 100

JobsOption = Annotated[
    Path, typer.Option("--jobs", metavar="FOLDER", help="the folder of the job files")
]
PruneOption = Annotated[
    bool, typer.Option("--prune/--no-prune", help="remove the jobs that are in no file")
]


class Form(StrEnum):
    text = "text"
    markdown = "markdown"


@dataclass(frozen=True, slots=True)
class PlanDocument(Changes):
    """``against`` is the last sync, None in a store without one. ``warnings`` are of the jobs to
    add or change."""

    against: SyncRecord | None
    warnings: list[ProblemPart]


@dataclass(frozen=True, slots=True)
class SyncDocument(Changes):
    """What has changed, or would. ``sync`` is the record of this sync, None with --dry-run."""

    dry_run: bool
    sync: SyncRecord | None


@connected
def plan(
    settings: EtcdSettings,
    jobs: JobsOption = Path("jobs"),
    inventory: InventoryOption = None,
    form: Annotated[
        Form, typer.Option("--format", help="markdown for a comment on a merge request")
    ] = Form.text,
    output: OutputOption = Output.text,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="exit with 3 when there are changes")
    ] = False,
) -> None:
    """Show what a sync would change, job by job and field by field. Writes nothing.

    Warnings of the jobs that it would add or change go to stderr.

    Examples:
      $ crony-ops plan
      $ crony-ops plan --exit-code  # ends with 3 if there is something to do
    """
    now = time.time()
    catalog = _load(jobs, now, known_places(jobs, inventory), HERD)
    made, stored = asyncio.run(_plan(settings, catalog))
    made = with_outlook(made, now)
    warnings = warnings_of(made, catalog)
    if form is Form.markdown and output is Output.text:
        sys.stdout.write(plan_markdown(made, stored.last, now))
    else:
        show(
            PlanDocument.of(
                made,
                against=stored.last,
                warnings=[warning.for_machines() for warning in warnings],
            ),
            output,
            lambda console: print_plan(console, made, stored.last, now),
        )
    if output is Output.text:
        print_problems(warnings, console(stderr=True))
    if exit_code and len(made):
        raise typer.Exit(THERE_ARE_CHANGES)


async def _plan(settings: EtcdSettings, catalog: Catalog) -> tuple[Plan, Stored]:
    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        stored = await read_stored(etcd, keys)
        made = make_plan(catalog.specs, stored.specs)
        if made.removed:
            made = with_holders(made, await read_holders(etcd, keys))
        return made, stored


@connected
def sync(
    settings: EtcdSettings,
    jobs: JobsOption = Path("jobs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="check and show everything, write nothing")
    ] = False,
    prune: PruneOption = True,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="even if most jobs go, or the commit is not after the last synced one"
        ),
    ] = False,
    output: OutputOption = Output.text,
) -> None:
    """Make the stored jobs those of the files.

    Examples:
      $ crony-ops sync --dry-run
      $ crony-ops sync
    """
    catalog = _load(jobs)
    if catalog.warnings:
        say(f"{_number(catalog.warnings, 'warning')} in {jobs}: `crony-ops validate` shows all")
    who, _, host = operator().partition("@")
    wish = Wish(
        specs=catalog.specs,
        provenance=catalog.provenance,
        who=who,
        host=host,
        now=time.time(),
        prune=prune,
        force=force,
    )
    if dry_run:
        made, stored = asyncio.run(_dry_run(settings, wish))
        made = with_outlook(made, wish.now)
        show(
            SyncDocument.of(made, dry_run=True, sync=None),
            output,
            lambda console: print_plan(console, made, stored.last, wish.now),
        )
        return
    done = asyncio.run(_sync(settings, wish))
    show(
        SyncDocument.of(done.plan, dry_run=False, sync=done.record),
        output,
        lambda console: _print_synced(console, done, wish.now),
    )


async def _dry_run(settings: EtcdSettings, wish: Wish) -> tuple[Plan, Stored]:
    async with Etcd(settings) as etcd:
        stored = await read_stored(etcd, Keys(settings.prefix))
        return await checked_plan(wish, stored), stored


async def _sync(settings: EtcdSettings, wish: Wish) -> Synced:
    async with Etcd(settings) as etcd:
        with progress("jobs written") as advance:
            return await run_sync(
                etcd,
                Keys(settings.prefix),
                wish,
                on_wait=_tell_waiting,
                on_progress=lambda total, done: advance(done, total),
            )


def _tell_waiting(lock: SyncLock) -> None:
    say(f"waiting for the sync of {lock.who} on {lock.host}")


def _print_synced(console: Console, done: Synced, now: float) -> None:
    print_changes(console, done.plan, now, limit=_CHANGES_SHOWN)
    made = done.plan
    console.print(
        f"{len(made.added):,} added, {len(made.changed):,} changed, "
        f"{len(made.removed):,} removed, {made.unchanged:,} unchanged    "
        f"sync {done.record.generation}, after {sync_words(done.before, now)}",
        soft_wrap=True,
    )


def _load(
    jobs: Path,
    now: float | None = None,
    inventory: Inventory | None = None,
    herd: int | None = None,
) -> Catalog:
    """Raises InvalidInput, with every mistake shown before, so that nothing half-read is used."""
    # All of it stays until the end: let the collector not walk through 10,000 jobs, not even once.
    gc.disable()
    with progress("job files read") as advance:
        catalog = load_catalog(jobs, progress=advance, now=now, inventory=inventory, herd=herd)
    gc.freeze()
    gc.enable()
    if catalog.problems:
        print_problems(catalog.problems, console(stderr=True))
        raise InvalidInput(reason=f"{_number(catalog.problems, 'error')} in {jobs}")
    return catalog


def _number(found: Sized, what: str) -> str:
    return f"{len(found):,} {what}{'' if len(found) == 1 else 's'}"
