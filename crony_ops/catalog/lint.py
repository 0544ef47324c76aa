"""What is allowed and yet seldom meant, rule by rule. Warnings never stop anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.catalog.literals import literal_secrets
from crony_ops.catalog.wording import Wording, nearest
from crony_ops.model.duration import format_duration
from crony_ops.model.job import INTERPRETER, Concurrency
from crony_ops.schedule.daylight import Daylight

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from crony_ops.catalog.inventory import Inventory
    from crony_ops.model.job import Job
    from crony_ops.schedule.daylight import Change

_FIXED = re.compile(r"[0-9]+(?:,[0-9]+)*")
_ONE = re.compile(r"[0-9]+")
# Programs that take a command only behind an option that ends in this letter.
_TAKES_A_COMMAND = {
    **dict.fromkeys(("sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "python3", "python"), "c"),
    **dict.fromkeys(("perl", "ruby", "node"), "e"),
}


class Timing(NamedTuple):
    """``interval``: the shortest time between two ticks, in seconds. ``changes`` are those of the
    clocks that concern the job, within the year to come. ``windows``: the shortest time between
    two beginnings of each of its windows of maintenance."""

    interval: int
    changes: Collection[Change] = ()
    windows: tuple[int, ...] = ()


def warnings(job: Job, timing: Timing, inventory: Inventory | None = None) -> Iterator[Wording]:
    """Of a sound job. Without an ``inventory`` nobody knows which nodes and groups there are."""
    yield from skipped_ticks(job, timing.interval)
    yield from stuck_with_its_node(job)
    yield from blank_looking_time(job.schedule)
    yield from endless_maintenance(job, timing.windows)
    if timing.changes:
        yield from clock_changes(job, timing.changes)
    if inventory is not None:
        yield from unknown_place(job, inventory)
    yield from too_much_power(job)
    if job.interpreter != INTERPRETER:
        yield from no_command_taken(job.interpreter)
    yield from literal_secrets(job)


def endless_maintenance(job: Job, windows: tuple[int, ...]) -> Iterator[Wording]:
    for index, (window, interval) in enumerate(zip(job.maintenance, windows, strict=True)):
        if window.duration >= interval:
            yield Wording(
                ("maintenance", index, "duration"),
                f"a window begins {format_duration(interval)} after the one before, "
                f"which lasts {format_duration(window.duration)}: nobody is told of anything",
                "shorten it, or have it begin less often",
            )


def skipped_ticks(job: Job, interval: int) -> Iterator[Wording]:
    if job.concurrency is not Concurrency.forbid:
        return
    if job.timeout is None and interval < 60:
        yield Wording(
            ("schedule",),
            f"it fires every {format_duration(interval)} and has no timeout: one run that "
            "hangs lets every later tick be skipped",
            "give it a `timeout`",
        )
    elif job.timeout is not None and job.timeout > interval:
        yield Wording(
            ("timeout",),
            f"a run may take longer than the {format_duration(interval)} to the next tick, "
            "which is then skipped (`concurrency: forbid`)",
            "shorten the timeout, or say `concurrency: allow` or `replace`",
        )


def stuck_with_its_node(job: Job) -> Iterator[Wording]:
    if job.rerun and job.shell is not None and not job.presets and not job.run_on.bound:
        yield Wording(
            ("on_node_loss",),
            "a shell job without presets stays with its lost node, unless the watcher has "
            "`cmd_auto_allocation: true`: it is run again only when that node is back",
            "name the `presets` that it needs",
        )


def blank_looking_time(schedule: str) -> Iterator[Wording]:
    """A ``*`` where a fixed time was meant: all minutes of an hour, all seconds of a minute."""
    fields = schedule.split()
    if len(fields) not in (5, 6) or schedule.startswith("@"):
        return
    second, minute, hour = fields[:3] if len(fields) == 6 else ("0", *fields[:2])
    if second == "*":
        when = "of every minute" if minute == "*" else f"of minute {minute}"
        mend = f"five fields, `{' '.join(fields[1:])}`, fire at the minute"
        yield Wording(("schedule",), f"it fires in every second {when}", mend)
    elif minute == "*" and hour != "*" and (_FIXED.fullmatch(hour) or hour.startswith("*/")):
        mend = f"for once an hour write `{' '.join(['0', *fields[-4:]])}`"
        yield Wording(("schedule",), f"it fires in every minute of hour {hour}", mend)
    elif (
        fields[2:] == ["*"] * 4
        and _ONE.fullmatch(second)
        and int(second)
        and _ONE.fullmatch(minute)
        and int(minute) < 24
    ):
        yield Wording(
            ("schedule",),
            f"six fields have seconds first: it fires every hour, {minute} min {second} s past it",
            f"for {int(minute):02}:{int(second):02} each day write `{second} {minute} * * *`",
        )


def clock_changes(job: Job, changes: Collection[Change]) -> Iterator[Wording]:
    told = []
    for change in changes:
        wall = datetime.fromtimestamp(change.wall, UTC)
        if change.kind is Daylight.gap:
            told.append(f"on {wall:%Y-%m-%d} there is no {wall:%H:%M}: it runs right after the gap")
        else:
            told.append(f"on {wall:%Y-%m-%d} {wall:%H:%M} comes twice: it runs the first time only")
    yield Wording(
        ("schedule",),
        f"the clocks change in {job.timezone}: {'; '.join(told)}",
        "take an hour in which they don't, or `timezone: UTC`",
    )


def unknown_place(job: Job, inventory: Inventory) -> Iterator[Wording]:
    node, group = job.run_on.node, job.run_on.group
    if node is not None and node not in inventory.hosts:
        what = f"no host of the inventory is called `{node}`"
        yield Wording(("run_on", "node"), what, nearest(node, inventory.hosts))
    if group is not None and not inventory.groups.get(group):
        what = f"no host of the inventory is in a group `{group}`"
        yield Wording(("run_on", "group"), what, nearest(group, inventory.groups))


def too_much_power(job: Job) -> Iterator[Wording]:
    if job.user == "root":
        what = "as root it may do anything on the machine, and so may whoever edits this file"
        yield Wording(("user",), what, "name a user that may do no more than the job needs")
    if job.umask is not None and not int(job.umask, 8) & 0o2:
        what = "every file that it makes may be written by anybody"
        yield Wording(("umask",), what, "write 022 or 027")


def no_command_taken(interpreter: tuple[str, ...]) -> Iterator[Wording]:
    program = PurePosixPath(interpreter[0]).name
    letter = _TAKES_A_COMMAND.get(program)
    last = interpreter[-1].lower() if len(interpreter) > 1 else ""
    if letter and not (last.startswith("-") and last.endswith(letter)):
        what = f"`{program}` would take the command for the name of a file"
        yield Wording(("interpreter",), what, f"write `{' '.join(interpreter)} -{letter}`")
