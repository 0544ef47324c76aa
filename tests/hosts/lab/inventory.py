"""The example's inventory with the hosts of a lab in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from tests.hosts.lab.host import Host

REPOSITORY = Path(__file__).parents[3]


def write_inventory(
    folder: Path,
    groups: Mapping[str, Sequence[Host]],
    variables: Mapping[str, Any],
) -> Path:
    """Make ``folder`` an inventory, and return it.

    ``groups``: etcd, watchers, and of the nodes each group by its name (or all of them as
    ``nodes``). ``variables`` go before what the example says for the whole fleet.
    """
    shutil.copytree(
        REPOSITORY / "inventory", folder, ignore=shutil.ignore_patterns("pki", "cli.yaml")
    )
    # A folder is read in the order of its names.
    everyone = folder / "group_vars/all"
    everyone.mkdir()
    (folder / "group_vars/all.yml").rename(everyone / "1-example.yml")
    (everyone / "2-lab.yml").write_text(yaml.safe_dump({**variables}))
    (folder / "hosts.yml").write_text(yaml.safe_dump(_hosts(groups)))
    return folder


def _hosts(groups: Mapping[str, Sequence[Host]]) -> dict[str, Any]:
    members: dict[str, Any] = {
        group: {"hosts": {host.name: {"ansible_host": host.address} for host in hosts}}
        for group, hosts in groups.items()
    }
    top: dict[str, Any] = {
        name: members.pop(name) for name in ("etcd", "watchers", "nodes") if name in members
    }
    if members:
        top.setdefault("nodes", {})["children"] = members
    return top
