"""Crontab lines as jobs that do what cron did. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from crony_ops.catalog.crontab_ids import name_lines
from crony_ops.catalog.job_yaml import job_fields, job_file_text
from crony_ops.catalog.problem import Problem
from crony_ops.catalog.wording import word
from crony_ops.errors import BadSchedule, InvalidInput
from crony_ops.model.job import JOB_ID, Job
from crony_ops.model.reference import literally
from crony_ops.schedule.zone import load_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from crony_ops.catalog.crontab import CrontabLine

# Settings that are orders to cron, and no variables of the job's.
_CRONS_OWN = frozenset(
    [
        "SHELL",
        "MAILTO",
        "MAILFROM",
        "CRON_TZ",
        "RANDOM_DELAY",
        "LOGNAME",
        "USER",
        "CONTENT_TYPE",
        "CONTENT_TRANSFER_ENCODING",
    ]
)
_READS_HERE_DOCUMENTS = frozenset(["sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"])
# What all jobs of a file have in common stands once, at its head.
_SHARED = ("timezone", "interpreter", "run_on", "user", "env", "concurrency", "notify")


class Imported(NamedTuple):
    """The jobs by id, in the order of the crontabs, or what keeps them from being jobs."""

    jobs: dict[str, Job]
    lines: dict[str, CrontabLine]
    problems: tuple[Problem, ...]


def import_lines(
    lines: Sequence[CrontabLine],
    *,
    timezone: str,
    node: str | None = None,
    prefix: str = "",
    home_of: Callable[[str], str | None] = lambda _: None,
) -> Imported:
    """``timezone`` is that of lines without CRON_TZ; ``home_of`` a user gives the folder that cron
    would go to, None where it would find none. All lines get their ids together. Raises
    BadSchedule for a ``timezone`` that is none."""
    load_zone(timezone)
    jobs: dict[str, Job] = {}
    kept: dict[str, CrontabLine] = {}
    problems: list[Problem] = []
    for job_id, line in zip(name_lines(lines, prefix), lines, strict=True):
        try:
            if not JOB_ID.fullmatch(job_id):
                raise InvalidInput(reason=f"{job_id!r} is no job id: choose another --prefix")
            fields = _fields(line, timezone, home_of(line.user) if line.user else None)
            if node is not None:
                fields["run_on"] = {"node": node}
            jobs[job_id] = Job.model_validate(fields)
            kept[job_id] = line
        except ValidationError as invalid:
            problems += [
                _problem(line, f"{'.'.join(map(str, path))}: {what}", mend)
                for path, what, mend, _ in (word(error, {}) for error in invalid.errors())
            ]
        except InvalidInput as bad:
            problems.append(_problem(line, str(bad)))
    return Imported(jobs, kept, tuple(problems))


def imported_text(imported: Imported, head: Iterable[str]) -> str:
    """The job file, with each line as it stood in its crontab above the job."""
    fields = {job_id: job_fields(job) for job_id, job in imported.jobs.items()}
    first = next(iter(fields.values()), {})
    shared = {
        name: first[name]
        for name in _SHARED
        if name in first and all(own.get(name) == first[name] for own in fields.values())
    }
    if len(fields) < 2:
        shared = {}
    own = {
        job_id: {name: value for name, value in every.items() if name not in shared}
        for job_id, every in fields.items()
    }
    remarks = {
        job_id: (f"{line.file}:{line.line}: {line.text}",)
        for job_id, line in imported.lines.items()
    }
    return job_file_text(own, defaults=shared, head=head, remarks=remarks)


def _fields(line: CrontabLine, timezone: str, home: str | None) -> dict[str, Any]:
    """Raises InvalidInput."""
    settings = line.settings
    zone = settings.get("CRON_TZ") or timezone
    try:
        load_zone(zone)
    except BadSchedule as bad:
        raise InvalidInput(reason=f"CRON_TZ: {bad}") from None
    shell = settings.get("SHELL", "").strip() or "/bin/sh"
    workdir = settings.get("HOME") or home
    fields: dict[str, Any] = {
        "schedule": line.schedule,
        "timezone": zone,
        "shell": _command(line, shell),
        "interpreter": [shell, "-c"],
        "user": line.user,
        "env": {name: literally(text) for name, text in settings.items() if name not in _CRONS_OWN},
        "splay": _splay(settings.get("RANDOM_DELAY")),
        # cron never looks whether the run before is over.
        "concurrency": "allow",
    }
    if workdir is not None:
        fields["workdir"] = workdir
    if "MAILTO" in settings:
        addressees = re.findall(r"[^\s,]+", settings["MAILTO"])
        # An empty one is there to have nobody told.
        fields["notify"] = {"to": addressees} if addressees else {"on": []}
    return fields


def _command(line: CrontabLine, shell: str) -> str:
    """With a here-document for the standard input of the whole command, as cron gives it."""
    if line.stdin is None:
        return line.command
    program = PurePosixPath(shell).name
    if program not in _READS_HERE_DOCUMENTS:
        raise InvalidInput(reason=f"what follows the first % is input, and {program} can't take it")
    text = line.stdin.removesuffix("\n") + "\n" if line.stdin else ""
    end = "END"
    while end in text.split("\n"):
        end += "_"
    return f"exec <<'{end}'\n{text}{end}\n{line.command}\n"


def _splay(minutes: str | None) -> int:
    if not minutes:
        return 0
    if not minutes.isascii() or not minutes.isdigit() or len(minutes) > 5:
        raise InvalidInput(reason=f"RANDOM_DELAY is a number of minutes, not {minutes!r}")
    return int(minutes) * 60


def _problem(line: CrontabLine, what: str, mend: str = "") -> Problem:
    return Problem(line.file, line.line, 1, "", what, mend, text=line.text)
