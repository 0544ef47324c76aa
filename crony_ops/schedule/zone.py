"""Time zones as spans of constant offset from UTC.

``zoneinfo`` answers for one moment and does not list its transitions. They are found here by
asking once in every 18 hours and halving where the answer changed, for about a year at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from crony_ops.errors import BadSchedule

_CHUNK_BITS = 25
_PROBE = 1 << 16
# Longer than any overlap (a country that crosses the date line repeats a day).
_LOOKBACK = 3 * _PROBE


class Span(NamedTuple):
    """From unix second ``start`` up to but not including ``end``, wall time is UTC + ``offset``.

    ``seen`` is a wall time: the clocks of this zone have passed all before it when the span
    starts. Where ``seen`` < ``start + offset`` the wall times between never exist (spring);
    where it is greater, those between come a second time (autumn).
    """

    start: int
    end: int
    offset: int
    seen: int


def load_zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. Raises BadSchedule with the nearest name that there is."""
    try:
        return ZoneInfo(name)
    # "America" is a folder of the database, "../x" and "" are refused by ValueError.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    folded = {known.casefold(): known for known in available_timezones()}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    hint = f": did you mean {folded[near[0]]}?" if near else ": use a name such as Europe/Berlin"
    raise BadSchedule(reason=f"time zone {name!r} is not known{hint}")


def span_at(zone: ZoneInfo, moment: int) -> Span:
    """The span that unix second ``moment`` lies in. Spans are also cut about once a year."""
    spans = _spans(zone, moment >> _CHUNK_BITS)
    if len(spans) == 1:
        return spans[0]
    return spans[bisect_right(spans, moment, key=_start) - 1]


def _start(span: Span) -> int:
    return span.start


@lru_cache(maxsize=2048)
def _spans(zone: ZoneInfo, chunk: int) -> tuple[Span, ...]:
    chunk_start = chunk << _CHUNK_BITS
    chunk_end = chunk + 1 << _CHUNK_BITS
    moment = chunk_start - _LOOKBACK
    offset = _offset(zone, moment)
    start, seen = moment, moment + offset
    spans: list[Span] = []

    def close(end: int) -> None:
        """End the current span, keeping of it what lies within the chunk."""
        if end > chunk_start:
            cut = max(start, chunk_start)
            spans.append(Span(cut, end, offset, max(seen, cut + offset) if cut > start else seen))

    while moment < chunk_end:
        probe = min(moment + _PROBE, chunk_end)
        # The end belongs to the next chunk, which sees the same transition as its own start.
        if _offset(zone, probe) != offset:
            transition = _transition(zone, moment, probe)
            close(transition)
            seen = max(seen, transition + offset)
            start, offset = transition, _offset(zone, transition)
        moment = probe
    if start < chunk_end:
        close(chunk_end)
    return tuple(spans)


def _transition(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second in (before, after] whose offset differs from that at ``before``."""
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, moment: int) -> int:
    delta = datetime.fromtimestamp(moment, zone).utcoffset()
    assert delta is not None  # a ZoneInfo always knows
    return delta.days * 86_400 + delta.seconds
