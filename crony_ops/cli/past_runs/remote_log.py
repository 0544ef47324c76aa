"""The log of a run on a host of the fleet, if the inventory knows that host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from crony_ops.cli.past_runs.whole_log import LogPlace
    from crony_ops.cli.terminal.fleet import Fleet
    from crony_ops.fleet.run_log import RunLog


def remote_log(fleet: Fleet | None, place: LogPlace) -> RunLog:
    """Nothing is connected yet. etcd names the node, but where that is only the inventory says.

    Raises InvalidInput for a host that it does not name, NoRoute, BadStateFolder and MissingExtra.
    """
    if fleet is None:
        raise InvalidInput(
            reason=f"the log is {place.in_words()}, and no inventory says where that is: "
            "name it with --inventory"
        )
    if place.node not in fleet.inventory.hosts:
        raise InvalidInput(
            reason=f"the log is {place.in_words()}, and that is no host of {fleet.path}"
        )
    from crony_ops.fleet.fleet_hosts import state_folder
    from crony_ops.fleet.route import find_route

    try:
        from crony_ops.fleet.run_log import RunLog
    except ImportError:
        raise MissingExtra(what="fetching a log from its host", extra="fleet") from None
    variables = fleet.inventory.variables.get(place.node, {})
    route = find_route(place.node, variables, fleet.ssh_defaults)
    return RunLog(route, state_folder(place.node, variables), place.in_state_dir)
