"""`crony-ops validate`: check the job files, without a cluster."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.terminal.output import Output, OutputOption, say, show
from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from crony_ops.catalog import Catalog, Problem
    from crony_ops.catalog.inventory import Inventory

INVALID = 2

InventoryOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="where nodes and groups are looked up; unless told, `inventory/` or `ansible.cfg` "
        "beside the jobs, if Ansible is installed here",
    ),
]


class Format(StrEnum):
    text = "text"
    github = "github"


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders and files; jobs/ unless told otherwise.")
    ] = None,
    presets: Annotated[
        Path | None, typer.Option(help="The folder of preset scripts, if it stands elsewhere.")
    ] = None,
    inventory: InventoryOption = None,
    herd: Annotated[
        int, typer.Option(min=1, metavar="N", help="warn where more jobs fire in one second")
    ] = 50,
    problem_format: Annotated[
        Format,
        typer.Option(
            "--format", help="github: annotations that stand beside the line in a pull request."
        ),
    ] = Format.text,
    output: OutputOption = Output.text,
) -> None:
    """Check the job files, and show every error at once.

    Ends with status 2 if there is one. Warnings don't count.

    Examples:
      $ crony-ops validate
      $ crony-ops validate jobs --format github
    """
    from crony_ops.catalog import load_catalog
    from crony_ops.cli.view.validate_document import validate_document

    folders = paths or [Path("jobs")]
    catalog = load_catalog(
        folders,
        presets=presets,
        now=time.time(),
        inventory=known_places(folders[0], inventory),
        herd=herd,
    )
    if problem_format is Format.github and output is Output.text:
        for problem in _in_order(catalog):
            sys.stdout.write(problem.as_github() + "\n")
    else:
        show(validate_document(catalog), output, lambda console: _tell(catalog, console))
    if catalog.problems:
        raise typer.Exit(INVALID)


def known_places(jobs: Path, named: Path | None) -> Inventory | None:
    """The nodes and groups of the inventory that is ``named``, or else stands beside the jobs.

    None if there is none, or no host in it. Raises InvalidInput for one that can't be read.
    """
    from crony_ops.catalog.inventory import PROGRAM, find_inventory, read_inventory

    if named is not None and not named.exists():
        raise InvalidInput(reason=f"{named}: there is no such inventory")
    path = named or find_inventory(jobs.absolute())
    if path is None:
        return None
    inventory = read_inventory(path)
    if inventory is None:
        say(f"nodes and groups are not checked: {PROGRAM} is not installed here")
    return inventory if inventory is not None and inventory.hosts else None


def print_problems(problems: list[Problem], console: Console) -> None:
    """One after the other; with the line and a caret where a person looks on."""
    for problem in problems:
        head, *excerpt = problem.render(caret=console.is_terminal).split("\n")
        console.print(head, style="yellow" if problem.level == "warning" else None, soft_wrap=True)
        for line in excerpt:
            console.print(line, style="dim", soft_wrap=True)


def _in_order(catalog: Catalog) -> list[Problem]:
    return sorted(catalog.problems + catalog.warnings)


def _tell(catalog: Catalog, console: Console) -> None:
    print_problems(_in_order(catalog), console)
    counts = f"{_count(len(catalog.specs), 'job')} in {_count(len(catalog.files), 'file')}"
    if catalog.problems:
        counts = f"{_count(len(catalog.problems), 'error')}; {counts} can be used"
    elif catalog.warnings:
        counts += f", {_count(len(catalog.warnings), 'warning')}"
    else:
        counts += ", all well"
    console.print(counts, style="bold red" if catalog.problems else "green")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
