"""Every misfire policy against everything that keeps ticks from being run, as one table.

A night of a job, played against the real transactions: what the node decides and claims, what the
leader and `resume` write, with a clock that the test turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from crony_ops.model.job import Job
from crony_ops.model.node import Pause
from crony_ops.model.run import GapRecord, QueuedRun, read_run
from crony_ops.model.spec import Source, Spec
from crony_ops.node.ticks import claims
from crony_ops.node.ticks.claims import Claimant, Standing
from crony_ops.node.ticks.holding import Holding
from crony_ops.store.keys import Keys
from crony_ops.watcher.cursors import end_pause
from crony_ops.watcher.placement import Step
from crony_ops.watcher.step_order import step_order
from crony_ops.watcher.view import Given, Seen
from tests.unit.etcd_model import EtcdModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.store import Txn

KEYS = Keys()
ME = Claimant(KEYS, "u", "n", 77)
AHEAD = 1.0
STEP = 30
"""Seconds between two looks of the node."""

POLICIES: Mapping[str, dict[str, Any]] = {
    "skip": {"policy": "skip"},
    "latest": {"policy": "latest", "grace": "30m"},
    "latest, brief": {"policy": "latest", "grace": "2m"},
    "all": {"policy": "all", "grace": "2h"},
    "all, max 2": {"policy": "all", "grace": "2h", "max": 2},
    "all, brief": {"policy": "all", "grace": "20m"},
}


@dataclass
class Night:
    """``ran``: (when, tick), both as local times. Awake, connected and unpaused to begin with."""

    zone: ZoneInfo
    now: float
    etcd: EtcdModel = field(default_factory=EtcdModel)
    holding: Holding | None = None
    high_water: int = 0
    up: bool = True
    connected: bool = True
    ran: list[tuple[str, str]] = field(default_factory=list)

    def assign(self, **fields: Any) -> None:
        """As sync and the leader do."""
        job = Job.model_validate({"shell": "true", "timezone": self.zone.key, **fields})
        wanted = Spec.of(job, Source(file="jobs.yaml"), {})
        spec = self.etcd.put(KEYS.spec("j"), wanted.to_json())
        given = self.etcd.get(KEYS.job("u", "j"))
        txn = step_order(
            KEYS,
            Step("j", "u" if given else "", "u"),
            now=self.now,
            spec=spec,
            wanted=wanted,
            given=Seen(Given.from_json(given.value), given) if given else None,
            cursor=self.etcd.get(KEYS.cursor("j")),
            loss=None,
            fence_delay=5.0,
        )
        assert self.etcd.apply(txn).succeeded
        self.hold()

    def hold(self) -> None:
        """As an agent that starts, or that is told of a change."""
        entry = self.etcd.get(KEYS.job("u", "j"))
        assert entry is not None
        self.holding = Holding.read("j", entry.key, entry.value, entry.mod_revision, KEYS, "u")

    def look(self) -> None:
        """All that there is to claim, in the order in which an agent goes about it."""
        while self.up and self.connected and self.holding is not None and self._advance():
            pass

    def _advance(self) -> bool:
        holding, now = self.holding, self.now
        assert holding is not None
        if holding.cursor is None:
            holding.take_cursor(self.etcd.get(holding.cursor_key), self.high_water, now)
        if self.etcd.get(holding.pause_key) is not None:
            return False
        for entry in self.etcd.prefix(KEYS.queue_of("j")).values():
            queued = QueuedRun.from_json(entry.value)
            txn, run = claims.claim_queued(ME, holding, queued, entry, now)
            if self._claim(txn):
                self._run(run.tick)
            return True
        if (missed := holding.missed(now)) is not None:
            if self._claim(claims.account(ME, holding, missed, now)):
                self._moved(missed.cursor)
            return True
        assert holding.cursor is not None
        tick = holding.schedule.next_after(holding.cursor)
        if tick - AHEAD > now:
            return False
        if self._claim(claims.claim_tick(ME, holding, tick, now)[0]):
            self._moved(tick)
            self._run(tick)
        return True

    def _claim(self, txn: Txn) -> bool:
        result = self.etcd.apply(txn)
        if not result.succeeded:
            assert self.holding is not None
            standing = Standing.of(result)
            self.hold()
            self.holding.take_cursor(standing.cursor, self.high_water, self.now)
        return result.succeeded

    def _moved(self, tick: int) -> None:
        assert self.holding is not None
        entry = self.etcd.get(KEYS.cursor("j"))
        assert entry is not None
        self.holding.cursor, self.holding.cursor_revision = tick, entry.mod_revision
        self.high_water = tick

    def _run(self, tick: int) -> None:
        self.ran.append((self.local(max(self.now, tick)), self.local(tick)))

    def local(self, moment: float) -> str:
        return f"{datetime.fromtimestamp(moment, self.zone):%H:%M}"

    @property
    def told(self) -> list[str]:
        """The ticks that ran; those that ran late with when they did."""
        return [tick if at == tick else f"{tick}@{at}" for at, tick in self.ran]

    @property
    def missed(self) -> int:
        gaps = [read_run(entry.value) for entry in self.etcd.prefix(KEYS.runs_of("j")).values()]
        return sum(gap.count for gap in gaps if isinstance(gap, GapRecord))


def agent_down(night: Night) -> None:
    night.up = False
    night.holding = None


def agent_up(night: Night) -> None:
    night.up = True
    night.hold()


def etcd_down(night: Night) -> None:
    night.connected = False


def etcd_up(night: Night) -> None:
    night.connected = True


def nothing(_night: Night) -> None:
    """A watcher has no part in what runs where nothing moves."""


def pause(night: Night) -> None:
    night.etcd.put(KEYS.pause("j"), Pause(who="ann", at=night.now).to_json())


def resume(night: Night) -> None:
    pause, cursor = night.etcd.get(KEYS.pause("j")), night.etcd.get(KEYS.cursor("j"))
    assert pause is not None
    assert cursor is not None
    assert night.etcd.apply(end_pause(pause, [cursor], night.now)).succeeded


def edit_schedule(night: Night) -> None:
    assert night.holding is not None
    misfire = night.holding.job.misfire
    night.assign(schedule="5-59/10 * * * *", misfire=misfire)


def edit_something_else(night: Night) -> None:
    assert night.holding is not None
    job = night.holding.job
    night.assign(schedule=job.schedule, misfire=job.misfire, description="edited")


def clock_forward(night: Night) -> None:
    night.now += 3600


def clock_back(night: Night) -> None:
    night.now -= 3600


def clock_back_and_restart(night: Night) -> None:
    clock_back(night)
    night.hold()


ACTS = {
    "agent down": (agent_down, agent_up),
    "etcd down": (etcd_down, etcd_up),
    "watcher down": (nothing, nothing),
    "paused": (pause, resume),
    "schedule edited": (edit_schedule, nothing),
    "something else edited": (edit_something_else, nothing),
    "clock an hour forward": (clock_forward, nothing),
    "clock an hour back": (nothing, clock_back),
    "clock an hour back, and a restart": (nothing, clock_back_and_restart),
    "clock an hour forward and back": (clock_forward, clock_back),
    "nothing": (nothing, nothing),
}


def play(
    what: str, policy: str, schedule: str, zone: str, day: str, times: tuple[str, ...]
) -> Night:
    """From the first to the last of the local ``times``, by a clock that nobody steps; the acts
    come at the others."""
    begin, first, second, end = (
        datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone)) for time in times
    )
    night = Night(ZoneInfo(zone), begin.timestamp())
    night.etcd.put(KEYS.node("u"), b"{}", lease=ME.incarnation)
    night.assign(schedule=schedule, misfire=POLICIES[policy])
    acts = list(zip((first.timestamp(), second.timestamp()), ACTS[what], strict=True))
    passed, until = begin.timestamp(), end.timestamp()
    while passed < until:
        night.look()
        while acts and passed >= acts[0][0]:
            acts.pop(0)[1](night)
        passed += STEP
        night.now += STEP
    night.look()
    return night


EVERY_POLICY = tuple(POLICIES)
TEN = "*/10 * * * *"
ROUND_THE_CLOCK = "12:10 12:20 12:30 12:40 12:50 13:00 13:10 13:20 13:30 13:40"
AFTER = "13:10 13:20 13:30 13:40"
HOUR_MISSED = ("12:30", "12:40", "12:50", "13:00", "13:10", "13:20")
HOUR_ON = "13:30 13:40 13:50 14:00 14:10 14:20 14:30 14:40"
ALL_AT_ONCE = " ".join(f"{tick}@13:25" for tick in HOUR_MISSED) + " "
AN_HOUR_LOST = f"12:10 12:20 12:30 12:40 12:50 13:00 {AFTER}"

# What happens from 12:25 to 13:05; the policies; which ticks run (a late one with when); how many
# are on record as missed. Graces and maxima stand in POLICIES.
TABLE: list[tuple[str, tuple[str, ...], str, int]] = [
    ("nothing", EVERY_POLICY, ROUND_THE_CLOCK, 0),
    ("watcher down", EVERY_POLICY, ROUND_THE_CLOCK, 0),
    ("something else edited", EVERY_POLICY, ROUND_THE_CLOCK, 0),
    *(
        (down, policies, f"12:10 12:20 {made_up}{AFTER}", missed)
        for down in ("agent down", "etcd down")
        for policies, made_up, missed in (
            (("skip", "latest, brief"), "", 4),
            (("latest",), "13:00@13:05 ", 3),
            (("all",), "12:30@13:05 12:40@13:05 12:50@13:05 13:00@13:05 ", 0),
            (("all, max 2", "all, brief"), "12:50@13:05 13:00@13:05 ", 2),
        )
    ),
    ("paused", EVERY_POLICY, f"12:10 12:20 {AFTER}", 0),
    (
        "schedule edited",
        EVERY_POLICY,
        "12:10 12:20 12:35 12:45 12:55 13:05 13:15 13:25 13:35 13:45",
        0,
    ),
    # What has run is not run again: the cursor waits until the clock has come back to it.
    ("clock an hour back", EVERY_POLICY, AN_HOUR_LOST, 0),
    ("clock an hour back, and a restart", EVERY_POLICY, AN_HOUR_LOST, 0),
    *(
        (stepped, policies, f"12:10 12:20 {made_up}{HOUR_ON}", missed)
        for stepped in ("clock an hour forward", "clock an hour forward and back")
        for policies, made_up, missed in (
            (("skip", "latest, brief"), "", 6),
            (("latest",), "13:20@13:25 ", 5),
            (("all",), ALL_AT_ONCE, 0),
            (("all, max 2", "all, brief"), "13:10@13:25 13:20@13:25 ", 4),
        )
    ),
]
LONGER = {what for what in ACTS if "back" in what}


@pytest.mark.parametrize(
    ("what", "policy", "ran", "missed"),
    [(what, policy, ran, n) for what, policies, ran, n in TABLE for policy in policies],
)
def test_what_runs_though(what: str, policy: str, ran: str, missed: int) -> None:
    end = "14:45" if what in LONGER else "13:45"
    night = play(what, policy, TEN, "UTC", "2027-01-15", ("12:05", "12:25", "13:05", end))
    assert " ".join(night.told) == ran
    assert night.missed == missed


SPRING, AUTUMN = "2027-03-28", "2027-10-31"
DAILY, HOURLY = "30 2 * * *", "30 * * * *"

# From 01:45 to 04:15 of a night in Berlin in which the clocks change.
CLOCKS_CHANGE: list[tuple[str, str, str, tuple[str, ...], str, int]] = [
    # There is no 02:30: it runs at the first moment behind the gap.
    (SPRING, DAILY, "nothing", EVERY_POLICY, "03:00", 0),
    (SPRING, DAILY, "agent down", ("skip", "latest", "latest, brief", "all, brief"), "", 1),
    (SPRING, DAILY, "agent down", ("all", "all, max 2"), "03:00@04:15", 0),
    (SPRING, HOURLY, "nothing", EVERY_POLICY, "01:30 03:30 04:30", 0),
    (SPRING, HOURLY, "agent down", ("skip", "latest", "all, brief"), "01:30 04:30", 1),
    (SPRING, HOURLY, "agent down", ("all", "all, max 2"), "01:30 03:30@04:15 04:30", 0),
    # There are two: a job of the day runs at the first, one of the hour at both.
    (AUTUMN, DAILY, "nothing", EVERY_POLICY, "02:30", 0),
    (AUTUMN, DAILY, "agent down", EVERY_POLICY, "", 1),
    (AUTUMN, HOURLY, "nothing", EVERY_POLICY, "01:30 02:30 02:30 03:30 04:30", 0),
    (AUTUMN, HOURLY, "agent down", ("skip", "latest", "all, brief"), "01:30 04:30", 3),
    (
        AUTUMN,
        HOURLY,
        "agent down",
        ("all", "all, max 2"),
        "01:30 02:30@04:15 03:30@04:15 04:30",
        1,
    ),
    *(
        (day, schedule, "paused", EVERY_POLICY, ran, 0)
        for day in (SPRING, AUTUMN)
        for schedule, ran in ((DAILY, ""), (HOURLY, "01:30 04:30"))
    ),
]


@pytest.mark.parametrize(
    ("day", "schedule", "what", "policy", "ran", "missed"),
    [
        (day, schedule, what, policy, ran, n)
        for day, schedule, what, policies, ran, n in CLOCKS_CHANGE
        for policy in policies
    ],
)
def test_what_runs_when_the_clocks_change(
    day: str, schedule: str, what: str, policy: str, ran: str, missed: int
) -> None:
    times = ("00:45", "01:45", "04:15", "05:15")
    night = play(what, policy, schedule, "Europe/Berlin", day, times)
    assert " ".join(night.told) == ran
    assert night.missed == missed


def test_the_table_has_every_policy_against_everything() -> None:
    both = [(what, policy) for what, policies, _, _ in TABLE for policy in policies]
    assert sorted(both) == sorted(product(ACTS, POLICIES))
