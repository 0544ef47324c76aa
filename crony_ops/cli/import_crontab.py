"""`crony-ops import crontab`: from the crontabs of a machine to a job file."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from crony_ops.cli.terminal.connection import find_etcd
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import console, say
from crony_ops.cli.validate import print_problems
from crony_ops.errors import InvalidInput
from crony_ops.model.node import Pause

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from crony_ops.catalog.crontab import CrontabLine
    from crony_ops.catalog.problem import Problem
    from crony_ops.store.entry import Entry
    from crony_ops.store.settings import EtcdSettings

_SPOOLS = (Path("/var/spool/cron"), Path("/var/spool/cron/crontabs"))
# What editors and package managers leave beside the files that they change.
_LEFTOVERS = ("~", ".swp", ",v", ".rpmsave", ".rpmnew", ".rpmorig")

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _of() -> None:
    """Make job files of what another scheduler runs."""


@app.command("crontab")
def import_crontab(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="whose crontab it is, if lines name no user; in /var/spool/cron the file's name",
        ),
    ] = None,
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--no-system",
            help="whether lines name a user before the command; unless told, those of /etc do",
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="unless told, this machine's own")
    ] = None,
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="run the jobs there, and nowhere else")
    ] = None,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="before each id: web1-")] = "",
    paused: Annotated[
        bool,
        typer.Option(
            "--paused",
            help="first pause jobs of these ids in etcd, so that none runs beside cron once they "
            "are synced; `crony-ops resume` starts each",
        ),
    ] = False,
    file: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="write there instead of to stdout")
    ] = None,
) -> None:
    """Make a job file of crontabs, and print it. A line that can't become a job refuses them all.

    Examples:
      $ crony-ops import crontab --system /etc/crontab /etc/cron.d/* --node node-1 -o cron.yaml
    """
    from crony_ops.catalog.crontab_jobs import import_lines, imported_text

    read = _read(files, user, system)
    imported = import_lines(
        read.lines,
        timezone=timezone or machine_zone(Path("/etc")),
        node=node,
        prefix=prefix,
        home_of=_home_of,
    )
    problems = sorted([*read.problems, *imported.problems])
    if problems:
        print_problems(problems, console(stderr=True))
        raise InvalidInput(reason="not every line can become a job, so none is imported")
    text = imported_text(imported, _head(read.files, node))
    if paused:
        settings = find_etcd(os.environ, Path.cwd())
        kept = asyncio.run(pause_ahead(settings, imported.jobs, ", ".join(read.files)))
        if kept:
            say(f"not paused, for they are in etcd already: {', '.join(kept)}")
    if file is None:
        sys.stdout.write(text)
    else:
        try:
            file.write_text(text)
        except OSError as error:
            raise InvalidInput(reason=f"{file} can't be written: {error.strerror}") from error
    say(f"{len(imported.jobs):,} jobs from {', '.join(read.files) or 'no file'}")


def machine_zone(etc: Path) -> str:
    """The time zone in which this machine's cron runs, by its name. Raises InvalidInput."""
    localtime = etc / "localtime"
    if localtime.is_symlink():
        _, found, name = str(localtime.readlink()).partition("zoneinfo/")
        if found:
            return name
    if (etc / "timezone").is_file():
        return (etc / "timezone").read_text().strip()
    raise InvalidInput(reason="this machine doesn't name its time zone: say --timezone")


async def pause_ahead(settings: EtcdSettings, jobs: Collection[str], source: str) -> list[str]:
    """Pause jobs that are not in etcd yet. Gives those that are: they are left as they stand.

    Raises StoreError; to do it again is harmless.
    """
    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys
    from crony_ops.store.txn import Txn, absent, get, mod_is, put

    keys = Keys(settings.prefix)
    why = f"imported from {source}: take its line out there, then resume it"
    order = Pause(who=operator(), at=time.time(), why=why).to_json()
    kept = []
    async with Etcd(settings) as etcd:
        for job_id in jobs:
            key, spec = keys.pause(job_id), keys.spec(job_id)
            # Each look that changes nothing has met somebody else's change, and sees it next time.
            while not _rests(paused := await etcd.get(key)):
                revision = paused.mod_revision if paused else 0
                when = (absent(spec), mod_is(key, revision))
                result = await etcd.txn(Txn(when, (put(key, order),), (get(spec),)))
                if not result.succeeded and result.responses[0]:
                    kept.append(job_id)
                    break
    return kept


def _rests(paused: Entry | None) -> bool:
    """Whether a job that comes now would rest: the pause of a removed one goes with what is left
    of it."""
    if paused is None:
        return False
    try:
        return not Pause.from_json(paused.value).removal
    except ValueError:
        return True


class _Read(NamedTuple):
    files: list[str]
    lines: list[CrontabLine]
    problems: list[Problem]


def _read(files: Sequence[Path], user: str | None, system: bool | None) -> _Read:
    """Raises InvalidInput for a file that can't be read."""
    from crony_ops.catalog.crontab import read_crontab

    read = _Read([], [], [])
    for file in files:
        if file.name.startswith(".") or file.name.endswith(_LEFTOVERS) or ".dpkg-" in file.name:
            say(f"{file} is passed over, as by cron")
            continue
        try:
            text = file.read_bytes().decode()
        except OSError as error:
            raise InvalidInput(reason=f"{file} can't be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise InvalidInput(reason=f"{file} is not UTF-8") from None
        place = file.absolute()
        names_users = place.is_relative_to("/etc") if system is None else system
        owner = None if names_users else user or (file.name if place.parent in _SPOOLS else None)
        crontab = read_crontab(str(file), text, system=names_users, owner=owner)
        read.files.append(str(file))
        read.lines.extend(crontab.lines)
        read.problems.extend(crontab.problems)
    return read


def _home_of(user: str) -> str | None:
    try:
        home = pwd.getpwnam(user).pw_dir
    except KeyError:
        return None
    return home if Path(home).is_dir() else None


def _head(files: Sequence[str], node: str | None) -> list[str]:
    head = [
        f"Imported from {', '.join(files)}.",
        "cron goes on running each line until somebody takes it out there.",
    ]
    if node is None:
        head.append(
            "They run on any node, and don't move when it dies: name `run_on` or `presets`."
        )
    return head
