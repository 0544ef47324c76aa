"""Asking hosts how they are: one program on each, over SSH, several hosts at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crony_ops.errors import CronyError
from crony_ops.fleet.doctor import on_host
from crony_ops.fleet.doctor.check_units import units_of
from crony_ops.fleet.doctor.facts import HostFacts, HostLook
from crony_ops.fleet.fleet_hosts import daemon_settings, etcd_folder, state_folder
from crony_ops.fleet.route import find_route, login_of
from crony_ops.fleet.ssh import run_program

if TYPE_CHECKING:
    from crony_ops.catalog.inventory import Inventory

PATIENCE = 25.0
"""Seconds that a host may take to tell, once it is reached."""

_AT_ONCE = 16
_PRESETS = "/etc/crony/presets"
_CERTIFICATES = "/etc/crony/tls"
_PAGES = {"crony-node.service": "127.0.0.1:9107", "crony-watcher.service": "127.0.0.1:9108"}


def look_at_hosts(
    inventory: Inventory,
    names: Sequence[str],
    defaults: Mapping[str, Any],
    progress: Callable[[int, int], None],
) -> tuple[HostLook, ...]:
    """In the order of ``names``. ``defaults`` are `ssh_defaults`; ``progress`` is told how many of
    how many are done. Raises nothing: why a host could not be looked at is part of the look."""
    looks: dict[str, HostLook] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [pool.submit(_look, inventory, name, defaults) for name in names]
        progress(0, len(names))
        for done in as_completed(asked):
            look = done.result()
            looks[look.name] = look
            progress(len(looks), len(names))
    return tuple(looks[name] for name in names)


def _look(inventory: Inventory, name: str, defaults: Mapping[str, Any]) -> HostLook:
    variables = inventory.variables.get(name, {})
    groups = frozenset(group for group, hosts in inventory.groups.items() if name in hosts)
    login = login_of(name, variables)
    asked = time.time()
    try:
        question = json.dumps(question_for(name, groups, variables))
        route = find_route(name, variables, defaults)
        program = Path(on_host.__file__).read_text()
        asked = time.time()
        said = run_program(route, program, question, seconds=PATIENCE, as_root=False)
        facts = HostFacts.from_json(said)
    except CronyError as error:
        return HostLook(name, groups, login, None, _in_brief(error, name))
    except ValueError:
        return HostLook(name, groups, login, None, "what it says of itself can't be read")
    return HostLook(name, groups, login, facts, "", asked, time.time())


def question_for(
    name: str, groups: frozenset[str], variables: Mapping[str, Any]
) -> dict[str, object]:
    """What `on_host` is asked of a host in these groups. Raises BadStateFolder."""
    is_node = "nodes" in groups
    state_dir = state_folder(name, variables) if is_node else ""
    pages = {}
    for group, unit in (("nodes", "crony-node.service"), ("watchers", "crony-watcher.service")):
        told = daemon_settings(variables, group).get("listen", _PAGES[unit])
        if group in groups and isinstance(told, str) and told and "{{" not in told:
            pages[unit] = told
    return {
        "units": units_of(groups),
        "presets_dir": _PRESETS if is_node else "",
        "state_dir": state_dir,
        "disks": [
            *([state_dir] if is_node else []),
            *([etcd_folder(variables)] if "etcd" in groups else []),
        ],
        "certificates": [_CERTIFICATES],
        "pages": pages,
    }


def _in_brief(error: CronyError, host: str) -> str:
    """Without the host's name, which stands before it anyway."""
    return str(error).removeprefix(host).removeprefix(":").strip()
