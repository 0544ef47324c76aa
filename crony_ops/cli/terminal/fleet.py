"""The hosts behind a cluster, by the inventory that is configured or named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from crony_ops.catalog.inventory import PROGRAM, Inventory, read_inventory
from crony_ops.errors import InvalidInput, MissingExtra

FleetOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        metavar="PATH",
        help="the hosts; unless told, CRONY_INVENTORY or the `inventory:` of the file that tells "
        "of etcd",
    ),
]


@dataclass(frozen=True)
class Fleet:
    """``path`` is where the inventory stands."""

    inventory: Inventory
    path: Path

    @property
    def folder(self) -> Path:
        """What the inventory itself calls `inventory_dir`."""
        path = self.path.absolute()
        return path if path.is_dir() else path.parent

    @cached_property
    def ssh_defaults(self) -> dict[str, Any]:
        """What Ansible is told of ssh besides: asked for once, and only where it is wanted."""
        from crony_ops.fleet.route import ssh_defaults

        return ssh_defaults(self.path.absolute().parent)


def known_fleet(path: Path | None) -> Fleet | None:
    """Of the inventory at ``path``; None if there is none.

    Raises InvalidInput for one that can't be read, and MissingExtra without Ansible.
    """
    if path is None:
        return None
    if not path.exists():
        raise InvalidInput(reason=f"{path}: there is no such inventory")
    inventory = read_inventory(path)
    if inventory is None:
        raise MissingExtra(what=f"reading {path} with {PROGRAM}", extra="fleet")
    return Fleet(inventory, path)
