"""Whether etcd answers, has a quorum, and has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted, last_words, size

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Facts
    from crony_ops.store.member_status import MemberStatus

# What etcd takes unless it is told otherwise, for members that don't tell.
USUAL_QUOTA = 2 * 2**30
_FULL, _FILLING = 0.9, 0.75


def check_etcd(facts: Facts) -> list[Finding]:
    members = facts.members
    up = [member for member in members if member.error is None]
    found = [_silent(member, len(up), len(members)) for member in members if member.error]
    if len(up) < len(members) // 2 + 1:
        says = f"there is no quorum: {len(up)} of {len(members)} members answer"
        found.insert(0, fails(Check.etcd, "", says, "start the members that don't answer"))
    elif not any(member.is_leader for member in up):
        says = "the members have no leader: nothing can be claimed"
        found.append(fails(Check.etcd, "", says, _journal(up[0])))
    elif facts.cluster is None:
        hint = "crony-ops status: it asks the same"
        found.append(fails(Check.etcd, "", facts.cluster_error, hint))
    for member in up:
        found += _room(member)
    versions = {member.version for member in up}
    if len(versions) > 1:
        says = f"the members run different versions: {', '.join(sorted(versions))}"
        found.append(warns(Check.etcd, "", says, "upgrade the rest: crony-ops rollout etcd"))
    return [*(found or [_well(up)]), *_unguarded(facts)]


def _well(up: list[MemberStatus]) -> Finding:
    leader = next(member.name for member in up if member.is_leader)
    largest = max(up, key=lambda member: member.db_size)
    room = f"{size(largest.db_size)} of {size(largest.quota or USUAL_QUOTA)}"
    says = f"{counted(len(up), 'member')}, all answer, {leader} leads; {room}, no alarm"
    return passed(Check.etcd, says)


def _unguarded(facts: Facts) -> list[Finding]:
    if facts.cluster is None or facts.cluster.guarded is not False:
        return []
    says = (
        "it asks for no rights inside nested transactions (GHSA-rfx7-8w68-q57q): whoever has any "
        "certificate of the fleet may do everything"
    )
    hint = "run etcd 3.4.44, 3.5.30, 3.6.11 or later: crony_etcd_binary, see docs/fleet.md"
    return [warns(Check.etcd, "", says, hint)]


def _silent(member: MemberStatus, up: int, total: int) -> Finding:
    why = last_words(member.error or "").removeprefix(f"{member.endpoint} ")
    says = f"does not answer: {why}"
    if up == total // 2 + 1:
        says += "; if one more goes, nothing can be claimed"
    return fails(Check.etcd, member.name, says, _journal(member))


def _journal(member: MemberStatus) -> str:
    return f"ssh {member.endpoint.rpartition(':')[0]} journalctl -u etcd -n 50"


def _room(member: MemberStatus) -> list[Finding]:
    found = []
    for alarm in member.alarms:
        says = f"alarm: {alarm}" + (": every write is refused" if "NOSPACE" in alarm else "")
        hint = f"etcdctl --endpoints {member.endpoint} defrag, then etcdctl alarm disarm"
        found.append(fails(Check.etcd, member.name, says, hint))
    quota = member.quota or USUAL_QUOTA
    full = member.db_size / quota
    if full >= _FILLING:
        told = "" if member.quota else " (unless it is told another quota)"
        says = f"its database is {full:.0%} full: {size(member.db_size)} of {size(quota)}{told}"
        hint = f"etcdctl --endpoints {member.endpoint} defrag"
        kind = fails if full >= _FULL else warns
        found.append(kind(Check.etcd, member.name, says, hint))
    return found
