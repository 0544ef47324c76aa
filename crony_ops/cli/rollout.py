"""`crony-ops rollout`: run a playbook over the fleet, and tell what became of each host."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crony_ops.cli.rollout_screen import by_task, hosts_table, shown
from crony_ops.cli.terminal.output import Output, OutputOption, brief, show, table
from crony_ops.errors import CronyError, InvalidInput
from crony_ops.fleet.rollout.ansible import Order, outline, run
from crony_ops.fleet.rollout.course import (
    Change,
    Course,
    HostCourse,
    HostState,
    after,
    before_it_begins,
    cut_short,
)
from crony_ops.fleet.rollout.outline import all_hosts
from crony_ops.fleet.rollout.playbooks import find_playbook, playbooks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from crony_ops.fleet.rollout.ansible import Ended
    from crony_ops.fleet.rollout.outline import PlayOutline


class NotRolledOut(CronyError):
    message = "{playbook} failed{where}: all that Ansible said is in {artefacts}"


@dataclass(frozen=True, slots=True)
class RolloutDocument:
    """``at`` is when it began in unix seconds, ``took`` in seconds. ``check``: nothing was really
    changed. ``hosts`` are by name, ``changes`` in the order of time. ``complaints`` are Ansible's
    own of what is of no host. ``artefacts`` is the folder with all that it printed and told."""

    at: float
    took: float
    playbook: str
    check: bool
    outcome: Literal["succeeded", "failed", "interrupted"]
    hosts: tuple[HostCourse, ...]
    changes: tuple[Change, ...]
    complaints: tuple[str, ...]
    artefacts: str


def rollout(
    playbook: Annotated[
        str,
        typer.Argument(
            metavar="[PLAYBOOK]",
            help="one of playbooks/, by name; site unless told otherwise",
            autocompletion=lambda: list(playbooks(Path.cwd())),
        ),
    ] = "site",
    limit: Annotated[
        str | None, typer.Option(metavar="HOSTS", help="only these hosts or groups: web,!web-3")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="change nothing: tell what would change")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="show how files change")] = False,
    inventory: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar="CRONY_INVENTORY",
            show_envvar=False,
            help="another than that of ansible.cfg [CRONY_INVENTORY]",
        ),
    ] = None,
    extra_vars: Annotated[
        list[str] | None,
        typer.Option(
            *("--extra-vars", "-e"),
            metavar="NAME=VALUE",
            help="a variable, or several: @FILE, {JSON}; as often as you like",
        ),
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """Run a playbook of `playbooks/`, which is in this folder or in one above, over the inventory.

    Ends with 1 if a host failed or can't be reached. What Ansible printed and told is kept in
    .crony/rollouts, of the last 20 times. Ctrl-C has Ansible end, and a second one kills it.

    The document of `--output json` is {at, took, playbook, check, outcome, hosts: [{host, state,
    task, ok, changed, skipped, error}], changes: [{host, task, diff}], complaints, artefacts}.

    Examples:
      $ crony-ops rollout --check --diff
      $ crony-ops rollout nodes --limit web
    """
    order = _order(playbook, inventory, limit, check, diff, extra_vars or [])
    plays = outline(order)
    began = time.time()
    course, ended = _run(order, plays)
    document = _document(order, course, ended, began)
    show(document, output, lambda console: _print(console, document))
    if document.outcome == "interrupted":
        raise KeyboardInterrupt
    if document.outcome == "failed":
        bad = [host.host for host in document.hosts if host.state.bad]
        where = f" on {', '.join(bad)}" if bad else ""
        raise NotRolledOut(playbook=order.playbook.name, where=where, artefacts=document.artefacts)


def _order(
    playbook: str,
    inventory: str | None,
    limit: str | None,
    check: bool,
    diff: bool,
    extra_vars: list[str],
) -> Order:
    """Raises InvalidInput, UnknownPlaybook and NoPlaybooks."""
    path = find_playbook(playbook, Path.cwd())
    if inventory and "," not in inventory:  # else it is a list of hosts
        if not Path(inventory).exists():
            raise InvalidInput(reason=f"{inventory}: there is no such inventory")
        inventory = str(Path(inventory).absolute())
    variables = tuple(_variable(each) for each in extra_vars)
    return Order(path, path.parent.parent, inventory, limit, check, diff, variables)


def _variable(written: str) -> str:
    """As Ansible takes it: with its own NAME=VALUE a value would end at its first space."""
    if written[:1] == "@":
        return f"@{Path.cwd() / written[1:]}"
    if written[:1] == "{":
        return written
    name, sign, value = written.partition("=")
    if not sign:
        raise InvalidInput(reason=f"--extra-vars wants NAME=VALUE, @FILE or JSON, not {written!r}")
    return json.dumps({name: value})


def _run(order: Order, plays: Sequence[PlayOutline]) -> tuple[Course, Ended]:
    course = before_it_begins(all_hosts(plays))
    with shown(plays, course) as draw:

        def heed(event: Mapping[str, Any]) -> None:
            nonlocal course
            course = after(course, event)
            draw(course)

        ended = run(order, heed)
    return cut_short(course), ended


def _document(order: Order, course: Course, ended: Ended, began: float) -> RolloutDocument:
    return RolloutDocument(
        at=began,
        took=time.time() - began,
        playbook=order.playbook.stem,
        check=order.check,
        outcome="interrupted" if ended.interrupted else ("failed" if ended.status else "succeeded"),
        hosts=tuple(course.hosts[name] for name in sorted(course.hosts)),
        changes=course.changes,
        complaints=course.complaints,
        artefacts=str(ended.artefacts),
    )


def _print(console: Console, document: RolloutDocument) -> None:
    if document.check and document.changes:
        console.print(table("WOULD CHANGE", "ON", rows=by_task(document.changes)))
    console.print(hosts_table(document.hosts))
    for host in document.hosts:
        if host.error is not None:
            console.print(f"{host.host} {host.state} in {host.error.task}", style="bold red")
            for line in (host.error.reason, *host.error.output):
                console.print(f"  {line}", soft_wrap=True)
    for complaint in document.complaints:
        console.print(complaint, style="red", soft_wrap=True)
    counts = Counter(host.state for host in document.hosts)
    said = ", ".join(f"{counts[state]:,} {state}" for state in HostState if counts[state])
    console.print(f"{document.playbook} {document.outcome} in {brief(document.took)}: {said}")
