"""A job's days as people hear of them: what they believe is so, or will be put right in time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.effort import times
from tests.unit.alerts.told import HOUR, NOON, Listener, cause_of

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert

EVENTS = ("missed", "lost", "slow")
QUIET = 4 * HOUR
"""From one message of an event to the next, for who wants no reminders."""
REST, EACH = 2 * HOUR, 4 * HOUR
WINDOWS = [{"schedule": "0 */4 * * *", "duration": "2h"}]
SETTINGS = st.fixed_dictionaries(
    {
        "after": st.sampled_from([1, 1, 2]),
        "remind": st.sampled_from([0, 1800, 7200]),
        "slow": st.sampled_from([None, "30s"]),
        "muted": st.sampled_from([False] * 5 + [True]),
    }
)
SECONDS = st.sampled_from([1, 60, 600, 1800, 3600, 5400, 7200, 20_000])
RESTS = st.sampled_from([True, True, False])
ENDS = st.sampled_from(["succeeded", "failed", "failed", "timed_out", "killed", "lost", "missed"])


class Days(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.job = Listener()
        self.now = NOON
        self.muted = False
        self.failures = 0
        self.onsets: list[float] = []
        self.lacks_node = False
        self.believed: dict[str, str] = {}
        """By what it is about, "runs" or "node"; nothing where their belief is their own."""
        self.owed: dict[str, float] = {}
        """From when on people have to know of it, if it still is so."""
        self.quiet_until: dict[str, float] = {}
        """By cause: before that nobody is reminded. Then everybody is, at the next look."""
        self.events: Counter[str] = Counter()
        """What happened, less what was told."""

    # What happens.

    @initialize(settings=SETTINGS, rests=RESTS)
    def there_is_a_job(self, settings: dict[str, Any], *, rests: bool) -> None:
        self.takes(settings, rests=rests)
        if not self.muted:
            self.believed = {"runs": "well", "node": "well"}

    def takes(self, settings: dict[str, Any], *, rests: bool) -> None:
        notify = {name: value for name, value in settings.items() if name != "muted"}
        if settings["muted"] or self.muted:
            self.quiet_until = {}
        self.muted = settings["muted"]
        if self.muted:
            notify["on"] = []
            self.believed = {}
        self.after, self.remind = settings["after"], settings["remind"]
        self.limit = settings["slow"]
        self.rests = rests
        self.job.watched = Listener(notify, maintenance=WINDOWS if rests else []).watched

    @rule(settings=SETTINGS, rests=RESTS)
    def somebody_changes_it(self, settings: dict[str, Any], *, rests: bool) -> None:
        self.takes(settings, rests=rests)
        for cause in EVENTS:
            told = self.job.health.told.get(cause)
            self.events[cause] = told.untold if told is not None else 0

    @rule(seconds=SECONDS)
    def the_leader_looks(self, seconds: int) -> None:
        self.now += seconds
        self.put_off_in_maintenance()
        flapped = "flapping" in self.job.health.told
        settled = flapped and self.now >= max(self.onsets) + HOUR
        self.hear(self.job.looks(self.now))
        assert self.job.looks(self.now) == [], "it does not come to rest"
        if settled and (self.window() is None or self.failures < self.after):
            assert self.believed.get("runs") != "flapping", "it has settled, and nobody knows"
        if flapped and "flapping" not in self.job.health.told:
            self.onsets = []
            # `after` may have been changed: by it so few failures are none.
            if self.failures < self.after:
                self.owed.pop("runs", None)
        for cause in set(EVENTS) - self.job.health.told.keys():
            self.quiet_until.pop(cause, None)
        if self.window() is None and not self.muted:
            for cause, until in self.quiet_until.items():
                assert self.now < until, f"nobody is reminded: {cause}"
        for about, at in self.owed.items():
            known = self.believed.get(about) != "well"
            assert known or self.now < at, f"it is not well, and nobody knows: {about}"

    @rule(end=ENDS, took=st.sampled_from([1, 99]), seconds=SECONDS)
    def a_run_ends(self, end: str, took: int, seconds: int) -> None:
        self.now += seconds
        self.one_ends(end, took)

    @rule(
        ends=st.sampled_from(["fsfsf", "fsfsfs", "fff", "fmmsf"]), every=st.sampled_from([60, 1200])
    )
    def runs_end_one_after_the_other(self, ends: str, every: int) -> None:
        for end in ends:
            self.now += every
            self.one_ends({"f": "failed", "s": "succeeded", "m": "missed"}[end], 1)

    def one_ends(self, end: str, took: int) -> None:
        event = end if end in EVENTS else "slow" if self.is_slow(end, took) else ""
        counts = event and not self.muted and self.window() is None
        is_first = counts and event not in self.job.health.told
        if counts:
            self.events[event] += 1
        known = self.believed.get("runs") != "well" or "failure" in self.job.health.told
        if end in ("failed", "timed_out"):
            self.failures += 1
            if self.failures == self.after:
                self.onsets = [*self.onsets, self.now][-3:]
            if self.failures >= self.after and not known:
                self.owed["runs"] = self.window() or self.now
        elif end == "succeeded":
            self.failures = 0
            self.owed.pop("runs", None)
        self.hear(self.job.hears(end, self.now, took=took))
        if not known and self.failures < self.after:
            assert self.believed.get("runs") == "well", "it has not failed so often"
        if is_first:
            self.quiet_until[event] = self.now + (self.remind or QUIET)
        if end == "succeeded":
            assert self.believed.get("runs") != "failure", "it runs well, and nobody knows"
        if not known and "runs" in self.owed and self.window() is None and not self.muted:
            flaps = len(self.onsets) == 3 and self.now - self.onsets[0] < HOUR
            assert self.believed["runs"] == ("flapping" if flaps else "failure")

    def is_slow(self, end: str, took: int) -> bool:
        return end == "succeeded" and self.limit is not None and took > 30

    @rule(seconds=SECONDS, ago=st.sampled_from([None, None, 9]))
    def it_loses_its_node_or_has_one_again(self, seconds: int, ago: int | None) -> None:
        self.now += seconds
        self.lacks_node = not self.lacks_node
        if self.lacks_node:
            told_at = None if ago is None else self.now - ago
            if told_at is None:
                self.owed["node"] = self.window() or self.now
            elif self.remind:
                self.quiet_until["unassigned"] = told_at + self.remind
            words = self.job.loses_its_node(self.now, told_at=told_at)
            self.hear(words)
            assert told_at is None or not words, "they know it from its node's loss"
            if self.window() is None and told_at is None:
                assert self.believed.get("node") != "well", "it has no node, and nobody knows"
        else:
            self.owed.pop("node", None)
            self.hear(self.job.has_a_node_again(self.now))
            assert self.believed.get("node") != "unassigned", "it has a node, and nobody knows"
            self.quiet_until.pop("unassigned", None)

    # What follows.

    def window(self) -> float | None:
        """When the maintenance that it is in is over."""
        return self.now - self.now % EACH + REST if self.rests and self.now % EACH < REST else None

    def put_off_in_maintenance(self) -> None:
        end = self.window()
        for due in (self.owed, self.quiet_until):
            for name, at in due.items():
                if end is not None and at <= self.now:
                    due[name] = end

    def hear(self, words: list[Alert]) -> None:
        for alert in words:
            assert not self.muted, "nobody asked"
            assert alert.ended or self.window() is None, f"told in maintenance: {cause_of(alert)}"
            self.believe(alert)
        ids = [alert.id for alert in self.job.told]
        assert len(ids) == len(set(ids)), "it is told twice"
        for cause in EVENTS:
            told = self.job.health.told.get(cause)
            untold = told.untold if told is not None else 0
            assert self.muted or self.events[cause] == untold, f"events are lost: {cause}"

    def believe(self, alert: Alert) -> None:
        cause, _, manner = cause_of(alert).partition(" ")
        about = "node" if cause == "unassigned" else "runs"
        if manner == "again":
            never = about in self.believed and cause not in EVENTS
            until = self.quiet_until.get(cause, float("inf") if never else 0.0)
            assert self.now >= until, f"told too early: {cause}"
        if cause in EVENTS:
            assert manner or self.now >= self.quiet_until.get(cause, 0), f"too often: {cause}"
            self.events[cause] -= int(alert.facts["events"])
            self.quiet_until[cause] = self.now + (self.remind or QUIET)
            return
        before = self.believed.get(about)
        after = "well" if alert.ended else cause
        if manner == "settled":
            assert before in (None, "flapping")
            assert self.now >= max(self.onsets) + HOUR, "it has not settled yet"
        elif alert.ended:
            assert before not in ("well", "flapping"), f"none knew that it was not: {cause}"
        elif manner != "again":
            assert before in (None, "well"), f"they knew of it: {cause}"
        elif about == "runs":
            assert before in (None, cause), "they are reminded of what they never knew"
        self.believed[about] = after
        for of_old in ("unassigned",) if about == "node" else ("failure", "flapping"):
            self.quiet_until.pop(of_old, None)
        if not alert.ended and self.remind:
            self.quiet_until[cause] = self.now + self.remind


TestDays: Any = pytest.mark.fuzz(Days.TestCase)
TestDays.settings = times(4)
