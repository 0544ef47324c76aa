"""Whether systemd has what each host's groups want, running and without accidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted, span

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Facts, HostFacts, HostLook, Unit

UNITS = {
    "nodes": ("crony-node.service",),
    "watchers": ("crony-watcher.service",),
    "etcd": ("etcd.service", "crony-etcd-backup.timer"),
}
"""Those that are to be active, by the group of their hosts."""

ONE_SHOT = {"crony-etcd-backup.timer": "crony-etcd-backup.service"}
"""What a timer starts: how it ended last is looked at."""

_RECENT = 3_600.0


def units_of(groups: frozenset[str]) -> tuple[str, ...]:
    """All that is to be looked at on a host in these groups."""
    wanted = [unit for group, units in UNITS.items() if group in groups for unit in units]
    return (*wanted, *(ONE_SHOT[unit] for unit in wanted if unit in ONE_SHOT))


def check_units(facts: Facts) -> list[Finding]:
    found: list[Finding] = []
    active = 0
    for host, said in facts.seen:
        if units_of(host.groups) and not said.units:
            says = "systemd does not answer there"
            found.append(fails(Check.units, host.name, says, f"ssh {host.login} systemctl status"))
            continue
        for group, names in UNITS.items():
            if group in host.groups:
                for name in names:
                    trouble = _unit(host, said, name, group)
                    found += trouble
                    active += not trouble
    if found or not facts.seen:
        return found
    return [passed(Check.units, f"{counted(active, 'unit')} active, none restarted of late")]


def _unit(host: HostLook, said: HostFacts, name: str, group: str) -> list[Finding]:
    unit = said.units.get(name)
    journal = f"ssh {host.login} journalctl -u {name.partition('.')[0]} -n 50"
    if unit is None or unit.load != "loaded":
        hint = f"crony-ops rollout {group} --limit {host.name}"
        return [fails(Check.units, host.name, f"{name} is not installed", hint)]
    if unit.active != "active":
        started = f"ssh {host.login} systemctl start {name.removesuffix('.service')}"
        hint = started if unit.active == "inactive" else journal
        return [fails(Check.units, host.name, f"{name} is {_standing(unit)}", hint)]
    found = []
    age = max(0.0, said.at - unit.since)
    if unit.restarts and age < _RECENT:
        says = f"{name} was started again {_times(unit.restarts)}, {span(age)} ago last"
        found.append(warns(Check.units, host.name, says, journal))
    if unit.enabled == "disabled":
        hint = f"ssh {host.login} systemctl enable {name}"
        found.append(warns(Check.units, host.name, f"{name} does not start at boot", hint))
    shot = said.units.get(ONE_SHOT.get(name, ""))
    if shot is not None and (shot.active == "failed" or shot.result not in ("success", "")):
        service = ONE_SHOT[name]
        says = f"{service} failed when it ran last ({shot.result})"
        hint = f"ssh {host.login} journalctl -u {service.partition('.')[0]} -n 50"
        found.append(fails(Check.units, host.name, says, hint))
    return found


def _standing(unit: Unit) -> str:
    why = "" if unit.result in ("success", "") else f" ({unit.result})"
    sub = f", {unit.sub}" if unit.sub not in (unit.active, "dead", "") else ""
    return f"{unit.active}{sub}{why}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
