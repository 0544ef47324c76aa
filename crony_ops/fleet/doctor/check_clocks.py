"""Whether clocks agree. etcd has none to compare with: what counts is the median of all hosts'.

This machine's clock is one of them, and the one by which the others are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted
from crony_ops.watcher.clocks import LEADER as HERE
from crony_ops.watcher.clocks import judge_clocks

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Facts, HostFacts, HostLook

TOLERANCE = 2.0
"""Seconds, as the watchers': a node beyond it gets no new jobs."""


def check_clocks(facts: Facts) -> list[Finding]:
    offsets = {host.name: _offset(host, said) for host, said in facts.seen}
    logins = {host.name: host.login for host, _ in facts.seen}
    found = []
    for name, off in judge_clocks(offsets, TOLERANCE).items():
        if off is not None:
            where, login = ("here", "") if name == HERE else (name, f"ssh {logins[name]} ")
            says = f"its clock is {off:+.1f} s off the median of all (etcd has no clock to ask)"
            found.append(
                fails(Check.clocks, where, says, f"{login}timedatectl; is chrony running?")
            )
    if len(offsets) < 2:
        # Of two clocks nobody can tell which one is wrong.
        found += [
            warns(
                Check.clocks,
                name,
                f"its clock is {off:+.1f} s off this machine's: one of the two is wrong",
                f"ssh {logins[name]} timedatectl; timedatectl",
            )
            for name, off in offsets.items()
            if abs(off) > TOLERANCE
        ]
    found += _told_by_the_leader(facts, offsets)
    found += [
        warns(
            Check.clocks,
            host.name,
            "its clock is not synchronized: it will drift",
            f"ssh {host.login} timedatectl; install chrony or systemd-timesyncd",
        )
        for host, said in facts.seen
        if said.synchronized is False
    ]
    if found or not offsets:
        return found
    worst = max(map(abs, offsets.values()))
    says = f"{counted(len(offsets), 'host')} within {max(worst, 0.1):.1f} s of this machine"
    return [passed(Check.clocks, says)]


def _offset(host: HostLook, said: HostFacts) -> float:
    """Seconds that the host's clock is ahead of this machine's; 0 if it may be right, for it was
    read somewhere between the question and the answer."""
    return max(0.0, said.at - host.answered) + min(0.0, said.at - host.asked)


def _told_by_the_leader(facts: Facts, looked: dict[str, float]) -> list[Finding]:
    """Of nodes that were not looked at here."""
    rosters = facts.cluster.rosters.items() if facts.cluster else ()
    return [
        fails(
            Check.clocks,
            roster.node.name,
            f"its clock is {roster.clock_offset:+.1f} s off the median, the leader says",
            f"ssh {roster.node.name} timedatectl",
        )
        for uuid, roster in rosters
        if roster.clock_offset is not None
        and facts.cluster is not None
        and uuid in facts.cluster.alive
        and roster.node.name not in looked
    ]
