"""`crony-ops cursor reset`: a job goes on from now, whatever a wrong clock has told it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import job_ids
from crony_ops.cli.cursors import check_clock, cursors_of, tick_of
from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import console, span, wall_time
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import CronyError, OutcomeUnknown
from crony_ops.model.spec import Cursor, Spec
from crony_ops.schedule import Schedule, parse_schedule
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, mod_is, put
from crony_ops.watcher.complaints import CURSOR_AHEAD

if TYPE_CHECKING:
    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Mend up to when a job is accounted for."
)


@app.callback()
def _group() -> None:
    """So that `reset` has to be said, though it is the only one."""


class CursorMoved(CronyError):
    message = "{job} has gone on meanwhile: look at it again"


@dataclass(frozen=True, slots=True)
class Reset:
    """What is to become of a cursor: in words, and how many ticks it gives up on its way."""

    cursor: Entry
    ticks: int
    words: str


@app.command("reset")
@connected
def reset(
    settings: EtcdSettings,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
) -> None:
    """Put a job's cursors at now: from now on its ticks are run, and none before.

    One that a wrong clock has put into the future comes back; ticks that were run under that clock
    may be run again. One that is behind moves up: its ticks until now are given up.

    Examples:
      $ crony-ops cursor reset heartbeat --yes
    """
    asyncio.run(reset_cursors(settings, job, yes=yes))


async def reset_cursors(settings: EtcdSettings, job_id: str, *, yes: bool) -> None:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        spec = await etcd.get(keys.spec(job_id))
        if spec is None:
            wanted = (await etcd.range(keys.specs, keys_only=True)).entries
            raise unknown("job", job_id, [e.key.removeprefix(keys.specs) for e in wanted])
        await check_clock(etcd, keys)
        now = int(time.time())
        found = await cursors_of(etcd, keys, job_id)
        resets = [r for entry in found if (r := decide(entry, _schedule(job_id, spec), now))]
        if not resets:
            console().print(f"{job_id} is accounted for up to now: there is nothing to reset")
            return
        for each in resets:
            console().print(f"{each.cursor.key.removeprefix(keys.cursors)} {each.words}")
        confirmed(f"Put {job_id} at now?", yes)
        for each in resets:
            if not await _put(etcd, keys, job_id, each.cursor):
                raise CursorMoved(job=job_id)
        console().print(f"{job_id} goes on from now")


def _schedule(job_id: str, spec: Entry) -> Schedule:
    """Raises BadSchedule and ValueError."""
    job = Spec.from_json(spec.value).job
    return parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)


def decide(cursor: Entry, schedule: Schedule, now: int) -> Reset | None:
    """None where the cursor is as it should be: at the newest tick, or claimed a second ahead."""
    tick = tick_of(cursor)
    at = wall_time(tick)
    if tick - now > CURSOR_AHEAD:
        return Reset(cursor, 0, f"stands at {at}, {span(tick - now)} ahead, and comes back")
    ticks = schedule.count(tick, now) if tick < now else 0
    if not ticks:
        return None
    given_up = f"{ticks:,} {'tick' if ticks == 1 else 'ticks'}"
    return Reset(cursor, ticks, f"stands at {at}, {span(now - tick)} ago: {given_up} given up")


async def _put(etcd: Etcd, keys: Keys, job_id: str, cursor: Entry) -> bool:
    """False if something has changed since it was read. Raises StoreError.

    The owner may be waiting for what the cursor said: it looks anew when its assignment is written
    anew, and no claim that was decided on before is made after it.
    """
    _, _, only = cursor.key.removeprefix(keys.cursor(job_id)).partition("/")
    given = await _assignments(etcd, keys, job_id, only)
    value = Cursor(tick=int(time.time())).to_json()
    try:
        result = await etcd.txn(
            Txn(
                tuple(mod_is(entry.key, entry.mod_revision) for entry in (cursor, *given)),
                (
                    put(cursor.key, value, cursor.lease),
                    *(put(entry.key, entry.value) for entry in given),
                ),
            )
        )
    except OutcomeUnknown:
        standing = await etcd.get(cursor.key)
        if standing is None or standing.value != value:
            raise
        return True
    return result.succeeded


async def _assignments(etcd: Etcd, keys: Keys, job_id: str, only: str) -> list[Entry]:
    """Those of the nodes that hold the job, or of ``only`` one of them."""
    if only:
        holders = [keys.job(only, job_id)]
    else:
        listed = (await etcd.range(keys.jobs, keys_only=True)).entries
        holders = [entry.key for entry in listed if entry.key.rpartition("/")[2] == job_id]
    found = [await etcd.get(key) for key in holders]
    return [entry for entry in found if entry is not None]
