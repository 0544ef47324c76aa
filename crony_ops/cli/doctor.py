"""`crony-ops doctor`: what is wrong with the fleet, and what to type."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.doctor_text import print_diagnosis
from crony_ops.cli.terminal.connection import Cluster, connected_to_fleet
from crony_ops.cli.terminal.fleet import FleetOption, known_fleet
from crony_ops.cli.terminal.output import Output, OutputOption, progress, show
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import InvalidInput
from crony_ops.fleet.doctor.diagnosis import diagnose, worst
from crony_ops.fleet.doctor.finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.catalog.inventory import Inventory

FAILED = 1


@dataclass(frozen=True, slots=True)
class DoctorDocument:
    """``at`` is in unix seconds, ``took`` in seconds. ``verdict`` is the gravest of ``findings``,
    which are told the gravest first. ``hosts`` are those of the inventory that were looked at, or
    could not be; None without one."""

    at: float
    took: float
    verdict: Verdict
    hosts: tuple[str, ...] | None
    findings: tuple[Finding, ...]


@connected_to_fleet
def doctor(
    cluster: Cluster,
    host: Annotated[
        list[str] | None,
        typer.Option(
            *("--host", "-l"),
            metavar="HOST",
            help="look only at this host, or at those of this group; as often as you like",
        ),
    ] = None,
    inventory: FleetOption = None,
    jobs: Annotated[
        Path, typer.Option("--jobs", help="the jobs folder to compare the stored jobs with")
    ] = Path("jobs"),
    output: OutputOption = Output.text,
) -> int:
    """Look for what is wrong: in etcd, on the hosts of the inventory, and between them.

    Each finding passes, warns or fails, and says what to type. Ends with 1 if one fails. Nothing
    is changed anywhere, and nobody is asked for a password: hosts are looked at over ssh, with the
    user's own keys, known_hosts and agent, as the inventory tells; as root where `sudo -n` allows.

    The document of `--output json` is {at, took, verdict, hosts, findings: [{check, verdict, where,
    says, hint}]}.

    Examples:
      $ crony-ops doctor  # ends with 1 if something fails
      $ crony-ops doctor --host node-1 --output json  # ends with 2 if there is no such host
    """
    from crony_ops.cli.doctor_facts import gather

    fleet = known_fleet(inventory or cluster.inventory)
    names = _chosen(fleet.inventory if fleet else None, host or [])
    began = time.time()
    with progress("looking at hosts") as told:
        facts = asyncio.run(gather(cluster.etcd, jobs, fleet, names, told, whole=not host))
    findings = diagnose(facts)
    document = DoctorDocument(
        at=began,
        took=round(time.time() - began, 1),
        verdict=worst(findings),
        hosts=None if facts.hosts is None else tuple(look.name for look in facts.hosts),
        findings=findings,
    )
    show(document, output, lambda console: print_diagnosis(console, document))
    return FAILED if document.verdict is Verdict.failed else 0


def _chosen(inventory: Inventory | None, asked: Sequence[str]) -> list[str]:
    """The hosts to look at. Raises InvalidInput and UnknownName."""
    from crony_ops.fleet.fleet_hosts import fleet_of

    if inventory is None:
        if asked:
            raise InvalidInput(reason="--host wants an inventory: name it with --inventory")
        return []
    whole = fleet_of(inventory)
    if not asked:
        return whole
    chosen: set[str] = set()
    for name in (part for each in asked for part in each.split(",")):
        if name not in inventory.hosts and name not in inventory.groups:
            raise unknown("host", name, [*inventory.hosts, *inventory.groups])
        chosen |= inventory.groups.get(name, frozenset()) | ({name} & inventory.hosts)
    return [name for name in whole if name in chosen]
