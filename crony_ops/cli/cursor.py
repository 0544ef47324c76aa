"""`crony-ops cursor reset`: a job goes on from now, whatever a wrong clock has told it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import job_ids
from crony_ops.cli.cursors import check_clock, cursors_of, tick_of
from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import console, span, wall_time
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import CronyError, OutcomeUnknown
from crony_ops.model.node import Roster
from crony_ops.model.run import QueuedRun
from crony_ops.model.spec import Cursor, Spec
from crony_ops.schedule import Schedule, parse_schedule
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, delete, mod_is, put
from crony_ops.watcher.complaints import CURSOR_AHEAD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry

# etcd counts 128 operations at most of a transaction and of any one that nests in it.
_AT_ONCE = 100

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
    """What is to become of a cursor: in words, how many ticks it gives up on its way, and the
    queued runs whose ticks are to come again: these ticks, by key."""

    cursor: Entry
    ticks: int
    words: str
    to_come: Mapping[str, int] = field(default_factory=dict)


@app.command("reset")
@connected
def reset(
    settings: EtcdSettings,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
) -> None:
    """Put a job's cursors at now: from now on its ticks are run, and none before.

    One that a wrong clock has put into the future comes back: what it had queued of that time is
    taken back with it, and ticks that were run under that clock may be run again. One that is
    behind moves up: its ticks until now are given up.

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
        schedule = _schedule(job_id, spec)
        # In this order: what is queued after the cursor was read moves it.
        cursors = await cursors_of(etcd, keys, job_id)
        queued = await _queued(etcd, keys, job_id)
        resets = [
            found
            for entry in cursors
            if (found := decide(entry, schedule, now, queued[_node_of(entry, keys, job_id)]))
        ]
        if not resets:
            console().print(f"{job_id} is accounted for up to now: there is nothing to reset")
            return
        for each in resets:
            console().print(f"{each.cursor.key.removeprefix(keys.cursors)} {each.words}")
        confirmed(f"Put {job_id} at now?", yes)
        for each in resets:
            if not await _put(etcd, keys, job_id, each):
                raise CursorMoved(job=job_id)
        console().print(f"{job_id} goes on from now")


def _node_of(cursor: Entry, keys: Keys, job_id: str) -> str:
    """Its uuid, or empty for a job's only cursor."""
    return cursor.key.removeprefix(keys.cursor(job_id)).removeprefix("/")


def _schedule(job_id: str, spec: Entry) -> Schedule:
    """Raises BadSchedule and ValueError."""
    job = Spec.from_json(spec.value).job
    return parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)


def decide(cursor: Entry, schedule: Schedule, now: int, queued: Mapping[str, int]) -> Reset | None:
    """None where the cursor is as it should be: at the newest tick, or claimed a second ahead.
    ``queued``: the ticks of the runs that are queued under it, by key."""
    tick = tick_of(cursor)
    at = wall_time(tick)
    if tick - now > CURSOR_AHEAD:
        to_come = {key: of for key, of in queued.items() if now < of <= tick}
        words = f"stands at {at}, {span(tick - now)} ahead, and comes back"
        if to_come:
            words += f" with {len(to_come)} queued {'run' if len(to_come) == 1 else 'runs'}"
        return Reset(cursor, 0, words, to_come)
    ticks = schedule.count(tick, now) if tick < now else 0
    if not ticks:
        return None
    given_up = f"{ticks:,} {'tick' if ticks == 1 else 'ticks'}"
    return Reset(cursor, ticks, f"stands at {at}, {span(now - tick)} ago: {given_up} given up")


async def _queued(etcd: Etcd, keys: Keys, job_id: str) -> Mapping[str, Mapping[str, int]]:
    """The ticks of its queued runs by key, for each node by uuid that has a cursor of its own;
    under the empty name those of a job that has but one."""
    uuids = {"": ""}
    for entry in (await etcd.range(keys.rosters)).entries:
        if roster := Roster.read(entry.key, entry.value):
            uuids[roster.node.name] = roster.node.uuid
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for entry in (await etcd.range(keys.queue_of(job_id))).entries:
        if (queued := QueuedRun.read(entry.key, entry.value)) and queued.node in uuids:
            found[uuids[queued.node]][entry.key] = queued.tick
    return found


async def _put(etcd: Etcd, keys: Keys, job_id: str, reset: Reset) -> bool:
    """False if something has changed since it was read. Raises StoreError.

    The owner may be waiting for what the cursor said: it looks anew when its assignment is written
    anew, and no claim that was decided on before is made after it. A queued run may be claimed
    before; none can join them, for that moves the cursor.
    """
    cursor, now = reset.cursor, int(time.time())
    given = await _assignments(etcd, keys, job_id, _node_of(cursor, keys, job_id))
    to_come = [delete(key) for key, tick in reset.to_come.items() if tick > now]
    taken_back = [
        Txn((), tuple(to_come[start : start + _AT_ONCE]))
        for start in range(0, len(to_come), _AT_ONCE)
    ]
    value = Cursor(tick=now).to_json()
    try:
        result = await etcd.txn(
            Txn(
                tuple(mod_is(entry.key, entry.mod_revision) for entry in (cursor, *given)),
                (
                    put(cursor.key, value, cursor.lease),
                    *(put(entry.key, entry.value) for entry in given),
                    *taken_back,
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
