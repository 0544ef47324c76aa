"""One field of a cron expression: what may stand in it, and the values that it stands for.

croniter expands ranges and steps. It is asked for one item of one field at a time,
and only for items checked here first, because it takes some as nobody means them: 7.0.0 reads
``5-5`` as the whole field and ``22-3`` as a range over midnight, lets ``*/90`` be ``0``, forgets
the ``W`` of ``15W``, and draws ``R`` anew on every node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from hashlib import blake2b

from croniter import croniter

from crony_ops.errors import BadSchedule
from crony_ops.schedule.days import LAST_IN_MONTH

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class Field:
    """``position`` counts from the left in an expression of six fields, seconds first."""

    name: str
    position: int
    first: int
    last: int
    names: dict[str, int] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        return self.last - self.first + 1


SECOND = Field("second", 0, 0, 59)
MINUTE = Field("minute", 1, 0, 59)
HOUR = Field("hour", 2, 0, 23)
MONTHDAY = Field("day-of-month", 3, 1, 31)
MONTH = Field("month", 4, 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)})
WEEKDAY = Field("day-of-week", 5, 0, 6, {name: number for number, name in enumerate(_WEEKDAYS)})
FIELDS = (SECOND, MINUTE, HOUR, MONTHDAY, MONTH, WEEKDAY)


@dataclass(frozen=True, slots=True)
class Values:
    """What a field names. ``last``: also the last day of the month. ``nth``: pairs of weekday and
    number in the month. ``starred``: it begins with ``*``, which Vixie cron takes for no
    restriction, also in ``*/2``. ``recurs``: it has a ``*`` or a step, so it tells an interval."""

    numbers: tuple[int, ...]
    last: bool
    nth: frozenset[tuple[int, int]]
    starred: bool
    recurs: bool


def is_hashed(text: str) -> bool:
    """Whether a field may depend on the job's id."""
    return text.startswith("h") or ",h" in text


def read_field(of: Field, text: str, job_id: str) -> Values:
    """Read one field in lower case, ``h`` hashed by the job's id. Raises BadSchedule."""
    numbers: set[int] = set()
    nth: set[tuple[int, int]] = set()
    last = False
    for item in text.split(","):
        if of is MONTHDAY and item == "l":
            last = True
        elif of is WEEKDAY and (ordinal := _ordinal_weekday(item)):
            nth.add(ordinal)
        elif is_hashed(item):
            numbers.update(
                number % 7 if of is WEEKDAY else number for number in _hashed(of, item, job_id)
            )
        else:
            numbers.update(_expand(of, item))
    return Values(
        numbers=tuple(sorted(numbers)),
        last=last,
        nth=frozenset(nth),
        starred=text.startswith(("*", "?")),
        recurs="*" in text or "/" in text,
    )


_PLAIN = re.compile(
    r"(?P<low>\*|\?|[a-z]+|[0-9]+)(?:-(?P<high>[a-z]+|[0-9]+))?(?:/(?P<step>[0-9]{1,9}))?"
)
_HASHED = re.compile(r"h(?:\((?P<low>[0-9]+)-(?P<high>[0-9]+)\))?(?:/(?P<step>[0-9]{1,9}))?")
_NTH_WEEKDAY = re.compile(r"(?P<day>[a-z]{3}|[0-9])#(?P<number>[0-9]{1,9})")
_LAST_WEEKDAY = re.compile(r"l(?P<number>[0-7])|(?P<day>[0-7]|sun|mon|tue|wed|thu|fri|sat)l")


@lru_cache(maxsize=4096)
def _expand(of: Field, item: str) -> frozenset[int]:
    """The values of an item such as ``*``, ``5``, ``mon-fri`` or ``0-30/10``."""
    found = _PLAIN.fullmatch(item)
    if found is None:
        raise _bad(of, item, _why_not_understood(of, item))
    low, high, step = found["low"], found["high"], found["step"]
    if low in ("*", "?"):
        if high:
            raise _bad(of, item, f"{low} is no end of a range")
        if low == "?" and (step or of not in (MONTHDAY, WEEKDAY)):
            raise _bad(of, item, "? stands alone, and for a day only; write *")
        start, end, written = of.first, of.last, "*"
    else:
        start, end = _ends(of, item, low, high or (str(of.last) if step else low))
        written = f"{start}-{end}"
    if step:
        _check_step(of, item, int(step), size=end - start + 1)
        written = f"{written}/{int(step)}"
    if start == end:
        return frozenset({start})
    return _ask_croniter(of, written)


