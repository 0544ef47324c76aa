"""The jobs of the proof: a bit of everything that a schedule, a place and a policy can be.

Each writes itself into the ledger: shell jobs with nothing but bash's own means, for at a hundred
starts a second each process counts; for HTTP jobs their server does it. What is slow is HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crony_ops.local.ledger import ledger_job

EACH_SECOND = "* * * * * *"
RERUN: Mapping[str, Any] = {"on_node_loss": "rerun"}
HANGS = 3600

JobFile = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Trade:
    """How jobs of a run are made: where their ledger lies, and where their server listens."""

    ledger: Path
    url: str

    def shell(self, schedule: str, **fields: Any) -> dict[str, Any]:
        return ledger_job(self.ledger, schedule, **fields)

    def http(
        self, schedule: str, *, seconds: float = 0, status: int = 200, **fields: Any
    ) -> dict[str, Any]:
        url = f"{self.url}/{seconds}/{status}"
        return {"schedule": schedule, "http": {"url": url}, "timeout": 30, **fields}

    def of(self, number: int, schedule: str, **fields: Any) -> dict[str, Any]:
        """One of either kind, by its number."""
        return (self.shell if number % 2 else self.http)(schedule, **fields)


def all_jobs(trade: Trade) -> JobFile:
    """By id; each group is of one kind, numbered."""
    return {
        f"{group}-{number:02}": job
        for group, made in _groups(trade)
        for number, job in enumerate(made)
    }


def changing_job(trade: Trade, number: int, version: int) -> dict[str, Any]:
    """One of those that syncs add, edit and remove; each version of it has other fields."""
    schedule = ("*/2 * * * * *", "@every 3s", "1-59/2 * * * * *", "*/4 * * * * *")[version % 4]
    fields: list[Mapping[str, Any]] = [{}, RERUN, {"misfire": {"policy": "all"}}]
    return trade.of(number, schedule, **fields[version % 3])


def _groups(t: Trade) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield from _each_second(t)
    yield from _now_and_then(t)
    yield from _policies(t)
    yield from _places(t)
    yield from _troubles(t)


def _each_second(t: Trade) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "second", [t.of(n, EACH_SECOND) for n in range(54)]
    yield "second-rerun", [t.of(n, EACH_SECOND, **RERUN) for n in range(10)]
    yield "second-all", [t.of(n, EACH_SECOND, misfire={"policy": "all"}) for n in range(4)]
    yield "second-skip", [t.of(n, EACH_SECOND, misfire={"policy": "skip"}) for n in range(4)]
    yield "second-pinned", [t.of(n, EACH_SECOND, run_on={"node": f"node-{n + 1}"}) for n in (0, 3)]
    yield "second-web", [t.of(n, EACH_SECOND, run_on={"group": "web"}) for n in range(4)]
    allowed = [t.http(EACH_SECOND, seconds=1.5, concurrency="allow") for _ in range(2)]
    yield "second-allow", allowed


def _now_and_then(t: Trade) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "minute", [t.of(n, "* * * * *") for n in range(30)]
    yield "every", [t.of(n, f"@every {n + 3}s") for n in range(20)]
    yield "hashed", [t.of(n, "H * * * * *") for n in range(20)]
    yield "hashed-rerun", [t.of(n, "H/20 * * * * *", **RERUN) for n in range(6)]
    yield "splayed", [t.of(n, "*/10 * * * * *", splay=8) for n in range(10)]
    yield "idle", [t.of(n, "@yearly") for n in range(10)]


def _policies(t: Trade) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for concurrency in ("forbid", "allow", "replace"):
        for loss in ("report", "rerun"):
            made = [
                t.http("*/4 * * * * *", seconds=5, concurrency=concurrency, on_node_loss=loss),
                t.http("*/15 * * * * *", seconds=9, concurrency=concurrency, on_node_loss=loss),
                t.shell("*/20 * * * * *", seconds=8, concurrency=concurrency, on_node_loss=loss),
            ]
            yield f"{concurrency}-{loss}", made
    for policy in ("latest", "all", "skip"):
        misfire = {"policy": policy, "grace": 20, "max": 5}
        yield f"misfire-{policy}", [t.of(n, "*/5 * * * * *", misfire=misfire) for n in range(4)]


def _places(t: Trade) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "pinned", [t.of(n, "*/3 * * * * *", run_on={"node": f"node-{n + 1}"}) for n in range(5)]
    pinned = {"run_on": {"node": "node-2"}, **RERUN}
    yield "pinned-rerun", [t.of(n, "*/5 * * * * *", seconds=2, **pinned) for n in range(2)]
    yield "db", [t.of(n, "*/4 * * * * *", run_on={"group": "db"}) for n in range(6)]
    yield "everywhere", [t.of(n, "*/2 * * * * *", run_on={"every": True}) for n in range(2)]
    web = {"group": "web", "every": True}
    yield "every-web", [t.of(n, "*/5 * * * * *", run_on=web) for n in range(2)]
    yield "tools", [t.shell("*/3 * * * * *", presets=["tools"]) for _ in range(6)]
    yield "drivers", [t.shell("*/5 * * * * *", presets=["drivers"], **RERUN) for _ in range(4)]
    yield "both", [t.shell("*/10 * * * * *", presets=["drivers", "tools"]) for _ in range(2)]


def _troubles(t: Trade) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "fails", [_failing(t), _failing(t), t.http("*/10 * * * * *", status=500)]
    retries = {"count": 2, "delay": 1}
    yield "retried", [t.http("*/10 * * * * *", status=503, retries=retries) for _ in range(3)]
    yield "slow", [t.http("*/10 * * * * *", seconds=25, **loss) for loss in ({}, RERUN)]
    yield (
        "hangs",
        [
            t.http("*/15 * * * * *", seconds=HANGS) | {"timeout": 5},
            t.shell("*/15 * * * * *", seconds=HANGS, timeout=5),
            t.shell("*/15 * * * * *", seconds=HANGS, timeout=5, **RERUN),
        ],
    )


def _failing(t: Trade) -> dict[str, Any]:
    job = t.shell("*/10 * * * * *")
    return {**job, "shell": job["shell"] + "exit 3\n"}
