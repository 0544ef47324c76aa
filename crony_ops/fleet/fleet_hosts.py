"""What the inventory says of the hosts that run anything of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from crony_ops.errors import CronyError

if TYPE_CHECKING:
    from crony_ops.catalog.inventory import Inventory

USUAL_STATE_FOLDER = "/var/lib/crony"
USUAL_ETCD_FOLDER = "/var/lib/etcd/crony"

_ROLES = ("etcd", "watchers", "nodes")
_SETTINGS = {"nodes": "crony_node_settings", "watchers": "crony_watcher_settings"}


class BadStateFolder(CronyError):
    message = "{host}: its state_dir {folder!r} is no absolute path that can be read here"


def fleet_of(inventory: Inventory) -> list[str]:
    """The hosts in the groups that the roles are for, by name."""
    none: frozenset[str] = frozenset()
    return sorted(none.union(*(inventory.groups.get(role, none) for role in _ROLES)))


def daemon_settings(variables: Mapping[str, Any], group: str) -> Mapping[str, Any]:
    """What a host's ``variables`` add to the settings of the daemon of `nodes` or `watchers`."""
    told = variables.get(_SETTINGS[group])
    return told if isinstance(told, Mapping) else {}


def state_folder(host: str, variables: Mapping[str, Any]) -> str:
    """Of the host's agent. Raises BadStateFolder."""
    folder = daemon_settings(variables, "nodes").get("state_dir", USUAL_STATE_FOLDER)
    if not isinstance(folder, str) or "{{" in folder or not PurePosixPath(folder).is_absolute():
        raise BadStateFolder(host=host, folder=folder)
    return folder


def etcd_folder(variables: Mapping[str, Any]) -> str:
    """Of the host's member of etcd: the usual one, too, where what is told can't be read here."""
    folder = variables.get("crony_etcd_data_dir")
    if not isinstance(folder, str) or "{{" in folder or not PurePosixPath(folder).is_absolute():
        return USUAL_ETCD_FOLDER
    return folder
