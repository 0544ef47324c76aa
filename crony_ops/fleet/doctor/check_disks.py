"""Whether the hosts have room for logs, journals and etcd's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted, size

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Disk, Facts, HostFacts, HostLook

# An agent keeps a megabyte or so beside the logs; a disk with less than this is as good as full.
_FULL_FREE, _FULL_SHARE = 64 * 2**20, 0.02
_FILLING_SHARE = 0.10


def check_disks(facts: Facts) -> list[Finding]:
    found = [
        finding
        for host, said in facts.seen
        for disk in said.disks
        for finding in _disk(host, said, disk)
    ]
    logs = sum(said.logs or 0 for _, said in facts.seen)
    if found or not facts.seen:
        return found
    disks = [disk for _, said in facts.seen for disk in said.disks]
    if not disks:
        return []
    least = min(disk.free for disk in disks)
    says = f"{counted(len(disks), 'disk')}, {size(least)} free at least; logs take {size(logs)}"
    return [passed(Check.disks, says)]


def _disk(host: HostLook, said: HostFacts, disk: Disk) -> list[Finding]:
    if disk.total == 0:
        return []
    share = disk.free / disk.total
    logs = f", of it {size(said.logs)} logs of runs" if said.logs else ""
    hint = f"ssh {host.login} du -xh --max-depth 2 {disk.path}"
    if disk.free < _FULL_FREE or share < _FULL_SHARE:
        says = f"{disk.path} is full: {size(disk.free)} of {size(disk.total)} free{logs}"
        return [fails(Check.disks, host.name, says, hint)]
    if disk.files and disk.files_free / disk.files < _FULL_SHARE:
        says = f"{disk.path} can hold {disk.files_free:,} more files, of {disk.files:,}"
        hint = f"ssh {host.login} du -x --inodes --max-depth 2 {disk.path}"
        return [fails(Check.disks, host.name, says, hint)]
    if share < _FILLING_SHARE:
        says = f"{disk.path} has {share:.0%} left: {size(disk.free)} of {size(disk.total)}{logs}"
        return [warns(Check.disks, host.name, says, hint)]
    return []