def _ends(of: Field, item: str, low: str, high: str) -> tuple[int, int]:
    """The two ends of a range. Sunday is 0 where a week begins with it, 7 where one ends."""
    start, end = _number(of, item, low), _number(of, item, high)
    if of is WEEKDAY:
        if start == 7:
            start, end = 0, end % 7
        elif end == 0 < start:
            end = 7
        if low in ("7", "sun") and high in ("7", "sun"):
            end = 0
    if start <= end:
        return start, end
    every = range(of.first, of.last + 1) if low.isdigit() else tuple(of.names)
    mended = f"{low}-{every[-1]},{every[0]}-{high}"
    raise _bad(of, item, f"the range runs backwards; write {mended}")


def _hashed(of: Field, item: str, job_id: str) -> range:
    """The values of ``H``, ``H(0-29)``, ``H/15`` or ``H(0-29)/10`` for one job.

    Not croniter's: its one checksum makes minute and hour depend on each other, so that
    ``H H * * *`` reaches a sixth of the day's minutes. Hence a digest for each field.
    """
    found = _HASHED.fullmatch(item)
    if found is None:
        raise _bad(of, item, "write H, H(0-29), H/15 or H(0-29)/10")
    # Every month has 28 days: a hashed job should not skip a month for its name.
    first, last = of.first, 28 if of is MONTHDAY else of.last
    if found["low"]:
        first, last = _ends(of, item, found["low"], found["high"])
    size = last - first + 1
    step = int(found["step"]) if found["step"] else size
    _check_step(of, item, step, size=size)
    digest = blake2b(job_id.encode(), digest_size=8, person=of.name.encode()).digest()
    start = first + int.from_bytes(digest) % step
    return range(start, last + 1, step)


def _ask_croniter(of: Field, item: str) -> frozenset[int]:
    fields = ["*"] * len(FIELDS)
    fields[of.position] = item
    expanded, _ = croniter.expand(" ".join(fields), second_at_beginning=True)
    # croniter gives the seconds back as the last field.
    values = expanded[(of.position - 1) % len(FIELDS)]
    if values == ["*"]:
        return frozenset(range(of.first, of.last + 1))
    return frozenset(value for value in values if isinstance(value, int))


def _ordinal_weekday(item: str) -> tuple[int, int] | None:
    """``mon#2`` is the second Monday of the month, ``L5``, ``5L`` and ``friL`` the last Friday."""
    if nth := _NTH_WEEKDAY.fullmatch(item):
        number = int(nth["number"])
        if not 1 <= number <= 5:
            raise _bad(WEEKDAY, item, "a month has a first to a fifth of each weekday: #1 to #5")
        return _number(WEEKDAY, item, nth["day"]) % 7, number
    if last := _LAST_WEEKDAY.fullmatch(item):
        return _number(WEEKDAY, item, last["day"] or last["number"]) % 7, LAST_IN_MONTH
    return None


def _number(of: Field, item: str, text: str) -> int:
    if text.isdigit():
        number = int(text) if len(text) < 10 else of.last + 10
        highest = 7 if of is WEEKDAY else of.last
        if not of.first <= number <= highest:
            raise _bad(of, item, f"{text} is out of range; it goes from {of.first} to {highest}")
        return number
    if text in of.names:
        return of.names[text]
    raise _bad(of, item, _why_not_understood(of, text))


def _check_step(of: Field, item: str, step: int, *, size: int) -> None:
    if step == 0:
        raise _bad(of, item, "a step of 0 never moves on; use 1 or more")
    if step > size:
        raise _bad(
            of,
            item,
            f"the step is longer than the {size} values it steps through; "
            "for a longer interval use @every, such as @every 90m",
        )


def _why_not_understood(of: Field, text: str) -> str:
    if not text:
        return "an item of the list is empty; take the extra comma away"
    if text.startswith("-"):
        return "there are no negative values"
    if of is WEEKDAY and text == "l":
        return "say which weekday is meant to be the last of the month, as in L5 or friL"
    if of is MONTHDAY and "w" in text:
        return "W (the nearest working day) is not supported; use days and weekdays"
    if text.startswith("r") and not of.names:
        return "R would be another value on each node; use H, which is hashed from the job's id"
    near = get_close_matches(text, of.names, n=1, cutoff=0.4)
    if near:
        return f"{text!r} is not known; did you mean {near[0]}?"
    if of.names:
        return f"{text!r} is not known; use {of.first} to {of.last} or {', '.join(of.names)}"
    return f"{text!r} is not known; use numbers from {of.first} to {of.last}, *, ranges and steps"


def _bad(of: Field, item: str, reason: str) -> BadSchedule:
    return BadSchedule(reason=f"{of.name} {item!r}: {reason}" if item else f"{of.name}: {reason}")
