"""The hosts behind a cluster: which inventory tells of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crony_ops.catalog.inventory import PROGRAM, Inventory, find_inventory, read_inventory
from crony_ops.cli.terminal.local import local_cluster
from crony_ops.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from crony_ops.store.settings import EtcdSettings

FleetOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        metavar="PATH",
        help="the hosts [CRONY_INVENTORY]; unless told, `inventory/` or `ansible.cfg` beside the "
        "jobs, but not for a local cluster",
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
        if self.path.is_dir():
            return self.path.absolute()
        return self.path.absolute().parent

    @cached_property
    def ssh_defaults(self) -> dict[str, Any]:
        """What Ansible is told of ssh besides: asked for once, and only where it is wanted."""
        from crony_ops.fleet.route import ssh_defaults

        return ssh_defaults(self.path.absolute().parent)


def known_fleet(settings: EtcdSettings, jobs: Path, named: Path | None) -> Fleet | None:
    """By the inventory that is ``named``, or by CRONY_INVENTORY; else, unless etcd is a local
    cluster's, by the one beside the folder of ``jobs``. None if there is none.

    Raises InvalidInput for one that can't be read, and MissingExtra without Ansible.
    """
    configured = os.environ.get("CRONY_INVENTORY")
    told = named or (Path(configured) if configured else None)
    if told is not None and not told.exists():
        raise InvalidInput(reason=f"{told}: there is no such inventory")
    path = told
    if path is None and local_cluster(settings, Path.cwd()) is None:
        path = find_inventory(jobs.absolute())
    if path is None:
        return None
    inventory = read_inventory(path)
    if inventory is None:
        raise MissingExtra(what=f"reading {path} with {PROGRAM}", extra="fleet")
    return Fleet(inventory, path)
