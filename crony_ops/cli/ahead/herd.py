"""The seconds in which most jobs fire, for people and as a document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import span, table
from crony_ops.schedule.herd import FINEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from crony_ops.schedule.herd import Herd

_NAMED = 5
# More ids than that are of no use to anybody, and there may be 10,000 in each.
_IN_DOCUMENT = 100


@dataclass(frozen=True, slots=True)
class HerdPart:
    """A second in which jobs fire together: ``at`` in unix seconds, ``utc`` in ISO 8601. ``times``
    is in how many seconds they do; ``count`` is that of all jobs, the first hundred are named."""

    at: int
    utc: str
    times: int
    count: int
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HerdList:
    """The largest herds first. ``at`` is now, in unix seconds."""

    at: float
    herds: list[HerdPart]


def herd_part(herd: Herd) -> HerdPart:
    return HerdPart(
        at=herd.at,
        utc=_utc(herd).isoformat(),
        times=herd.times,
        count=len(herd.jobs),
        jobs=herd.jobs[:_IN_DOCUMENT],
    )


def print_herds(console: Console, herds: Sequence[Herd], now: float) -> None:
    if not herds:
        console.print("no two jobs fire in one second")
        return
    rows = (
        (
            f"{_utc(herd):%a %Y-%m-%d %H:%M:%S}Z",
            f"in {span(herd.at - now)}",
            f"{herd.times:,}",
            *_jobs(herd),
        )
        for herd in herds
    )
    console.print(table("UTC", "IN", "TIMES", "COUNT", "JOBS", rows=rows, right=("TIMES", "COUNT")))
    console.print(
        f"Jobs that fire more often than every {FINEST} s are left out. An H for the minute or a "
        "splay spreads a herd.",
        style="dim",
        soft_wrap=True,
    )


def _jobs(herd: Herd) -> tuple[str, str]:
    named = ", ".join(herd.jobs[:_NAMED])
    return f"{len(herd.jobs):,}", f"{named}, …" if len(herd.jobs) > _NAMED else named


def _utc(herd: Herd) -> datetime:
    return datetime.fromtimestamp(herd.at, UTC)
