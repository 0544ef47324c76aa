"""One crontab: its lines, each with what cron would run and under which settings. Pure.

The grammar is crontab(5)'s, as Debian's cron and cronie read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.catalog.problem import Problem
from crony_ops.errors import InvalidInput
from crony_ops.schedule import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

_SETTING = re.compile(
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s="']+))\s*=\s*(?P<value>.*)"""
)
_ALIAS = re.compile(r"(?P<schedule>@\S+)(?:\s+(?P<rest>.*))?")
_FIELDS = re.compile(r"(?P<schedule>\S+(?:\s+\S+){4})(?:\s+(?P<rest>.*))?")
_USER = re.compile(r"(?P<user>\S+)(?:\s+(?P<rest>.*))?")
_USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}\$?")
_ITEM = re.compile(r"(?:\*|[0-9]+|[a-z]{3})(?:-(?:[0-9]+|[a-z]{3}))?(?:/[0-9]+)?")
_ALIASES = [
    "@hourly",
    "@daily",
    "@midnight",
    "@weekly",
    "@monthly",
    "@yearly",
    "@annually",
    "@reboot",
]
# The command ends at the first percent sign without a backslash of its own.
_COMMAND = re.compile(r"(?:[^%\\]|\\.|\\$)*")


@dataclass(frozen=True, slots=True)
class CrontabLine:
    """A line that is a job. ``line`` counts from 1; ``user`` is None where nobody says who;
    ``stdin`` is what the command reads, None if the line has no bare ``%``; ``settings`` are the
    variables set above it in the file."""

    file: str
    line: int
    text: str
    schedule: str
    user: str | None
    command: str
    stdin: str | None
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Crontab:
    """Both in the order of the file."""

    lines: tuple[CrontabLine, ...]
    problems: tuple[Problem, ...]


def read_crontab(name: str, text: str, *, system: bool, owner: str | None = None) -> Crontab:
    """Read one crontab; in the ``system`` form a line names its user before the command, in the
    other its ``owner`` is the user of all.

    Never raises: a line that can't become a job is among the problems, with the reason.
    """
    lines: list[CrontabLine] = []
    problems: list[Problem] = []
    settings: dict[str, str] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        written = raw.strip()
        if not written or written.startswith("#"):
            continue
        if setting := _SETTING.fullmatch(written):
            key = setting["double"] or setting["single"] or setting["bare"] or ""
            settings[key] = _unquoted(setting["value"])
            continue
        try:
            schedule, user, rest = _split(written, system=system)
            command, stdin = _at_percent(rest)
        except InvalidInput as bad:
            problems.append(Problem(name, number, 1, "", str(bad), text=raw))
        else:
            lines.append(
                CrontabLine(
                    name, number, written, schedule, user or owner, command, stdin, dict(settings)
                )
            )
    return Crontab(tuple(lines), tuple(problems))


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _split(text: str, *, system: bool) -> tuple[str, str | None, str]:
    """Schedule, user and the rest. Raises InvalidInput."""
    found = (_ALIAS if text.startswith("@") else _FIELDS).fullmatch(text)
    if found is None:
        raise InvalidInput(reason="this is neither five fields and a command nor NAME=value")
    schedule, rest, user = " ".join(found["schedule"].split()), found["rest"] or "", None
    _check_schedule(schedule)
    if system:
        named = _USER.fullmatch(rest)
        user, rest = (named["user"], named["rest"] or "") if named else ("", "")
        if not _USER_NAME.fullmatch(user):
            raise InvalidInput(
                reason=f"{user!r} stands where a system crontab names the user; "
                "for a user's own crontab say --no-system"
            )
    if not rest:
        raise InvalidInput(reason="there is no command")
    if not system and rest.split()[0] == "root":
        raise InvalidInput(
            reason="the command begins with 'root': for a system crontab, which names the user "
            "there, say --system"
        )
    return schedule, user, rest


def _check_schedule(schedule: str) -> None:
    """Whether cron itself would take it: our own grammar is larger. Raises InvalidInput."""
    if schedule.startswith("@"):
        if schedule.lower() not in _ALIASES:
            raise InvalidInput(reason=f"cron knows no {schedule!r}: {', '.join(_ALIASES)}")
    else:
        for item in schedule.lower().replace(" ", ",").split(","):
            if "~" in item:
                raise InvalidInput(
                    reason=f"{item!r} is a time drawn anew at each start; write a fixed one, or "
                    "H, H(0-29) in the job file: hashed, and the same for ever"
                )
            if not _ITEM.fullmatch(item):
                raise InvalidInput(reason=f"{item!r} is no field that cron knows")
    parse_schedule(schedule, timezone="UTC", job_id="")


def _at_percent(text: str) -> tuple[str, str | None]:
    """The command, and what it reads. Raises InvalidInput."""
    found = _COMMAND.match(text)
    written = found[0] if found else ""
    command = re.sub(r"\\(.)", lambda pair: "%" if pair[1] == "%" else pair[0], written).strip()
    if not command:
        raise InvalidInput(reason="there is no command before the first %")
    if len(written) == len(text):
        return command, None
    stdin = re.sub(r"(?<!\\)%", "\n", text[len(written) + 1 :]).replace("\\%", "%")
    return command, stdin
