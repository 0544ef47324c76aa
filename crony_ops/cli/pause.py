"""`crony-ops pause` and `resume`: jobs that rest a while, and catch nothing up after it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import job_ids
from crony_ops.cli.cursors import check_clock, cursors_of, tick_of
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import console, wall_time
from crony_ops.cli.terminal.until import ForOption, UntilOption, end_of
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import InvalidInput, OutcomeUnknown
from crony_ops.model.node import Pause
from crony_ops.model.spec import Cursor
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Op, Txn, absent, delete, exists, get, mod_is, put

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from crony_ops.store.batcher import Batcher
    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry

_TRIES = 20
# With the pause, 128: as many as etcd takes in a transaction.
_CURSORS_AT_ONCE = 127
_JOBS_AT_ONCE = 1_000

_Jobs = Annotated[list[str], typer.Argument(metavar="JOB...", autocompletion=job_ids)]


class NotResumable(InvalidInput):
    message = "{job} can't be resumed: {reason}"


@connected
def pause(
    settings: EtcdSettings,
    jobs: _Jobs,
    why: Annotated[str, typer.Option("--why", help="for those who see it in status")] = "",
    how_long: ForOption = None,
    until: UntilOption = None,
) -> None:
    """Let jobs rest: their ticks pass, a run under way goes on. `crony-ops run` still runs them.

    Without --for and --until they rest until `crony-ops resume`.

    Examples:
      $ crony-ops pause disk-usage --for 2h --why "new disk"
      $ crony-ops pause disk-usage heartbeat --until 2030-12-01T08:00
    """
    now = time.time()
    order = Pause(who=operator(), at=now, why=why, until=end_of(how_long, until, now))
    asyncio.run(pause_jobs(settings, jobs, order))


@connected
def resume(settings: EtcdSettings, jobs: _Jobs) -> None:
    """Let paused jobs run again from now on. What was due meanwhile is not made up.

    Examples:
      $ crony-ops resume disk-usage heartbeat
    """
    asyncio.run(resume_jobs(settings, jobs))


async def pause_jobs(settings: EtcdSettings, jobs: Sequence[str], order: Pause) -> None:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        await _all_known(etcd, keys, jobs)
        await _each(etcd, jobs, lambda batcher, job_id: _pause_one(batcher, keys, job_id, order))


async def resume_jobs(settings: EtcdSettings, jobs: Sequence[str]) -> None:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        await _all_known(etcd, keys, jobs)
        await check_clock(etcd, keys)
        await _each(etcd, jobs, lambda batcher, job_id: _resume_one(etcd, batcher, keys, job_id))


async def _each(
    etcd: Etcd, jobs: Sequence[str], give: Callable[[Batcher, str], Awaitable[str]]
) -> None:
    """Give the order for each job, many to a request, and tell what came of it, job by job.

    One that fails keeps no other from it. Raises what the first of those raised.
    """
    from crony_ops.store.batcher import Batcher

    batcher, gate = Batcher(etcd), asyncio.Semaphore(_JOBS_AT_ONCE)

    async def one(job_id: str) -> str:
        async with gate:
            return await give(batcher, job_id)

    async with asyncio.TaskGroup() as group:
        sending = group.create_task(batcher.run())
        outcomes = await asyncio.gather(*map(one, jobs), return_exceptions=True)
        sending.cancel()
    failures = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            failures.append(outcome)
        else:
            console().print(outcome)
    if failures:
        raise failures[0]


async def _pause_one(batcher: Batcher, keys: Keys, job_id: str, order: Pause) -> str:
    key = keys.pause(job_id)
    # A job that isn't wanted any more is being removed, with a pause of its own.
    result = await batcher.submit(
        Txn(
            when=(exists(keys.spec(job_id)), absent(key)),
            then=(put(key, order.to_json()),),
            otherwise=(get(key),),
        )
    )
    if result.succeeded:
        return f"{job_id} is paused{_until_in_words(order)}"
    found = result.responses[0]
    if not isinstance(found, tuple) or not found:
        return f"{job_id} is removed"
    by = _read_pause(found[0])
    return f"{job_id} was paused already, by {by.who if by else 'somebody'}"


async def _resume_one(etcd: Etcd, batcher: Batcher, keys: Keys, job_id: str) -> str:
    pause_key, in_doubt = keys.pause(job_id), False
    for _ in range(_TRIES):
        paused = await etcd.get(pause_key)
        if paused is None:
            return f"{job_id} runs again" if in_doubt else f"{job_id} was not paused"
        if (pause := _read_pause(paused)) is not None and pause.removal:
            raise NotResumable(job=job_id, reason="it left the job files; put it back, and sync")
        cursors = await cursors_of(etcd, keys, job_id)
        now = int(time.time())
        try:
            if await _move_up(batcher, paused, cursors, now):
                return f"{job_id} runs again"
        except OutcomeUnknown:
            in_doubt = True
    raise NotResumable(job=job_id, reason="others keep changing it; try again")


async def _move_up(batcher: Batcher, paused: Entry, cursors: list[Entry], now: int) -> bool:
    """Put the cursors at ``now`` and take the pause away; False if one has changed since.

    More cursors than a transaction holds go before the last one, while the pause still stands.
    """
    while True:
        some, cursors = cursors[:_CURSORS_AT_ONCE], cursors[_CURSORS_AT_ONCE:]
        moves: list[Op] = [put(c.key, Cursor(tick=max(now, tick_of(c))).to_json()) for c in some]
        end = [] if cursors else [delete(paused.key)]
        result = await batcher.submit(
            Txn(
                when=(
                    mod_is(paused.key, paused.mod_revision),
                    *(mod_is(c.key, c.mod_revision) for c in some),
                ),
                then=(*moves, *end),
            )
        )
        if not result.succeeded or not cursors:
            return result.succeeded


def _read_pause(entry: Entry) -> Pause | None:
    try:
        return Pause.from_json(entry.value)
    except ValueError:
        return None


async def _all_known(etcd: Etcd, keys: Keys, jobs: Sequence[str]) -> None:
    """Nothing is done for some jobs while the name of another is misspelt. Raises UnknownName."""
    prefixes = (keys.specs, keys.pauses)
    known = {
        entry.key.removeprefix(prefix)
        for prefix in prefixes
        for entry in (await etcd.range(prefix, keys_only=True)).entries
    }
    for job_id in jobs:
        if job_id not in known:
            raise unknown("job", job_id, known)


def _until_in_words(order: Pause) -> str:
    if order.until is None:
        return ""
    return f" until {wall_time(order.until)}"
