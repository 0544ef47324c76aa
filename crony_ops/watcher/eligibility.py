"""Who may have a job, and in words why nobody may. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.model.job import RunOn
    from crony_ops.model.node import Node


@dataclass(frozen=True, slots=True)
class Want:
    """What placement has to know of a spec. ``movable``: may another node take it over?"""

    job_id: str
    revision: int
    run_on: RunOn
    preset_sums: Mapping[str, str]
    movable: bool


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes. ``alive`` maps a uuid to its node, or to None where the record can't be read;
    so does ``known``, with all that the roster remembers, the lost ones too. ``evicting`` nodes are
    ``cordoned``, too."""

    alive: Mapping[str, Node | None]
    known: Mapping[str, Node | None] = field(default_factory=dict)
    cordoned: frozenset[str] = frozenset()
    evicting: frozenset[str] = frozenset()
    skewed: frozenset[str] = frozenset()


def matches(run_on: RunOn, node: Node) -> bool:
    """Whether ``run_on`` allows the node, all else aside."""
    if run_on.node is not None:
        return run_on.node in (node.name, node.uuid)
    return run_on.group is None or run_on.group in node.groups


def eligible(want: Want, fleet: Fleet) -> list[str]:
    """The uuids of the nodes that may be given the job."""
    return [uuid for uuid in fleet.alive if may_have(want, uuid, fleet)]


def may_have(want: Want, uuid: str, fleet: Fleet) -> bool:
    """Whether the node may be given the job."""
    node = fleet.alive.get(uuid)
    return (
        node is not None
        and uuid not in fleet.cordoned
        and uuid not in fleet.skewed
        and matches(want.run_on, node)
        and node.offers(want.preset_sums)
    )


def reason_unplaced(run_on: RunOn, preset_sums: Mapping[str, str], fleet: Fleet) -> str:
    """Why no node may take such a job, in words for an operator."""
    readable = [node for node in fleet.alive.values() if node is not None]
    if not readable:
        return "no node is up"
    allowed = [node for node in readable if matches(run_on, node)]
    if not allowed:
        elsewhere = [n.name for n in readable if preset_sums and n.offers(preset_sums)]
        offer = f": {_names(elsewhere)} offers its presets but is not there" if elsewhere else ""
        return f"no node that is up is {_place_in_words(run_on)}{offer}"
    unfit = [node for node in allowed if not node.offers(preset_sums)]
    if len(unfit) == len(allowed):
        missing = sorted(
            f"{name}@{total[:4]}"
            for name, total in preset_sums.items()
            if not any(total in node.presets.get(name, ()) for node in allowed)
        ) or sorted(preset_sums)
        return (
            f"needs preset {', '.join(missing)}, ready on none of {_names(n.name for n in allowed)}"
        )
    fit = [node for node in allowed if node not in unfit]
    if all(node.uuid in fleet.skewed for node in fit):
        return f"the clock of {_names(n.name for n in fit)} is wrong"
    return f"{_names(n.name for n in fit)}: cordoned"


def _place_in_words(run_on: RunOn) -> str:
    if run_on.node is not None:
        return run_on.node
    return f"in group {run_on.group}" if run_on.group else "there"


def _names(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
